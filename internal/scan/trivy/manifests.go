package trivy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pydist"
)

// manifests are the files that say which of Python's packages a service needs.
type manifests struct {
	root      *os.Root
	files     []manifest
	unpinned  []requirement // whose version is not said
	elsewhere []requirement // that are not from an index
	unread    []requirement // of which it cannot be read what they are
}

// manifest is one of them.
type manifest struct {
	name     string   // relative to the service's folder
	lock     bool     // a tool wrote it: it has all packages, with their versions
	text     []byte   // as a file of pip's that pins what is pinned
	packages []string // that it pins, normalised
	folders  []string // packages that it takes from folders of the service's, normalised
	includes []string // names of others
	aside    bool     // what is read of it now is for working on the service
}

// requirement is a package that a file asks for, and does not pin.
type requirement struct {
	name string // normalised; "" where it is not known
	text string // as it is written
	file string // relative to the service's folder
	line int    // 0 where it is not known

	aside bool // it is for working on the service, and not shipped
}

func (r requirement) String() string {
	return fmt.Sprintf("%s (%s:%d)", clean(r.text, 100), clean(r.file, 200), r.line)
}

// Bounds on manifests.
const (
	maxManifest  = 16 << 20  // bytes of one that is called so
	maxGuessed   = 1 << 20   // bytes of one that is told by its content
	maxManifests = 1000      // of all
	maxRequired  = 1_000_000 // packages of all
)

// readers are those of files that are told by their names.
func readers() map[string]func(*manifests, *manifest) error {
	return map[string]func(*manifests, *manifest) error{
		"poetry.lock": (*manifests).tomlLock, "uv.lock": (*manifests).tomlLock, "pdm.lock": (*manifests).tomlLock, "pylock.toml": (*manifests).tomlLock,
		"Pipfile.lock": (*manifests).pipfileLock, "Pipfile": (*manifests).pipfile, "pyproject.toml": (*manifests).pyproject,
		"setup.cfg": (*manifests).setupConfig, "setup.py": (*manifests).setupProgram, "environment.yml": (*manifests).conda, "environment.yaml": (*manifests).conda,
	}
}

// Names of files that pip reads, and of those that may be such.
var (
	requirementsName = regexp.MustCompile(`(?i)^(?:requirements[^/]*|[^/]*requirements|(?:[^/]*[-_.])?constraints(?:[-_.][^/]*)?)\.(?:txt|in|pip)$`)
	requirementsDir  = regexp.MustCompile(`(?i)(?:^|/)(?:requirements|constraints|reqs)/[^/]+\.(?:txt|in|pip)$`)
	readme           = regexp.MustCompile(`(?i)^(?:readme|license|notice|changelog)`)
	mayBeName        = regexp.MustCompile(`(?i)\.(?:txt|in|pip)$`)
	projectName      = regexp.MustCompile(`(?:^|/)(?:pyproject\.toml|Pipfile|setup\.py|setup\.cfg)$`) // whose packages a lock has
	pylockName       = regexp.MustCompile(`^pylock\.[^.]+\.toml$`)                                    // PEP 751
)

// reader is that of a file, by its name; nil where that tells nothing.
func reader(name string) func(*manifests, *manifest) error {
	if read := toolsReader(name); read != nil {
		return read
	}
	base := path.Base(name)
	if requirementsName.MatchString(base) || requirementsDir.MatchString(name) && !readme.MatchString(base) {
		return (*manifests).requirements
	}
	return nil
}

// toolsReader is that of a file which is of another tool than pip.
func toolsReader(name string) func(*manifests, *manifest) error {
	base := path.Base(name)
	if pylockName.MatchString(base) {
		base = "pylock.toml"
	}
	return readers()[base]
}

// findManifests reads those below a folder, and the ones that they include.
// Without repository, nothing is known to be no part of it.
func findManifests(ctx context.Context, dir string, git *workTree) (*manifests, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	names, nested, err := candidates(ctx, root.FS())
	if err != nil {
		return nil, err
	}
	left, err := git.ignored(ctx, slices.DeleteFunc(slices.Clone(names), func(name string) bool { return below(name, nested) }))
	if err != nil {
		return nil, err
	}
	m := &manifests{root: root}
	for _, name := range names {
		switch read := reader(name); {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case left[name]:
		case read == nil:
			err = m.guess(name)
		default:
			err = m.add(name, read)
		}
		if err != nil {
			return nil, err
		}
	}
	return m, nil
}

