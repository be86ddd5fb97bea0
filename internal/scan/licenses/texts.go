package licenses

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/atomicfile"
	"github.com/sluice-ci/sluice/internal/spdx"
)

// Bounds on what is read.
const (
	maxText  = 1 << 20  // bytes of a licence file
	maxSmall = 16 << 20 // bytes of a go.mod, the go command's own limit
	maxMemo  = 16 << 20 // bytes of what is kept
	maxKept  = 10_000   // readings, after which only those in use are
	maxFiles = 500      // licence files of a part
)

// kind is what a file's name says of it.
type kind int

const (
	otherFile   kind = iota
	licenseFile      // its text is the licence
	noticeFile       // it may have a licence among other things
)

var (
	licenseName = regexp.MustCompile(`(?i)^((un)?licen[cs]e|copying|copyleft)([-_. ].*)?$|^[-_.+a-z0-9]+[-_.]licen[cs]e(\.(txt|md|markdown|rst))?$`)
	asideName   = regexp.MustCompile(`(?i)[-_.](docs?|documentation|logos?)(\.[a-z]+)?$`)
	noticeName  = regexp.MustCompile(`(?i)^(notice|copyright|third[-_]?party[-_a-z]*)(\.(txt|md|markdown|rst))?$`)
	sourceName  = regexp.MustCompile(`(?i)\.(go|py|js|ts|json|ya?ml|toml|tmpl|gotmpl|tpl|sh|c|h|html|css|svg|png|xml|csv|lre|header)$`)
)

func kindOf(name string) kind {
	switch {
	case sourceName.MatchString(name), asideName.MatchString(name): // documentation and logos are not shipped
		return otherFile
	case licenseName.MatchString(name):
		return licenseFile
	case noticeName.MatchString(name):
		return noticeFile
	}
	return otherFile
}

// noFile is why nothing is known of a part without licence files.
const noFile = "it has no licence file"

// known is a part with its licence.
type known struct {
	part
	license spdx.Expression
	files   []string // that say so, the first the nearest to the part's top
	unclear []string // why it cannot be told, or not all of it
	atHand  bool     // it is a distribution that was not installed from an index
}

func readAll(ctx context.Context, parts []part, m *memo) (all []known, err error) {
	for _, p := range parts {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		k, err := read(p, m)
		if err != nil {
			return nil, fmt.Errorf("reading the licence of %s: %w", p.name, err)
		}
		all = append(all, k)
	}
	return all, nil
}

// read looks at the files in a part's folders: all of them hold.
func read(p part, m *memo) (known, error) {
	k := known{part: p}
	for _, dir := range p.folders {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return k, err
		}
		for _, e := range entries {
			if kind := kindOf(e.Name()); kind != otherFile && !e.IsDir() {
				if err := k.add(filepath.Join(dir, e.Name()), kind, m); err != nil {
					return k, err
				}
			}
		}
	}
	for _, file := range p.single {
		if err := k.add(file, kindOf(filepath.Base(file)), m); err != nil {
			return k, err
		}
	}
	if len(k.files) > 0 || len(k.unclear) > 0 {
		return k, nil
	}
	if p.known == "" {
		k.unclear = []string{noFile}
		return k, nil
	}
	var err error
	k.license, err = spdx.Parse(p.known)
	return k, err
}

// add adds what one file says.
func (k *known) add(file string, kind kind, m *memo) error {
	name := filepath.Base(file)
	if len(k.folders) > 0 {
		if rel, err := filepath.Rel(k.folders[0], file); err == nil {
			name = filepath.ToSlash(rel)
		}
	}
	if len(k.files) == maxFiles {
		return fmt.Errorf("there are more than %d licence files", maxFiles)
	}
	text, err := readText(file)
	if errors.Is(err, errNoText) {
		if kind == licenseFile {
			k.unclear = append(k.unclear, name+" "+err.Error())
		}
		return nil
	}
	if err != nil {
		return err
	}
	e, why, err := m.reading(text).license(kind)
	if why != "" {
		k.unclear = append(k.unclear, name+": "+why)
	}
	if err == nil && len(e) > 0 {
		k.files = append(k.files, name)
		k.license, err = spdx.Both(k.license, e)
	}
	return err
}

// errNoText is what cannot be read as a text, which is for the user to look at.
var errNoText = errors.New("is no file of at most 1 MiB")

func readText(file string) ([]byte, error) {
	info, err := os.Lstat(file)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxText {
		return nil, errNoText
	}
	text, err := readUpTo(file, maxText)
	return text, err
}

func readSmall(file string) ([]byte, error) { return readUpTo(file, maxSmall) }

func readUpTo(file string, most int64) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("%s has more than %d bytes", file, most)
	}
	return text, err
}

// memo is what was read in texts before, by their hashes: preparing to read takes
// seconds, and the texts hardly ever change.
type memo struct {
	file  string // "" keeps nothing
	Maker string
	Texts map[string]reading
	used  map[string]reading // this time
	fresh bool
}

func recall(dir, sluice string) *memo {
	m := &memo{file: filepath.Join(dir, "texts.json"), Maker: sluice + " " + version()}
	var kept memo
	text, err := readUpTo(m.file, maxMemo)
	if err == nil && json.Unmarshal(text, &kept) == nil && kept.Maker == m.Maker {
		m.Texts = kept.Texts
	}
	return m
}

func (m *memo) reading(text []byte) reading {
	sum := sha256.Sum256(text)
	key := hex.EncodeToString(sum[:])
	r, ok := m.Texts[key]
	if !ok {
		r = identify(text)
		if m.Texts == nil {
			m.Texts = map[string]reading{}
		}
		m.Texts[key], m.fresh = r, true
	}
	if m.used == nil {
		m.used = map[string]reading{}
	}
	m.used[key] = r
	return r
}

// remember keeps what was read, where any of it is new.
func (m *memo) remember() error {
	if !m.fresh || m.file == "" {
		return nil
	}
	if len(m.Texts) > maxKept {
		m.Texts = m.used
	}
	text, err := json.Marshal(m)
	if err != nil || len(text) > maxMemo {
		return err
	}
	return atomicfile.Write(m.file, text, fs.FileMode(0o600))
}

// without leaves out what of copied code is under a licence that the service or its
// repository is under itself: it may be their own, and asks for nothing new.
func without(all, own []known) []known {
	var ours []spdx.Term
	for _, k := range own {
		ours = slices.Concat(ours, slices.Concat(k.license...))
	}
	return slices.DeleteFunc(slices.Clone(all), func(k known) bool {
		foreign := func(t spdx.Term) bool { return !slices.Contains(ours, t) }
		return len(k.chain) == 0 && len(k.unclear) == 0 && !slices.ContainsFunc(slices.Concat(k.license...), foreign)
	})
}

// named are the modules among what was read.
func named(all []known) (names []string) {
	for _, k := range all {
		if len(k.chain) > 0 {
			names = append(names, k.name)
		}
	}
	return names
}

func files(all []known) (n int) {
	for _, k := range all {
		n += len(k.files)
	}
	return n
}

// describe writes down what was read, for who wants to see all of it.
func describe(w io.Writer, all []known) {
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b known) int { return strings.Compare(a.name, b.name) })
	for _, k := range all {
		fmt.Fprintln(w, clip(k.name), "is under", orUnknown(k.license), clip(strings.Join(k.unclear, "; ")))
	}
}

func orUnknown(e spdx.Expression) string {
	if len(e) == 0 {
		return "a licence that is not known"
	}
	return e.String()
}
