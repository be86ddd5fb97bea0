package licenses

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-ci/sluice/internal/image"
	"github.com/sluice-ci/sluice/internal/ospkg"
	"github.com/sluice-ci/sluice/internal/pydist"
	"github.com/sluice-ci/sluice/internal/spdx"
)

// Bounds on what is taken out of an image.
const (
	maxDists = 100_000
	maxTaken = 256 << 20 // bytes of metadata and licence files
)

// dist is a distribution of Python's in an image.
type dist struct {
	pydist.Distribution
	path  string // of its metadata
	local bool   // it was made of files that were at hand
	files []licenceFile
}

// licenceFile is a copy of one.
type licenceFile struct {
	file string // absolute
	kind kind
}

// dists are those of an image that did not come with a package of the operating system.
type dists struct {
	scratch string // where licence files are copied to
	all     []dist
	unread  []string // why others are not among them
	paths   []string // of the metadata of all, and of what should have some
	system  bool     // the image has packages of an operating system
	strange int      // packages of other languages

	owned   ospkg.Files
	folders pydist.Folders
	errs    map[string]error         // by metadata that cannot be read
	local   map[string]bool          // folders of what was not installed from an index
	files   map[string][]licenceFile // by folder
	size    int64
	n       int
	last    struct { // file that was read
		name string
		text []byte
	}
}

func findDists(im *image.Image, scratch string) (*dists, error) {
	d := &dists{scratch: scratch}
	err := im.Walk(d.visit)
	if err != nil {
		return nil, fmt.Errorf("looking at the files of the image: %w", err)
	}
	d.settle()
	return d, nil
}

// strangers are files of packages of other languages.
var strangers = regexp.MustCompile(`/node_modules/(?:@[^/]+/)?[^/]+/package\.json$|/specifications/.+\.gemspec$|\.jar$`)

func (d *dists) visit(e image.Entry) error {
	d.folders.Note(e.Path, e.Mode, e.Linkname)
	d.system = d.system || e.Size > 0 && ospkg.DatabaseOf(e.Path) != ospkg.None
	if strangers.MatchString(e.Path) {
		d.strange++
	}
	folder := pydist.Folder(e.Path)
	switch {
	case !e.Mode.IsRegular():
	case d.owned.Reads(e.Path):
		return open(e, func(r io.Reader) error { return d.owned.Read(e.Path, r) })
	case folder != "" && pydist.IsMetadata(e.Path):
		text, err := d.text(e)
		return errors.Join(err, d.metadata(e.Path, text))
	case folder != "" && path.Base(e.Path) == "direct_url.json":
		text, err := d.text(e)
		if d.local == nil {
			d.local = map[string]bool{}
		}
		d.local[folder] = isLocal(text)
		return err
	case folder != "":
		if kind := kindIn(folder, e.Path); kind != otherFile {
			text, err := d.text(e)
			return errors.Join(err, d.licence(folder, e.Path, kind, text))
		}
	}
	return nil
}

// isLocal tells whether a direct URL (PEP 610) is of a folder or file at hand.
func isLocal(text []byte) bool {
	var direct struct{ URL string }
	return json.Unmarshal(text, &direct) == nil && strings.HasPrefix(direct.URL, "file://")
}

// installed are the folders that pip installs packages into.
var installed = regexp.MustCompile(`/(?:site|dist)-packages/`)

func open(e image.Entry, read func(io.Reader) error) (err error) {
	r, err := e.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return read(r)
}

// text is that of a file, as much of it as may be metadata. The names of one file
// come one after the other, and reading it again would read its layer again.
func (d *dists) text(e image.Entry) (_ []byte, err error) {
	if e.Linkname == "" || e.Linkname != d.last.name {
		d.last.name = cmp.Or(e.Linkname, e.Path)
		err = open(e, func(r io.Reader) (err error) {
			d.last.text, err = io.ReadAll(io.LimitReader(r, pydist.MaxText+1))
			return err
		})
	}
	return d.last.text, errors.Join(err, d.take(int64(len(d.last.text))))
}

// kindIn tells what a file in a distribution's folder is. Those that are below a
// folder of licences (PEP 639) may be named in any way.
func kindIn(folder, name string) kind {
	k := kindOf(path.Base(name))
	within := strings.ToLower(strings.TrimPrefix(path.Dir(name), folder))
	if k == otherFile && strings.HasPrefix(within, "/licen") && !sourceName.MatchString(name) {
		return noticeFile
	}
	return k
}