// candidates are the names of the files below a folder that may be manifests, and
// of the folders that are repositories of their own.
func candidates(ctx context.Context, tree fs.FS) (names, nested []string, err error) {
	seen := 0
	err = fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch seen++; {
		case err != nil:
			return fmt.Errorf("looking for requirements: %w", err)
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case seen > maxEntries:
			return fmt.Errorf("looking for requirements: there are more than %d files", maxEntries)
		case d.Name() == ".git" || d.Name() == ".sluice":
			if dir := path.Dir(name); d.Name() == ".git" && dir != "." {
				nested = append(nested, dir)
			}
			if d.IsDir() {
				return fs.SkipDir
			}
		case !d.IsDir() && (reader(name) != nil || mayBeName.MatchString(name)):
			names = append(names, name)
		}
		return nil
	})
	return names, nested, err
}

// add reads a manifest, once.
func (m *manifests) add(name string, read func(*manifests, *manifest) error) error {
	if m.has(name) {
		return nil
	}
	if len(m.files) >= maxManifests {
		return fmt.Errorf("there are more than %d files of requirements", maxManifests)
	}
	at := len(m.files)
	m.files = append(m.files, manifest{name: name}) // it may include itself
	f := manifest{name: name}
	if err := read(m, &f); err != nil {
		return err
	}
	m.files[at] = f
	if len(m.unpinned)+len(m.elsewhere)+len(f.packages) > maxRequired {
		return fmt.Errorf("%s: more than %d packages are required", name, maxRequired)
	}
	return nil
}

func (m *manifests) has(name string) bool {
	return slices.ContainsFunc(m.files, func(f manifest) bool { return f.name == name })
}

// guess adds a file that pip may be given, if each of its lines is as pip reads it
// and one of them pins a package, or includes a file.
func (m *manifests) guess(name string) error {
	text, err := m.text(name, maxGuessed)
	if err != nil || !isRequirements(string(text)) {
		return nil //nolint:nilerr // a link to nothing, or something larger: it is not called a manifest
	}
	return m.add(name, (*manifests).requirements)
}

// text is the content of a file.
func (m *manifests) text(name string, most int64) ([]byte, error) {
	f, err := m.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe would be waited for
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is no file")
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("it has more than %d MiB", most>>20)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return text, nil
}

// pin notes a package with its version.
func (f *manifest) pin(name, version string) {
	f.packages = append(f.packages, pydist.Normalise(name))
	f.text = fmt.Appendf(f.text, "%s==%s\n", name, version)
}

// fault is an error that names the place.
func fault(name string, line int, format string, args ...any) error {
	return hint.With(fmt.Errorf("%s:%d: %s", clean(name, 200), line, clean(fmt.Sprintf(format, args...), maxReason)), "correct the line, or call the file otherwise")
}

// covered tells whether a file that belongs to the requirement's own pins it: one
// that includes it or is included, what pip-compile writes, or a lock above it,
// unless it is a file of pip's: that reads no lock.
func (m *manifests) covered(r requirement, groups map[string]string) bool {
	dir, stem := path.Dir(r.file), strings.TrimSuffix(r.file, ".in")
	return slices.ContainsFunc(m.files, func(f manifest) bool {
		at := path.Dir(f.name)
		above := at == "." || at == dir || strings.HasPrefix(dir, at+"/")
		compiled := f.name == stem+".txt" || at == dir && path.Base(f.name) == "requirements.txt" && !mayBeName.MatchString(r.file)
		locks := f.lock && above && (projectName.MatchString(r.file) || path.Ext(r.file) == ".in" && strings.HasPrefix(path.Base(f.name), "pylock."))
		belongs := locks || compiled || groups[f.name] == groups[r.file]
		return belongs && (slices.Contains(f.packages, r.name) || slices.Contains(f.folders, r.name) || locks && len(f.packages) > 0 && r.name == "")
	})
}

// groups gives the manifests that include each other one name.
func (m *manifests) groups() map[string]string {
	group := map[string]string{}
	for _, f := range m.files {
		group[f.name] = f.name
	}
	for changed := true; changed; {
		changed = false
		for _, f := range m.files {
			for _, other := range f.includes {
				if a, b := group[f.name], group[other]; a != b {
					group[f.name], group[other], changed = min(a, b), min(a, b), true
				}
			}
		}
	}
	return group
}
