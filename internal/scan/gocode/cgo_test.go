package gocode

import (
	"os/exec"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCgo checks code that calls C: what cgo makes of it is analysed, and told of
// by the lines of the file as it was written.
func TestCgo(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("there is no C compiler")
	}
	reports := newBench(t, inModule(map[string]string{
		"a.go": `package a

// int twice(int n) { return n + n; }
import "C"

import (
	"fmt"
	"math/rand"
)

// F doubles.
func F() int {
	fmt.Printf("%d", "x")
	return int(C.twice(C.int(rand.Int())))
}
`,
		"b.go":      "package a\n\nimport \"math/rand\"\n\n// G is random.\nfunc G() int { return rand.Int() }\n",
		"a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestF(t *testing.T) {\n\tif F() == 1 {\n\t\tt.Errorf(\"%d\", t.Name())\n\t}\n}\n",
		"c/c.go":    "package c\n\nimport \"example.com/m\"\n\n// H doubles.\nfunc H() int { return a.F() }\n",
	})).run()
	for _, r := range reports {
		if r.NotRun != "" {
			t.Errorf("%s is not run: %s", r.Stage, r.NotRun)
		}
	}
	if diff := cmp.Diff([]string{"staticcheck SA5009 a.go:13", "vet printf a.go:13", "vet printf a_test.go:7"}, seen(reports[lintStage])); diff != "" {
		t.Errorf("lint (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"gosec G115 a.go:14", "gosec G404 a.go:14", "gosec G404 b.go:6"}, seen(reports[sastStage])); diff != "" {
		t.Errorf("sast (-want +got):\n%s", diff)
	}
}
