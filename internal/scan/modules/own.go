package modules

import (
	"errors"
	"fmt"
	"go/ast"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// isPlain tells whether a file is compiled on every platform, with and without
// tags and cgo, so that the pattern ./... cannot pass over its folder.
func isPlain(rel string, f *ast.File) bool {
	name := strings.TrimSuffix(strings.TrimSuffix(filepath.Base(rel), ".go"), "_test")
	hidden := func(element string) bool {
		return strings.HasPrefix(element, "_") || strings.HasPrefix(element, ".") || element == "testdata"
	}
	cgo := func(s *ast.ImportSpec) bool { return s.Path.Value == `"C"` }
	return !strings.Contains(name, "_") && !slices.ContainsFunc(strings.Split(filepath.ToSlash(rel), "/"), hidden) &&
		len(constraints(f)) == 0 && !slices.ContainsFunc(f.Imports, cgo) && f.Name.Name != "documentation"
}

// ownPackages are the import paths of a module's folders, but for those that
// its go.mod ignores.
func ownPackages(dir string, folders []string) (paths []string, err error) {
	name := filepath.Join(dir, "go.mod")
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	f, err := modfile.Parse(name, text, nil)
	if err == nil && f.Module == nil {
		err = errors.New("it names no module")
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	for _, folder := range folders {
		rel := filepath.ToSlash(folder)
		ignored := func(i *modfile.Ignore) bool {
			return strings.Contains("/"+rel+"/", "/"+path.Clean(i.Path)+"/")
		}
		if !slices.ContainsFunc(f.Ignore, ignored) {
			paths = append(paths, path.Join(f.Module.Mod.Path, rel))
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths), nil
}
