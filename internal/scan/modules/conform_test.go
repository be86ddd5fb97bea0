package modules

import (
	"path/filepath"
	"testing"

	"golang.org/x/mod/modfile"

	"github.com/sluice-ci/sluice/internal/scan"
	"github.com/sluice-ci/sluice/internal/scan/scantest"
)

// TestConform has a service that imports a module of which Sluice is made, and
// which is so in the module cache.
func TestConform(t *testing.T) {
	service := func(module string) func(*testing.T) scantest.Service {
		return func(t *testing.T) scantest.Service {
			t.Helper()
			dir, sluice := t.TempDir(), filepath.Join("..", "..", "..")
			write(t, filepath.Join(dir, "go.mod"), "module "+module+"\n\n"+required(t, sluice, "golang.org/x/mod"))
			write(t, filepath.Join(dir, "go.sum"), read(t, filepath.Join(sluice, "go.sum")))
			write(t, filepath.Join(dir, "main.go"), "package main\n\nimport (\n\t\"golang.org/x/mod/semver\"\n\n\t\""+module+"/word\"\n)\n\nfunc main() { println(semver.IsValid(word.Word)) }\n")
			write(t, filepath.Join(dir, "word", "word.go"), "package word\n\nconst Word = \"v1.0.0\"\n")
			return scantest.Service{Service: scan.Service{Root: dir, Dir: dir, GoModule: module, Version: "v1", CacheDir: t.TempDir()}}
		}
	}
	const same = "the toolchain and the user's settings are the same in every folder"
	scantest.Run(t, scantest.Adapter{
		Scanner: Scanner{},
		NoCheck: "it fetches, and judges nothing",
		Make:    service("example.com/s"),
		Harmless: map[string]string{
			"proven/go env 1/a report about something else": same,
			"proven/go env 2/a report about something else": same,
		},
		Tools: []scantest.Tool{{Name: "go", Elsewhere: func(t *testing.T) string { return service("example.com/other")(t).Root }}},
	})
}

// required are the lines of a go.mod for a module, and the Go that it asks for.
func required(t *testing.T, dir, module string) string {
	t.Helper()
	name := filepath.Join(dir, "go.mod")
	f, err := modfile.Parse(name, []byte(read(t, name)), nil)
	check(t, err)
	for _, r := range f.Require {
		if r.Mod.Path == module {
			return "go " + f.Go.Version + "\n\nrequire " + r.Mod.Path + " " + r.Mod.Version + "\n"
		}
	}
	t.Fatalf("%s is not in %s", module, name)
	return ""
}
