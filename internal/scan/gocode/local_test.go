package gocode

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLocalModules imports from a module besides the service's: where it is in the
// repository, it is examined.
func TestLocalModules(t *testing.T) {
	t.Parallel()
	const (
		random  = "package lib\n\nimport \"math/rand\"\n\n// F is random.\nfunc F() int { return rand.Int() }\n"
		module  = "module example.com/m\n\ngo 1.26\n\nrequire example.com/lib v0.0.0\n"
		replace = module + "\nreplace example.com/lib => %s\n"
		notes   = "vendored code is not compared with its modules"
	)
	tests := []struct {
		name, root string
		lib        string // folder of the module
		files      map[string]string
		n          int
		sast       []string
		note       string
	}{
		{"beside the service", ".", "lib", map[string]string{"svc/go.mod": fmt.Sprintf(replace, "../lib")}, 2, []string{"gosec G404 lib/lib.go:6"}, "1 file left out by build constraints: lib/lib_windows.go"},
		{"below the service", ".", "svc/lib", map[string]string{"svc/go.mod": fmt.Sprintf(replace, "./lib")}, 2, []string{"gosec G404 svc/lib/lib.go:6"}, "1 file left out by build constraints: svc/lib/lib_windows.go"},
		{"of the workspace", ".", "lib", map[string]string{"svc/go.mod": "module example.com/m\n\ngo 1.26\n", "go.work": "go 1.26\n\nuse ./svc\n\nuse ./lib\n"}, 2, []string{"gosec G404 lib/lib.go:6"}, "1 file left out by build constraints: lib/lib_windows.go"},
		{"outside of the repository", "svc", "lib", map[string]string{"svc/go.mod": fmt.Sprintf(replace, "../lib")}, 1, []string{}, ""},
		{"vendored", ".", "lib", map[string]string{
			"svc/go.mod": fmt.Sprintf(replace, "../lib"), "svc/vendor/example.com/lib/lib.go": random,
			"svc/vendor/modules.txt": "# example.com/lib v0.0.0 => ../lib\n## explicit; go 1.26\nexample.com/lib\n# example.com/lib => ../lib\n",
		}, 1, []string{}, notes},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, tt.files)
			b.write(map[string]string{
				"svc/a.go": "package a\n\nimport \"example.com/lib\"\n\n// A is random.\nfunc A() int { return lib.F() }\n", "svc/a_test.go": "package a\n",
				tt.lib + "/go.mod": "module example.com/lib\n\ngo 1.26\n", tt.lib + "/lib.go": random, tt.lib + "/lib_windows.go": "package lib\n",
				tt.lib + "/lib_test.go": "package lib\n\nimport _ \"example.com/nowhere\"\n", tt.lib + "/unused/u.go": random,
			})
			b.dir, b.root = filepath.Join(b.root, "svc"), filepath.Join(b.root, tt.root)
			sast := b.run()[sastStage]
			if got := sast.Examined[1]; got.N != tt.n+1 || got.Of != tt.n+1 || sast.NotRun != "" {
				t.Errorf("examined %+v, want %d; not run %q", got, tt.n+1, sast.NotRun)
			}
			if diff := cmp.Diff(tt.sast, seen(sast)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if got := strings.Join(sast.Notes, "\n"); got != tt.note {
				t.Errorf("notes %q, want %q", got, tt.note)
			}
		})
	}
}
