package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFuzzCorpora sees that what reads hostile input is fuzzed, and that every
// fuzz test has seeds: without them "go test" would try nothing.
func TestFuzzCorpora(t *testing.T) {
	t.Parallel()
	seeds := map[string]int{}
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		return countSeeds(path, seeds)
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, n := range seeds {
		if n == 0 {
			t.Errorf("%s has no seed", name)
		}
	}
	for _, name := range []string{
		"internal/sarif FuzzRead", "internal/config FuzzParse", "internal/config FuzzParseBaseline", "internal/config FuzzAddException",
		"internal/verdict FuzzRead", "internal/handover FuzzParse", "internal/attest FuzzCheck", "internal/report FuzzOpenVEX", "internal/image FuzzLayer", "internal/pipeline FuzzReceive", "internal/dast FuzzPage",
		"internal/scan/gotest FuzzDissect", "internal/cache FuzzParseIndex", "app/web FuzzForms",
	} {
		if _, ok := seeds[name]; !ok {
			t.Errorf("there is no %s", name)
		}
	}
}

// countSeeds counts, for each fuzz test of a file, the calls of f.Add and the
// files of its corpus.
func countSeeds(path string, seeds map[string]int) error {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || !strings.HasPrefix(f.Name.Name, "Fuzz") || f.Recv != nil {
			continue
		}
		name := strings.TrimPrefix(filepath.ToSlash(dir), "../../") + " " + f.Name.Name
		corpus, err := os.ReadDir(filepath.Join(dir, "testdata", "fuzz", f.Name.Name))
		if err != nil && !os.IsNotExist(err) {
			return err
		}
		seeds[name] = len(corpus)
		ast.Inspect(f, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if method, ok := call.Fun.(*ast.SelectorExpr); ok && method.Sel.Name == "Add" && len(call.Args) > 0 {
					seeds[name]++
				}
			}
			return true
		})
	}
	return nil
}
