package gocode

import (
	"testing"

	"github.com/sluice-ci/sluice/internal/scan"
	"github.com/sluice-ci/sluice/internal/scan/scantest"
)

func TestConform(t *testing.T) {
	service := func(module, body string) func(*testing.T) scantest.Service {
		return func(t *testing.T) scantest.Service {
			t.Helper()
			b := newBench(t, map[string]string{
				"go.mod":      "module " + module + "\n\ngo 1.26\n",
				"main.go":     "// Command m says a number.\npackage main\n\nimport \"" + module + "/sum\"\n\nfunc main() { println(sum.Of(1, 2)) }\n",
				"sum/sum.go":  "// Package sum adds.\npackage sum\n\n// Of is a sum.\nfunc Of(a, b int) int {\n" + body + "}\n",
				"sum/more.go": "package sum\n\n// Twice is a double.\nfunc Twice(a int) int { return Of(a, a) }\n",
			})
			return scantest.Service{Service: scan.Service{Root: b.root, Dir: b.dir, GoModule: module, Version: "test", CacheDir: b.cache}}
		}
	}
	scantest.Run(t, scantest.Adapter{
		Scanner: Scanner{},
		Make:    service("example.com/m", "\treturn a + b\n"),
		Defects: map[string]func(*testing.T) scantest.Service{"an assignment to itself": service("example.com/m", "\ta = a\n\treturn a + b\n")},
		Harmless: map[string]string{
			"proven/go list 2/a report about something else": "it is asked by import path for the standard library's compiled packages, and they are the same everywhere",
		},
		Tools: []scantest.Tool{{Name: "go", Stay: []string{"env", "version"},
			Elsewhere: func(t *testing.T) string { return service("example.com/other", "\treturn a - b\n")(t).Root }}},
	})
}
