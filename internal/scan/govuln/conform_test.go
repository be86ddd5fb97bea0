package govuln

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
	"github.com/sluice-ci/sluice/internal/scan/scantest"
)

func TestConformDeps(t *testing.T) {
	service := func(module string, flaws ...flaw) func(*testing.T) scantest.Service {
		return func(t *testing.T) scantest.Service {
			t.Helper()
			dir := folder(t, map[string]string{
				"go.mod":      "module " + module + "\n\ngo 1.21\n",
				"main.go":     "package main\n\nimport (\n\t\"fmt\"\n\n\t\"" + module + "/word\"\n)\n\nfunc main() { fmt.Println(word.Word) }\n",
				"word/all.go": "package word\n\nconst Word = \"word\"\n",
			})
			return scantest.Service{
				Service: scan.Service{Root: dir, Dir: dir, GoModule: module, Version: "v1", CacheDir: sharedCache(t)},
				Needs:   map[string]pipeline.Need{"vulndb": databaseOf(t, flaws...).need()},
			}
		}
	}
	scantest.Run(t, scantest.Adapter{
		Scanner: Deps{},
		Make:    service("example.com/s", oldFlaw),
		Defects: map[string]func(*testing.T) scantest.Service{"a call of a vulnerable function": service("example.com/s", printFlaw)},
		Blind: map[string]func(*testing.T) scantest.Service{
			"data without entries": service("example.com/s"),
			"no data": func(t *testing.T) scantest.Service {
				s := service("example.com/s", oldFlaw)(t)
				s.Needs = nil
				return s
			},
		},
		Tools: []scantest.Tool{{Name: "go", Stay: []string{"env", "version"},
			Elsewhere: func(t *testing.T) string { return service("example.com/other")(t).Root }}},
	})
}

// sharedCache is a cache folder of Sluice's with the compiler's own cache in it,
// so that the standard library is not compiled for each test.
func sharedCache(t *testing.T) string {
	t.Helper()
	shared, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	if err := os.Symlink(strings.TrimSpace(string(shared)), filepath.Join(cache, string(gotool.CheckZone))); err != nil {
		t.Fatal(err)
	}
	return cache
}
