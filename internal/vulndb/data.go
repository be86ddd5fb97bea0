package vulndb

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// The bounds of a database. That of August 2026 has 4,155 advisories, the
// largest of 13 kB, all together 17 MB.
const (
	maxAdvisories   = 100_000
	maxAdvisorySize = 1 << 20
	maxTotalSize    = 512 << 20
	maxIndexSize    = 64 << 20
)

// advisory is one entry of the database, in the OSV format.
type advisory struct {
	ID        string     `json:"id"`
	Modified  time.Time  `json:"modified"`
	Published time.Time  `json:"published"`
	Aliases   []string   `json:"aliases"`
	Affected  []affected `json:"affected"`

	text []byte // as it came, without insignificant space
}

type affected struct {
	Package struct {
		Name      string `json:"name"`
		Ecosystem string `json:"ecosystem"`
	} `json:"package"`
}

// data is a database that was read and checked.
type data struct {
	advisories []advisory // by ID
	modified   time.Time  // the newest change, in whole seconds
}

// validID is what an advisory may be called: the ID is a file's name.
var validID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// layouts are the folders in which advisories are found: of the database as it
// is served, and of the repository that it is made from.
var layouts = []string{"ID", "data/osv"}

// read reads a database in either layout. asOf is when all of it is known to
// have been current, or zero: the repository does not record when an advisory
// was changed.
func read(fsys fs.FS, asOf time.Time) (*data, error) {
	dir, files, err := list(fsys)
	if err != nil {
		return nil, err
	}
	d := &data{modified: asOf.UTC()}
	total := int64(0)
	for _, f := range files {
		a, err := readAdvisory(fsys, path.Join(dir, f.Name()))
		if err != nil {
			return nil, err
		}
		if total += int64(len(a.text)); total > maxTotalSize {
			return nil, fmt.Errorf("the advisories have more than %d bytes", maxTotalSize)
		}
		d.add(a)
	}
	d.modified = d.modified.Truncate(time.Second)
	slices.SortFunc(d.advisories, func(a, b advisory) int { return strings.Compare(a.ID, b.ID) })
	return d, errors.Join(d.complete(), d.matchesIndex(fsys))
}

func (d *data) add(a advisory) {
	d.advisories = append(d.advisories, a)
	for _, t := range []time.Time{a.Modified, a.Published} {
		if t.After(d.modified) {
			d.modified = t.UTC()
		}
	}
}

// list finds the advisories' files.
func list(fsys fs.FS) (dir string, files []fs.DirEntry, err error) {
	for _, dir := range layouts {
		all, err := fs.ReadDir(fsys, dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", nil, fmt.Errorf("listing %s: %w", dir, err)
		}
		for _, f := range all {
			// index.json is of an older layout, and no advisory.
			if path.Ext(f.Name()) == ".json" && f.Name() != "index.json" {
				files = append(files, f)
			}
		}
		if len(files) > maxAdvisories {
			return "", nil, fmt.Errorf("%s has %d files, more than %d", dir, len(files), maxAdvisories)
		}
		return dir, files, nil
	}
	return "", nil, fmt.Errorf("there is neither a folder %s", strings.Join(layouts, " nor a folder "))
}

// readAdvisory reads and checks one file.
func readAdvisory(fsys fs.FS, name string) (advisory, error) {
	text, err := readFile(fsys, name, maxAdvisorySize)
	if err != nil {
		return advisory{}, err
	}
	var a advisory
	if err := json.Unmarshal(text, &a); err != nil {
		return a, fmt.Errorf("reading %s: %w", name, err)
	}
	if !validID.MatchString(a.ID) || a.ID+".json" != path.Base(name) {
		return a, fmt.Errorf("reading %s: it is about an advisory with the ID %.80q", name, a.ID)
	}
	for _, m := range a.Affected {
		if m.Package.Ecosystem != "Go" || m.Package.Name == "" {
			return a, fmt.Errorf("reading %s: it is about %.80q of %.80q, and not about a Go module", name, m.Package.Name, m.Package.Ecosystem)
		}
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		return a, fmt.Errorf("reading %s: %w", name, err)
	}
	a.text = compact.Bytes()
	return a, nil
}

// readFile reads a regular file of bounded size.
func readFile(fsys fs.FS, name string, max int64) (_ []byte, err error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("reading %s: it is not a regular file", name)
	}
	text, err := io.ReadAll(io.LimitReader(f, max+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	if int64(len(text)) > max {
		return nil, fmt.Errorf("reading %s: it has more than %d bytes", name, max)
	}
	return text, nil
}

// complete refuses a database in which a scanner could find nothing: it would
// call everything clean.
func (d *data) complete() error {
	if len(d.advisories) == 0 {
		return errors.New("there is no advisory in it")
	}
	for _, a := range d.advisories {
		for _, m := range a.Affected {
			if m.Package.Name == "stdlib" {
				return nil
			}
		}
	}
	return fmt.Errorf("none of its %d advisories is about Go's standard library", len(d.advisories))
}

// matchesIndex compares the advisories with the database's own index, where
// there is one: a database of which a part was lost says less than it should.
func (d *data) matchesIndex(fsys fs.FS) error {
	text, err := readFile(fsys, "index/vulns.json", maxIndexSize)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var index []struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(text, &index); err != nil {
		return fmt.Errorf("reading index/vulns.json: %w", err)
	}
	have := map[string]bool{}
	for _, a := range d.advisories {
		have[a.ID] = true
	}
	for _, v := range index {
		if !have[v.ID] {
			return fmt.Errorf("index/vulns.json names %.80q, which is not there", v.ID)
		}
	}
	if len(index) != len(have) {
		return fmt.Errorf("index/vulns.json names %d advisories, and %d are there", len(index), len(have))
	}
	return nil
}
