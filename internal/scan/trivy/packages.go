package trivy

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/image"
	"github.com/sluice-ci/sluice/internal/ospkg"
	"github.com/sluice-ci/sluice/internal/pydist"
)

// installed is a package of an operating system.
type installed struct {
	name   string
	source string // that it was built from, which advisories may name in its place
}

// contents is what of an image is about packages, in a folder as in the image.
type contents struct {
	dir       string
	files     int    // all of the image
	release   string // what the operating system calls itself: "Debian GNU/Linux 12 (bookworm)"
	databases []string
	packages  []installed
	owned     ospkg.Files
	size      int64
	last      struct { // file that was read
		name string
		text []byte
	}

	languages  []language
	noted      [][]noted // by language
	unread     []mute
	folders    pydist.Folders
	ofSystem   int // packages of languages that belong to one of the operating system
	foreigners []foreign
	strange    [][]string // files, by foreigner
}

// Bounds on what is taken out of an image.
const (
	maxPackageFile = 256 << 20 // bytes
	maxTaken       = 1 << 30   // bytes
	maxPackages    = 100_000
)

// besides are files that Trivy reads together with those.
func besides() []string {
	return []string{
		"/etc/os-release", "/usr/lib/os-release", "/etc/*-release", "/etc/debian_version", "/etc/apk/repositories",
	}
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { ok, _ := path.Match(p, name); return ok }) // the patterns are well-formed
}

// take takes what is about packages out of an image.
func take(im *image.Image, dir string) (*contents, error) {
	c := newContents(dir)
	err := im.Walk(c.visit)
	if err == nil {
		err = c.settle()
	}
	if err != nil {
		return nil, fmt.Errorf("looking at the files of the image: %w", err)
	}
	return c, nil
}

func newContents(dir string) *contents {
	c := &contents{dir: dir, languages: languages(), foreigners: foreigners()}
	c.noted, c.strange = make([][]noted, len(c.languages)), make([][]string, len(c.foreigners))
	return c
}

func (c *contents) visit(e image.Entry) error {
	c.folders.Note(e.Path, e.Mode, e.Linkname)
	if e.Mode.IsDir() {
		return nil
	}
	c.files++
	database, listed, language := e.Size > 0 && ospkg.DatabaseOf(e.Path) != ospkg.None, c.owned.Reads(e.Path), c.languageOf(e.Path)
	switch {
	case !e.Mode.IsRegular():
		return c.link(e)
	case !database && !listed && language < 0 && !matches(besides(), e.Path):
		c.noteStrange(e.Path)
		return nil
	}
	if c.size += e.Size; e.Size > maxPackageFile || c.size > maxTaken {
		return fmt.Errorf("what is noted of packages is too large: %s has %d bytes", clean(e.Path, 200), e.Size)
	}
	text, err := c.read(e)
	if err == nil && listed {
		err = c.owned.Read(e.Path, bytes.NewReader(text))
	}
	switch {
	case err != nil:
		return err
	case language >= 0:
		return c.noteLanguage(language, e.Path, text)
	case listed && !database:
		return nil
	}
	if err := write(c.place(e.Path), text); err != nil {
		return err
	}
	return c.note(e.Path, text, database)
}

// place is where a file of the image is copied to; its path is absolute and clean.
func (c *contents) place(name string) string { return filepath.Join(c.dir, filepath.FromSlash(name)) }

// link keeps os-release's link, which most systems have.
func (c *contents) link(e image.Entry) error {
	target := e.Linkname
	if !path.IsAbs(target) {
		target = path.Join(path.Dir(e.Path), target)
	}
	if e.Path != "/etc/os-release" || path.Clean(target) != "/usr/lib/os-release" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(c.place(e.Path)), 0o700); err != nil {
		return err
	}
	return os.Symlink(filepath.FromSlash("../usr/lib/os-release"), c.place(e.Path))
}

// read reads a file. The names of one come one after the other, and reading it again
// would read its layer again.
func (c *contents) read(e image.Entry) (_ []byte, err error) {
	if e.Linkname != "" && e.Linkname == c.last.name {
		return c.last.text, nil
	}
	r, err := e.Open()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	c.last.name = cmp.Or(e.Linkname, e.Path)
	c.last.text, err = io.ReadAll(r)
	return c.last.text, err
}

