package python

import (
	"context"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/gitrepo"
	"github.com/sluice-ci/sluice/internal/scan"
)

// environments says which folders of installed packages are left out: virtual
// environments and their like that are on disk only. A change could call its own
// code one, so what git tracks is never left out.
type environments struct {
	Known     bool     // whether it is known what git tracks
	Committed []string // folders that look like an environment and have tracked files, relative to the service's, with slashes
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
// left out.
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
	tracked, err := r.Tracked(ctx)
	if err != nil {
		return e
	}
	below, err := filepath.Rel(s.GitTop, s.Dir)
	if err != nil {
		return e
	}
	for _, name := range tracked {
		if rel, err := filepath.Rel(below, filepath.FromSlash(name)); err == nil && filepath.IsLocal(rel) {
			e.Committed = append(e.Committed, looksInstalled(filepath.ToSlash(rel))...)
		}
	}
	slices.Sort(e.Committed)
	e.Committed = slices.Compact(e.Committed)
	e.Known = len(e.Committed) <= maxCommitted
	return e
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

// spares tells whether a folder of a tree is left out.
func (e environments) spares(tree fs.FS, dir string) bool {
	if !e.Known || slices.Contains(e.Committed, dir) {
		return false
	}
	if slices.Contains(packageFolders(), path.Base(dir)) {
		return true
	}
	info, err := fs.Stat(tree, path.Join(dir, marker))
	return err == nil && info.Mode().IsRegular()
}
