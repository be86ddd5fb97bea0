package trivy

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/pydist"
	"github.com/sluice-ci/sluice/internal/scan"
)

// pythonKind is what Trivy calls Python's packages.
const pythonKind = "python-pkg"

// language is one whose installers leave a file of each package that Trivy looks up.
type language struct {
	kind  string // as Trivy calls it
	of    string // whose packages they are: "Python's"
	is    func(name string) bool
	read  func(text []byte) (name, version string, err error)
	write func(name, version string) string // the least that read reads
	file  string                            // where one of a package is; "NAME" stands for it
	known []string                          // packages that most databases have something about
}

func languages() []language {
	return []language{
		{
			kind: pythonKind, of: "Python's", is: pydist.IsMetadata, read: readPython,
			write: func(name, version string) string {
				return fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\n", name, version)
			},
			file: "srv/site-packages/NAME.dist-info/METADATA", known: []string{"Django", "Flask", "requests", "Pillow", "Jinja2"},
		},
		{
			kind: "node-pkg", of: "Node.js's", is: nodeFile.MatchString, read: readNode,
			write: func(name, version string) string { return fmt.Sprintf(`{"name": %q, "version": %q}`, name, version) },
			file:  "srv/node_modules/NAME/package.json", known: []string{"lodash", "minimist", "axios", "express", "semver"},
		},
		{
			kind: "gemspec", of: "Ruby's", is: gemFile.MatchString, read: readGem,
			write: func(name, version string) string {
				return fmt.Sprintf("Gem::Specification.new do |s|\n  s.name = %q\n  s.version = %q\nend\n", name, version)
			},
			file: "srv/specifications/NAME.gemspec", known: []string{"rack", "rails", "nokogiri", "json", "rexml"},
		},
	}
}

// The files of packages: of those that npm installs, and of RubyGems'.
var (
	nodeFile = regexp.MustCompile(`/node_modules/(?:@[^/]+/)?[^/@.][^/]*/package\.json$`)
	gemFile  = regexp.MustCompile(`/specifications/.+\.gemspec$`)
	harmless = regexp.MustCompile(`^[\w@.+!/~:-]{1,300}$`) // names and versions, which are written into files again
	gemSays  = regexp.MustCompile(`(?m)^\s*\w+\.(name|version)\s*=\s*(?:Gem::Version\.new\()?["']([^"'\n]*)["']`)
)

func readPython(text []byte) (name, version string, err error) {
	d, err := pydist.Parse(text)
	return d.Name, d.Version, err
}

// readNode reads a package.json. Names of fields are as they are written: to Go's
// own decoder "Name" would be "name", too.
func readNode(text []byte) (name, version string, err error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return "", "", err
	}
	return name, version, errors.Join(json.Unmarshal(fields["name"], &name), json.Unmarshal(fields["version"], &version))
}

// readGem reads what RubyGems writes, which is a program.
func readGem(text []byte) (name, version string, err error) {
	for _, m := range gemSays.FindAllSubmatch(text, -1) {
		field := &name
		if string(m[1]) == "version" {
			field = &version
		}
		if *field != "" && *field != string(m[2]) {
			return "", "", fmt.Errorf("it says both %.100q and %.100q of itself", *field, m[2])
		}
		*field = string(m[2])
	}
	return name, version, nil
}

// noted is a package of a language that was found by its file.
type noted struct{ path, name, version string }

// String is how the census knows it.
func (n noted) String() string { return n.name + " " + n.version + " (" + n.path + ")" }

// languageOf is the index of the language of whose packages a file is; -1 is none.
func (c *contents) languageOf(name string) int {
	return slices.IndexFunc(c.languages, func(l language) bool { return l.is(name) })
}

