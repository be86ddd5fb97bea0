package image

import (
	"testing"

	"github.com/sluice-ci/sluice/internal/scan"
	"github.com/sluice-ci/sluice/internal/scan/scantest"
)

// TestConform has a service that was built before, so that the compiler prints
// nothing and half of its output is none.
func TestConform(t *testing.T) {
	built := func(module string, pairs ...string) func(*testing.T) scantest.Service {
		return func(t *testing.T) scantest.Service {
			t.Helper()
			r := service(t, with(hello(), append(pairs,
				"svc/go.mod", "module "+module+"\n\ngo 1.24\n",
				"svc/cmd/todo/main.go", "package main\n\nimport \""+module+"/greet\"\n\nfunc main() { println(greet.Hello()) }\n")...))
			if len(pairs) == 0 {
				_, err := Build(t.Context(), r)
				check(t, err)
			}
			return scantest.Service{Service: scan.Service{Name: r.Name, Root: r.Root, Dir: r.Dir, Main: r.Main, GoModule: module, Version: "v1", CacheDir: r.Cache}}
		}
	}
	const output = `; for a; do [ "$last" = -o ] && break; last=$a; done; `
	scantest.Run(t, scantest.Adapter{
		Scanner: Scanner{},
		NoCheck: "it builds, and judges nothing but whether it can",
		Make:    built("example.com/todo"),
		Defects: map[string]func(*testing.T) scantest.Service{
			"code that does not compile": built("example.com/todo", "svc/greet/greet.go", "package greet\n\nfunc Hello() int { return \"\" }\n"),
		},
		Tools: []scantest.Tool{{
			Name: "go", Stay: []string{"env", "version"},
			Elsewhere: func(t *testing.T) string { return built("example.com/other")(t).Dir },
			More: map[string]map[string]string{"build": {
				"a program that breaks off": `real "$@"` + output + `truncate -s -9K "$a"; exit 0`,
				"a program of another kind": `real "$@"` + output + `cp /bin/true "$a"; exit 0`,
				"a program without a name":  `real "$@"` + output + `sed -i 's/Go buildinf:/No buildinf:/' "$a"; exit 0`,
				"an empty program":          `real "$@"` + output + `: >"$a"; exit 0`,
			}},
		}},
	})
}
