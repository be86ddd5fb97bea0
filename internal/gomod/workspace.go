// Package gomod tells which files and folders, outside the module cache, the
// go command reads when it builds a service: more than the service's own
// folder where there is a go.work or a local replacement.
package gomod

import (
	"bytes"
	"errors"
	"fmt"
	"go/version"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"

	"github.com/sluice-ci/sluice/internal/hint"
)

// maxFile bounds a go.mod, go.work or modules.txt, bytes. It is the go command's own limit.
const maxFile = 16 << 20

// Workspace is what the go command sees from a service's folder.
type Workspace struct {
	Root string // folder of go.work, or of go.mod when there is none
	Work bool   // there is a go.work
	// Dirs are the folders of modules whose source is not in the module cache:
	// the service first, then those that go.work uses and local replacements.
	Dirs []string
	// Files decide, besides what is in Dirs, which modules are used.
	Files []string
	// Requires are the modules that the go.mod files name, replacements
	// applied; not the local ones. Sorted, each once.
	Requires []module.Version
	Go       string // the newest go directive, "1.26.0"
	GoAt     string // where that is, "go.mod:3"
	Vendored bool   // packages come from a vendor folder
}

// Trees are the inputs of whatever the go command makes of the service.
func (w Workspace) Trees() []string {
	return slices.Concat(w.Dirs, w.Files)
}

// Find reads the go.mod of dir and whatever that leads to. It starts no
// process. An error names the file, and the line where that is known; the
// Workspace then still holds what was found before.
func Find(dir string) (Workspace, error) {
	w := Workspace{Root: dir, Dirs: []string{dir}}
	if work := findWork(dir); work != "" {
		return w, w.addWork(work)
	}
	err := w.addModule(dir)
	w.tidy()
	return w, errors.Join(err, w.findVendor())
}

// findWork looks for a go.work in dir and above it, as the go command does.
func findWork(dir string) string {
	for {
		path := filepath.Join(dir, "go.work")
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
		up := filepath.Dir(dir)
		if up == dir {
			return ""
		}
		dir = up
	}
}

func (w *Workspace) addWork(path string) error {
	w.Root, w.Work = filepath.Dir(path), true
	w.Files = append(w.Files, path, filepath.Join(w.Root, "go.work.sum"), filepath.Join(w.Root, "vendor", "modules.txt"))
	for _, file := range w.Files {
		if err := plain(file); err != nil {
			return err
		}
	}
	text, err := read(path)
	if err != nil {
		return err
	}
	f, err := modfile.ParseWork(w.shown(path), text, nil)
	if err != nil {
		return invalid(err)
	}
	if f.Go != nil {
		w.needGo(f.Go, path)
	}
	for _, use := range f.Use {
		if err := w.addModule(resolve(w.Root, use.Path)); err != nil {
			return err
		}
	}
	w.replace(f.Replace, w.Root)
	w.tidy()
	return w.findVendor()
}

// addModule adds a folder with a go.mod, and what its go.mod names.
func (w *Workspace) addModule(dir string) error {
	w.Dirs = append(w.Dirs, dir)
	path := filepath.Join(dir, "go.mod")
	text, err := read(path)
	if err = errors.Join(err, plain(filepath.Join(dir, "go.sum"))); err != nil {
		return err
	}
	f, err := modfile.Parse(w.shown(path), text, nil)
	if err != nil {
		return invalid(err)
	}
	if f.Go != nil {
		w.needGo(f.Go, path)
	}
	for _, r := range f.Require {
		w.Requires = append(w.Requires, r.Mod)
	}
	w.replace(f.Replace, dir)
	return nil
}

// replace applies replacements to the modules required so far: one by a folder
// takes them away, and adds the folder.
func (w *Workspace) replace(list []*modfile.Replace, dir string) {
	for _, r := range list {
		fits := func(m module.Version) bool {
			return m.Path == r.Old.Path && (r.Old.Version == "" || r.Old.Version == m.Version)
		}
		if r.New.Version == "" {
			w.Requires = slices.DeleteFunc(w.Requires, fits)
			w.addFolder(resolve(dir, r.New.Path))
			continue
		}
		for i, m := range w.Requires {
			if fits(m) {
				w.Requires[i] = r.New
			}
		}
	}
}

// addFolder adds a local replacement. Only its go.mod is an input where there
// is none yet: a folder without one is no module, and could be a whole disk.
func (w *Workspace) addFolder(dir string) {
	file := filepath.Join(dir, "go.mod")
	if _, err := os.Stat(file); err != nil {
		w.Files = append(w.Files, file)
		return
	}
	w.Dirs = append(w.Dirs, dir)
}

func (w *Workspace) needGo(g *modfile.Go, path string) {
	if w.Go != "" && compareGo(g.Version, w.Go) <= 0 {
		return
	}
	w.Go, w.GoAt = g.Version, fmt.Sprintf("%s:%d", w.shown(path), g.Syntax.Start.Line)
}

// shown names a file in messages, relative to the workspace.
func (w *Workspace) shown(path string) string {
	if rel, err := filepath.Rel(w.Root, path); err == nil {
		return filepath.ToSlash(rel)
	}
	return path
}

// findVendor tells whether the go command takes packages from a vendor folder
// of its own accord: since Go 1.14, and in a workspace only from the
// workspace's.
func (w *Workspace) findVendor() error {
	if w.Go == "" || compareGo(w.Go, "1.14") < 0 {
		return nil
	}
	text, err := read(filepath.Join(w.Root, "vendor", "modules.txt"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	w.Vendored = bytes.HasPrefix(text, []byte("## workspace")) == w.Work
	return nil
}

func (w *Workspace) tidy() {
	w.Dirs = unique(w.Dirs)
	w.Files = unique(w.Files)
	module.Sort(w.Requires)
	w.Requires = slices.Compact(w.Requires)
}

// unique drops repetitions and keeps the order.
func unique(list []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(list, func(s string) bool {
		again := seen[s]
		seen[s] = true
		return again
	})
}

func resolve(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, filepath.FromSlash(path))
}

// plain refuses what is no regular file: what a symbolic link leads to would be
// read, and shown, in its place. What is not there is fine.
func plain(path string) error {
	info, err := os.Lstat(path)
	if err == nil && !info.Mode().IsRegular() {
		return hint.With(fmt.Errorf("%s is no regular file", path), "put the file itself there")
	}
	return nil
}

func read(path string) ([]byte, error) {
	if err := plain(path); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFile {
		return nil, fmt.Errorf("%s is larger than %d MiB", path, maxFile>>20)
	}
	return text, nil
}

// invalid explains a syntax error. Package modfile names file and line.
func invalid(err error) error {
	var list modfile.ErrorList
	if errors.As(err, &list) && len(list) > 0 {
		err = &list[0] // the rest most often follows from it
	}
	return hint.With(fmt.Errorf("reading %w", err), "correct that line; go mod edit -fmt tells whether the file is right")
}

// compareGo orders versions as go directives give them.
func compareGo(a, b string) int { return version.Compare("go"+a, "go"+b) }
