package python

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/gitrepo"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/scan"
)

// environments says which folders of installed packages are left out: virtual
// environments and their like that are on disk only. A change could call its own
// code one, so what git tracks is never left out.
type environments struct {
	Known     bool     // whether it is known what git tracks
	Committed []string // folders that look like an environment and have tracked files, relative to the service's, with slashes
	Modules   []string // submodules, which git tracks as well, relative to the same
	Absent    []string // those that are not checked out
	Unsure    string   // why it is not known which those are
}

// Bounds on asking git.
const (
	planLimit    = 10 * time.Second
	maxCommitted = 1000
)

// packageFolders are folders of installed packages, by their names.
func packageFolders() []string {
	return []string{"node_modules", "__pypackages__", ".tox", ".nox", ".eggs"}
}

// marker is the file by which a folder is a virtual environment (PEP 405).
const marker = "pyvenv.cfg"

// findEnvironments asks git what it tracks. Where git does not say, nothing is
// left out. Nobody knows what is in a submodule that is not checked out.
func findEnvironments(s scan.Service) (e environments) {
	if s.GitTop == "" {
		return environments{Known: true}
	}
	r, err := gitrepo.Open(s.GitTop)
	if err != nil {
		return e
	}
	ctx, cancel := context.WithTimeout(context.Background(), planLimit)
	defer cancel()
	files, modules, err := r.Tracked(ctx)
	if err != nil {
		return e
	}
	if e.Modules, err = below(s, modules); err != nil {
		return e
	}
	if e.Absent, err = gitrepo.Absent(ctx, s.Dir, e.Modules); err != nil {
		e.Unsure = err.Error()
	}
	if files, err = below(s, files); err != nil {
		return e
	}
	for _, module := range e.Modules {
		files = append(files, path.Join(module, "module.py")) // it may have some
	}
	e.Committed = installed(s.Dir, files)
	e.Known = len(e.Committed) <= maxCommitted && len(e.Modules) <= maxCommitted
	return e
}

// below are those of a work tree's names that are in the service's folder, relative to that.
func below(s scan.Service, names []string) (inside []string, err error) {
	dir, err := filepath.Rel(s.GitTop, s.Dir)
	if err != nil {
		return nil, err
	}
	prefix := filepath.ToSlash(dir) + "/"
	if dir == "." {
		prefix = ""
	}
	for _, name := range names {
		if rel, ok := strings.CutPrefix(name, prefix); ok {
			inside = append(inside, rel)
		}
	}
	return inside, nil
}

// installed are the folders that look like an environment and have tracked files.
func installed(dir string, files []string) (folders []string) {
	var code []string
	for _, name := range files {
		folders = append(folders, looksInstalled(name)...)
		if isPython(name) {
			code = append(code, name)
		}
	}
	folders = append(folders, gitrepo.Beside(dir, marker, code)...)
	slices.Sort(folders)
	return slices.Compact(folders)
}

// looksInstalled are the folders that a tracked file keeps from being left out.
func looksInstalled(name string) (folders []string) {
	if path.Base(name) == marker {
		folders = append(folders, path.Dir(name))
	}
	if !isPython(name) {
		return folders
	}
	parts := strings.Split(name, "/")
	for i, part := range parts {
		if slices.Contains(packageFolders(), part) {
			folders = append(folders, strings.Join(parts[:i+1], "/"))
		}
	}
	return folders
}

// absent is the error that there may be files which are not here.
func (e environments) absent() error {
	if e.Unsure != "" {
		return hint.With(errors.New(e.Unsure), "see what git submodule status --recursive says")
	}
	return gitrepo.NotCheckedOut(e.Absent)
}

// spares tells whether a folder of a tree is left out.
func (e environments) spares(tree fs.FS, dir string) bool {
	inModule := func(module string) bool { return dir == module || strings.HasPrefix(dir, module+"/") }
	if !e.Known || slices.Contains(e.Committed, dir) || slices.ContainsFunc(e.Modules, inModule) {
		return false
	}
	if slices.Contains(packageFolders(), path.Base(dir)) {
		return true
	}
	info, err := fs.Stat(tree, path.Join(dir, marker))
	return err == nil && info.Mode().IsRegular()
}
