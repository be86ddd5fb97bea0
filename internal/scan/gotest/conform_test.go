package gotest

import (
	"testing"

	"github.com/sluice-ci/sluice/internal/scan"
	"github.com/sluice-ci/sluice/internal/scan/scantest"
)

func TestConform(t *testing.T) {
	const planted = "it is the run of the planted tests, which fails, and has none of what is left out"
	service := func(module, sum string) func(*testing.T) scantest.Service {
		return func(t *testing.T) scantest.Service {
			t.Helper()
			s := newService(t, map[string]string{
				"sum/sum.go":      "package sum\n\nfunc Of(a, b int) int { return " + sum + " }\n",
				"sum/sum_test.go": "package sum\n\nimport \"testing\"\n\nfunc TestOf(t *testing.T) {\n\tif Of(1, 2) != 3 {\n\t\tt.Fail()\n\t}\n}\n\nfunc TestZero(t *testing.T) {\n\tif Of(0, 0) != 0 {\n\t\tt.Fail()\n\t}\n}\n",
				"two/two_test.go": "package two\n\nimport \"testing\"\n\nfunc TestTwo(t *testing.T) {}\n",
			})
			s.write(t, "go.mod", "module "+module+"\n\ngo 1.25\n")
			return scantest.Service{Service: scan.Service{Root: s.dir, Dir: s.dir, GoModule: module, Version: "v0", CacheDir: s.cache}}
		}
	}
	scantest.Run(t, scantest.Adapter{
		Scanner: Scanner{},
		Make:    service("example.com/s", "a + b"),
		Defects: map[string]func(*testing.T) scantest.Service{"a wrong sum": service("example.com/s", "a - b")},
		Harmless: map[string]string{
			"cold/go test 2/fails after its output":     planted,
			"cold/go test 2/a test that is left out":    planted,
			"cold/go test 2/a package that is left out": planted,
		},
		Tools: []scantest.Tool{{
			Name: "go", Stay: []string{"env", "version"},
			Elsewhere: func(t *testing.T) string { return service("example.com/other", "a + b")(t).Root },
			More: map[string]map[string]string{"test": {
				"packages without tests":     `real "$@" | grep -v '"Test":'; exit 0`,
				"a test that is left out":    `real "$@" | grep -v TestZero; exit 0`,
				"a package that is left out": `real "$@" | grep -v example.com/s/two; exit 0`,
			}},
		}},
	})
}