// noteLanguage notes a package of a language, and writes the least about it to where
// Trivy looks: one file that it cannot read would have it pass over all.
func (c *contents) noteLanguage(i int, name string, text []byte) error {
	l := c.languages[i]
	n := noted{path: name}
	var err error
	n.name, n.version, err = l.read(text)
	if err == nil && (!harmless.MatchString(n.name) || !harmless.MatchString(n.version)) {
		err = errors.New("it does not say what it is of")
	}
	if err != nil {
		c.unread = append(c.unread, mute{name, i, err})
		return nil
	}
	if c.noted[i] = append(c.noted[i], n); len(c.noted[i]) > maxPackages {
		return fmt.Errorf("there are more than %d packages of %s", maxPackages, l.of)
	}
	return write(c.place(name), []byte(l.write(n.name, n.version)))
}

// mute is a file that says nothing of its package.
type mute struct {
	path     string
	language int
	err      error
}

// settle leaves out, when all lists of files were read, what belongs to packages that the
// operating system's distribution made: it is looked up with these.
func (c *contents) settle() error {
	for i := range c.noted {
		all := c.noted[i]
		c.noted[i] = nil
		for _, n := range all {
			if !c.owned.Distributes(n.path) {
				c.noted[i] = append(c.noted[i], n)
				continue
			}
			c.ofSystem++
			if err := os.Remove(c.place(n.path)); err != nil {
				return err
			}
		}
	}
	for _, name := range c.folders.Bare() {
		c.unread = append(c.unread, mute{name, 0, errors.New("there is no metadata in it")})
	}
	c.unread = slices.DeleteFunc(c.unread, func(u mute) bool { return c.owned.Distributes(u.path) })
	for i := range c.strange {
		c.strange[i] = slices.DeleteFunc(c.strange[i], c.owned.Distributes)
	}
	return nil
}

// unreadPython is why packages of Python's cannot be looked up; "" is that all can.
func (c *contents) unreadPython() string {
	var all []string
	for _, u := range c.unread {
		if c.languages[u.language].kind == pythonKind {
			all = append(all, clean(fmt.Sprintf("%s: %v", u.path, u.err), maxReason))
		}
	}
	if len(all) == 0 {
		return ""
	}
	return fmt.Sprintf("%d packages of Python's do not say what they are: %s", len(all), some(all))
}

// others are the packages of languages.
func (c *contents) others() (n int) {
	for _, of := range c.noted {
		n += len(of)
	}
	return n
}

// plantLanguages writes what installers leave of old versions of the image's packages,
// and of some that most databases have something about.
func (c *contents) plantLanguages(dir string) error {
	for i, l := range c.languages {
		names := slices.Clone(l.known)
		for _, n := range c.noted[i][:min(len(c.noted[i]), maxPlanted)] {
			names = append(names, n.name)
		}
		for _, name := range names {
			if path.Clean("/"+name) != "/"+name {
				continue
			}
			if err := write(path.Join(dir, strings.ReplaceAll(l.file, "NAME", name)), []byte(l.write(name, "0.0.1"))); err != nil {
				return err
			}
		}
	}
	return nil
}

// judgeLanguages adds to a report which packages of languages Trivy looked up, and
// what it was shown to see. A package that it does not name is one that nobody looked at.
func (c *contents) judgeLanguages(planted, found packagesIn, r *pipeline.Report) (err error) {
	for i, l := range c.languages {
		if len(c.noted[i]) == 0 {
			continue
		}
		r.SelfTest.Planted = append(r.SelfTest.Planted, "old packages of "+l.of)
		if planted.vulnerable(l.kind) {
			r.SelfTest.Caught = append(r.SelfTest.Caught, "old packages of "+l.of)
		}
		var counted, examined []string
		for _, n := range c.noted[i] {
			counted = append(counted, n.String())
		}
		for _, n := range found.of(l.kind) {
			examined = append(examined, n.String())
		}
		count, missing := scan.Census("packages of "+l.of, counted, examined)
		r.Examined, err = append(r.Examined, count), errors.Join(err, missing)
	}
	return err
}