func (c *contents) note(name string, text []byte, database bool) error {
	switch {
	case database:
		c.databases = append(c.databases, name)
		found := readPackages(name, text)
		if c.packages = append(c.packages, found...); len(c.packages) > maxPackages {
			return fmt.Errorf("there are more than %d packages", maxPackages)
		}
	case strings.HasSuffix(name, "/os-release"):
		c.release = prettyName(text)
	}
	return nil
}

// prettyName is what os-release(5) has for people.
func prettyName(text []byte) string {
	return clean(strings.Trim(field(text, "PRETTY_NAME="), `"'`), 100)
}

// field is the rest of the first line that begins with a name.
func field(text []byte, name string) string {
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte(name)); ok {
			return strings.TrimSpace(string(rest))
		}
	}
	return ""
}

// readPackages reads dpkg's and apk's notes: paragraphs, which empty lines part.
func readPackages(name string, text []byte) (all []installed) {
	var p installed
	status := "installed"
	end := func() {
		if p.name != "" && status == "installed" {
			all = append(all, p)
		}
		p, status = installed{}, "installed"
	}
	manager := ospkg.DatabaseOf(name)
	dpkg := manager == ospkg.Dpkg
	if !dpkg && manager != ospkg.Apk {
		return nil
	}
	s := bufio.NewScanner(bytes.NewReader(text))
	s.Buffer(nil, maxPackageFile)
	for s.Scan() {
		key, value, _ := strings.Cut(s.Text(), ":")
		value = strings.TrimSpace(value)
		switch {
		case s.Text() == "":
			end()
		case dpkg && key == "Package", !dpkg && key == "P":
			p.name = value
		case dpkg && key == "Source":
			p.source, _, _ = strings.Cut(value, " ")
		case !dpkg && key == "o":
			p.source = value
		case dpkg && key == "Status":
			status = value[strings.LastIndexByte(value, ' ')+1:]
		}
	}
	end()
	return all
}

// unreadable are databases of packages that are not counted here.
func (c *contents) unreadable() (names []string) {
	return slices.DeleteFunc(slices.Clone(c.databases), func(name string) bool { return ospkg.DatabaseOf(name) != ospkg.RPM })
}

// maxPlanted is how many packages of an image are planted.
const maxPlanted = 200

// old are packages for the self-test: those of the image, and some that most
// databases have something about.
func (c *contents) old() []installed {
	all := slices.Clone(c.packages[:min(len(c.packages), maxPlanted)])
	for _, name := range []string{"openssl", "curl", "zlib", "busybox", "musl", "glibc", "bash"} {
		all = append(all, installed{name: name, source: name})
	}
	return all
}

// plant writes the same operating system with versions of its packages that are
// before all others.
func (c *contents) plant(dir string) error {
	for _, name := range []string{"/etc/os-release", "/usr/lib/os-release", "/etc/debian_version", "/etc/alpine-release", "/etc/apk/repositories"} {
		text, err := os.ReadFile(c.place(name))
		if err != nil {
			continue // not every system has each
		}
		if err := write(filepath.Join(dir, filepath.FromSlash(name)), text); err != nil {
			return err
		}
	}
	var dpkg, apk strings.Builder
	for _, p := range c.old() {
		source := p.source
		if source == "" {
			source = p.name
		}
		fmt.Fprintf(&dpkg, "Package: %s\nStatus: install ok installed\nSource: %s\nVersion: 0~0\nArchitecture: all\n\n", p.name, source)
		fmt.Fprintf(&apk, "P:%s\nV:0-r0\nA:x86_64\no:%s\n\n", p.name, source)
	}
	for _, name := range c.databases {
		switch ospkg.DatabaseOf(name) {
		case ospkg.Dpkg:
			name = "/var/lib/dpkg/status"
			if err := write(filepath.Join(dir, filepath.FromSlash(name)), []byte(dpkg.String())); err != nil {
				return err
			}
		case ospkg.Apk:
			if err := write(filepath.Join(dir, filepath.FromSlash(name)), []byte(apk.String())); err != nil {
				return err
			}
		}
	}
	return c.plantLanguages(dir)
}
