package licenses

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/sarif"
)

// part is something that is shipped and has a licence of its own.
type part struct {
	name    string   // "example.com/m@v1.2.3", a module's path, or a folder's relative to the repository's root
	folders []string // where its licences may be, absolute; the module's own first
	single  []string // files of its licences besides, absolute
	chain   []string // the modules by which it comes, the service first; none of copied code
	known   string   // the licence of a part that has no text at hand; "" is unknown
	local   string   // the folder of the repository that a module is; "" is in the module cache

	at sarif.Location // where it was brought in, where that is known beforehand
}

// parts are the modules of the program that are not the service's own.
func (prog program) parts(root string) ([]part, error) {
	from, order := prog.ways()
	var all []part
	at := map[string]int{}
	for _, path := range order {
		p := prog.packages[path]
		if p.Standard || p.Module.Main {
			continue
		}
		folders, err := p.folders()
		if err != nil {
			return nil, err
		}
		name := p.name()
		i, ok := at[name]
		if !ok {
			i = len(all)
			at[name], all = i, append(all, part{name: name, chain: prog.chain(from, path)})
			if top := folders[0]; p.version() == "" && within(root, top) {
				all[i].local = top
			}
		}
		for _, dir := range folders {
			if !slices.Contains(all[i].folders, dir) {
				all[i].folders = append(all[i].folders, dir)
			}
		}
	}
	if slices.ContainsFunc(order, func(path string) bool { return prog.packages[path].Standard }) {
		// Distributions keep the text elsewhere, or nowhere: it is go.dev/LICENSE.
		all = append(all, part{name: goItself, folders: []string{prog.tool.Root}, chain: []string{prog.packages[prog.root].Module.Path, goItself}, known: "BSD-3-Clause"})
	}
	return all, nil
}

// folders are those from the module's to the package's.
func (p listed) folders() ([]string, error) {
	below := strings.TrimPrefix(p.ImportPath, p.Module.Path)
	top, ok := strings.CutSuffix(p.Dir, filepath.FromSlash(below))
	if !ok || !filepath.IsAbs(top) {
		return nil, fmt.Errorf("the package %s is said to be in %q", p.ImportPath, p.Dir)
	}
	all := []string{top}
	for _, name := range strings.Split(below, "/") {
		if name != "" {
			all = append(all, filepath.Join(all[len(all)-1], name))
		}
	}
	return all, nil
}

func within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel)
}

// Bounds on the search for copied code.
const (
	maxVisited = 500_000 // files and folders
	maxDepth   = 100     // of folders
)

// copied are the folders below the service's in which there is a licence: code that
// came from elsewhere, linked in or not. The service's own licence binds others.
// Folders that the go command passes over are not part of it, nor others of which
// isOther says so; what is vendored is looked at as modules.
func copied(root, dir string, isOther func(dir string) bool) (all []part, err error) {
	visited := 0
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if visited++; visited > maxVisited || strings.Count(rel, string(filepath.Separator)) > maxDepth {
			return hint.With(fmt.Errorf("looking for licences in %s: there are more than %d files and folders, or more than %d folders in each other", dir, maxVisited, maxDepth), "have the service in a folder of its own")
		}
		switch {
		case d.IsDir() && path != dir && (skipped(d.Name()) || isOther(path)):
			return filepath.SkipDir
		case !d.IsDir() && filepath.Dir(path) != dir && kindOf(d.Name()) == licenseFile:
			folder := filepath.ToSlash(filepath.Dir(rel))
			if len(all) == 0 || all[len(all)-1].name != folder {
				all = append(all, part{name: folder, folders: []string{filepath.Dir(path)}, local: filepath.Dir(path)})
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking for copied code: %w", err)
	}
	return merged(all), nil
}

// merged has each folder once: between two of its files a walk is in folders.
func merged(all []part) []part {
	slices.SortFunc(all, func(a, b part) int { return strings.Compare(a.name, b.name) })
	return slices.CompactFunc(all, func(a, b part) bool { return a.name == b.name })
}

func skipped(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" || name == "vendor" || name == "node_modules"
}

// isModule tells folders that are modules of their own.
func isModule(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, "go.mod"))
	return err == nil
}
