package modules

import (
	"crypto/sha256"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Bounds on what is read: source files, and bytes of one of them.
const (
	maxSources = 500_000
	maxSource  = 64 << 20
)

// imports stands for all that decides, besides go.mod and the like, which
// modules are needed: the imports of every file, whatever its constraints, and
// the constraints.
type imports struct {
	digest [sha256.Size]byte
	files  int
	plain  []string // folders of the first module with a file that is always compiled
}

// reader reads the import clauses below some folders.
type reader struct {
	goroot string
	std    map[string]bool // by an import path's first element
	lines  []string
	plain  []string
}

func readImports(dirs []string, goroot string) (imports, error) {
	r := reader{goroot: goroot, std: map[string]bool{}}
	var plain []string
	for i, dir := range dirs {
		if err := r.walk(dir); err != nil {
			return imports{}, fmt.Errorf("reading the imports below %s: %w", dir, err)
		}
		if i == 0 {
			plain = r.plain
		}
	}
	return imports{sha256.Sum256([]byte(strings.Join(r.lines, "\n"))), len(r.lines), plain}, nil
}

func (r *reader) walk(root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return enter(root, path, d.Name())
		}
		if !d.Type().IsRegular() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		if len(r.lines) == maxSources {
			return fmt.Errorf("there are more than %d source files", maxSources)
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		line, err := r.file(path, rel)
		r.lines = append(r.lines, strconv.Quote(rel)+" "+line)
		return err
	})
}

// enter skips the folders that no import path leads to: hidden ones, vendor,
// and modules of their own.
func enter(root, path, name string) error {
	if path == root {
		return nil
	}
	if strings.HasPrefix(name, ".") || name == "vendor" {
		return fs.SkipDir
	}
	if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
		return fs.SkipDir
	}
	return nil
}

// file tells a file's constraints and imports in one line. A file that has no
// import clause that can be read stands for itself as a whole.
func (r *reader) file(path, rel string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Size() > maxSource {
		return "", fmt.Errorf("%s is larger than %d MiB", path, maxSource>>20)
	}
	src, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	f, err := parser.ParseFile(token.NewFileSet(), path, src, parser.ImportsOnly|parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return fmt.Sprintf("%x", sha256.Sum256(src)), nil
	}
	if isPlain(rel, f) {
		r.plain = append(r.plain, filepath.Dir(rel))
	}
	return fmt.Sprintf("%s %q %q", f.Name.Name, constraints(f), r.foreign(f)), nil
}

// constraints are the build constraints of a file, beside those in its name.
func constraints(f *ast.File) (list []string) {
	for _, group := range f.Comments {
		for _, c := range group.List {
			if c.Pos() < f.Package && (strings.HasPrefix(c.Text, "//go:build") || strings.Contains(c.Text, "+build")) {
				list = append(list, c.Text)
			}
		}
	}
	return list
}

// foreign are a file's imports without those from the standard library, which
// come and go without any effect on the modules.
func (r *reader) foreign(f *ast.File) (list []string) {
	for _, spec := range f.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil || !r.standard(path) {
			list = append(list, spec.Path.Value)
		}
	}
	slices.Sort(list)
	return list
}

func (r *reader) standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	if strings.Contains(first, ".") {
		return false
	}
	std, known := r.std[first]
	if !known {
		_, err := os.Stat(filepath.Join(r.goroot, "src", first))
		std = err == nil
		r.std[first] = std
	}
	return std
}