func (d *dists) metadata(name string, text []byte) error {
	found, err := pydist.Parse(text)
	if err != nil {
		if d.errs == nil {
			d.errs = map[string]error{}
		}
		d.errs[name] = err
	}
	if d.all = append(d.all, dist{Distribution: found, path: name}); len(d.all) > maxDists {
		return fmt.Errorf("there are more than %d packages of Python's", maxDists)
	}
	return nil
}

func (d *dists) take(n int64) error {
	if d.size += n; d.size > maxTaken {
		return fmt.Errorf("the image has more than %d bytes of metadata and licences of Python's packages", maxTaken)
	}
	return nil
}

// licence copies a licence file. One that is too large is cut off right after what
// may be read, so that it is told as one.
func (d *dists) licence(folder, name string, kind kind, text []byte) error {
	if len(d.files[folder]) == maxFiles {
		return fmt.Errorf("%.200q has more than %d licence files", folder, maxFiles)
	}
	text = text[:min(len(text), maxText+1)]
	dir := filepath.Join(d.scratch, strconv.Itoa(d.n))
	d.n++
	file := filepath.Join(dir, clip(path.Base(name)))
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(file, text, 0o600)); err != nil {
		return err
	}
	if d.files == nil {
		d.files = map[string][]licenceFile{}
	}
	d.files[folder] = append(d.files[folder], licenceFile{file, kind})
	return nil
}

// settle leaves out what came with a package of the operating system, and puts files
// to what they are of.
func (d *dists) settle() {
	var all []dist
	for _, found := range d.all {
		if d.owned.Distributes(found.path) {
			continue
		}
		d.paths = append(d.paths, found.path)
		if err := d.errs[found.path]; err != nil {
			d.unread = append(d.unread, clip(found.path)+": "+clip(err.Error()))
			continue
		}
		found.local = !installed.MatchString(found.path) // what setuptools writes beside the source
		if folder := pydist.Folder(found.path); folder != found.path {
			found.files, found.local = d.files[folder], found.local || d.local[folder]
		}
		all = append(all, found)
	}
	slices.SortFunc(all, func(a, b dist) int { return strings.Compare(a.path, b.path) })
	d.all = all
	for _, name := range d.folders.Bare() {
		if !d.owned.Distributes(name) {
			d.paths = append(d.paths, name)
			d.unread = append(d.unread, clip(name)+": there is no metadata in it")
		}
	}
}

// read tells a distribution's licence: by what its metadata declares, and where that
// leaves open which is meant, or says nothing, by the files in its folder.
func (d dist) read(p part, m *memo) (known, error) {
	k := known{part: p}
	e, families, why := declared(d.Distribution)
	switch {
	case why != "":
		k.license, k.unclear = e, []string{why}
		return k, nil
	case len(e) > 0 && len(families) == 0:
		k.license, k.files = e, []string{path.Base(d.path)}
		return k, nil
	}
	if err := d.texts(&k, m); err != nil {
		return k, err
	}
	unnamed := slices.DeleteFunc(slices.Clone(families), func(f string) bool { return isOfFamily(k.license, f) })
	switch {
	case len(families) > 0 && len(unnamed) == 0: // which was meant is told, whatever else is said
		k.unclear = nil
	case len(families) > 0 && (len(k.license) == 0 || len(k.unclear) > 0):
		k.license, k.files, k.unclear = nil, []string{path.Base(d.path)}, nil
		for _, f := range families {
			both, err := spdx.Both(e, unspecified(f))
			if err != nil {
				return k, err
			}
			e = both
		}
	}
	if len(k.license)+len(k.unclear)+len(e) == 0 {
		k.unclear = []string{"its metadata names no licence that is known, and there is no file of one with it"}
	}
	var err error
	k.license, err = spdx.Both(k.license, e)
	return k, err
}

// texts reads the files in a distribution's folder, and a text that is in its
// metadata in their place.
func (d dist) texts(k *known, m *memo) error {
	if len(d.License) > maxPhrase || strings.Contains(d.License, "\n") {
		e, why, err := m.reading([]byte(d.License)).license(licenseFile)
		if err != nil {
			return err
		}
		if why == "" && len(e) > 0 {
			k.license, k.files = e, []string{path.Base(d.path)}
			return nil
		}
	}
	for _, f := range d.files {
		if err := k.add(f.file, f.kind, m); err != nil {
			return err
		}
	}
	return nil
}
