package modules

import (
	"path/filepath"
	"testing"
)

// TestFoldersThatAreNoPackages has folders with Go files that the go command
// passes over: nobody must wait for it to list them.
func TestFoldersThatAreNoPackages(t *testing.T) {
	t.Parallel()
	p := &proxy{dir: t.TempDir()}
	p.add(t, "a")
	for name, file := range map[string]struct{ path, text string }{
		"testdata":            {"x/testdata/x.go", "package x\n"},
		"underscore":          {"_x/x.go", "package x\n"},
		"a file's underscore": {"x/_x.go", "package x\n"},
		"a hidden file":       {"x/.x.go", "package x\n"},
		"another platform":    {"x/x_plan9.go", "package x\n"},
		"another's test":      {"x/x_plan9_test.go", "package x\n"},
		"a tag":               {"x/x.go", "//go:build never\n\npackage x\n"},
		"cgo":                 {"x/x.go", "package x\n\nimport \"C\"\n"},
		"documentation":       {"x/x.go", "package documentation\n"},
		"ignored":             {"ignored/x.go", "package x\n"},
		"ignored anywhere":    {"x/anywhere/x.go", "package x\n"},
		"in an ignored one":   {"ignored/x/y/x.go", "package x\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := p.service(t, []string{"a"}, "a")
			gomod := filepath.Join(dir, "go.mod")
			write(t, gomod, read(t, gomod)+"\nignore ./ignored\n\nignore anywhere\n")
			write(t, filepath.Join(dir, filepath.FromSlash(file.path)), file.text)
			_, err := newFetcher(t, dir, "GOPROXY="+p.url()).fetch(t.Context())
			check(t, err)
		})
	}
}
