package gocode

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestAsTheImage checks code that has one form with cgo and one without, and one
// that is only in the image, whatever the settings of whoever runs it.
func TestAsTheImage(t *testing.T) {
	t.Setenv("CGO_ENABLED", "1")
	const body = "// F is random.\nfunc F() int { return rand.Int() }\n"
	reports := newBench(t, inModule(map[string]string{
		"a.go":      "package a\n\n// G is F.\nfunc G() int { return F() }\n",
		"c.go":      "package a\n\nimport \"math/rand\"\n\n// int twice(int n) { return n + n; }\nimport \"C\"\n\n" + body,
		"tag.go":    "//go:build cgo\n\npackage a\n\nfunc  H() {}\n",
		"no.go":     "//go:build !cgo\n\npackage a\n\nimport \"math/rand\"\n\n" + body,
		"zone.go":   "//go:build timetzdata\n\npackage a\n\nimport \"math/rand\"\n\n// I is random.\nfunc I() int { return rand.Int() }\n",
		"c/c.go":    "package c\n\nimport \"C\"\n",
		"a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestF(t *testing.T) { t.Errorf(\"%d\", t.Name()) }\n",
	})).run()
	const notes = "2 files use cgo, which the image is built without: c/c.go, c.go\n1 file left out by build constraints: tag.go"
	for stage, want := range map[string][]string{lintStage: {"gofmt gofmt tag.go:5", "vet printf a_test.go:5"}, sastStage: {"gosec G404 no.go:8", "gosec G404 zone.go:8"}} {
		r := reports[stage]
		if diff := cmp.Diff(want, seen(r)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", stage, diff)
		}
		if got := r.Examined[1]; r.NotRun != "" || got.N != 4 || got.Of != 4 {
			t.Errorf("%s is not run %q, examined %+v", stage, r.NotRun, got)
		}
		if got := strings.Join(r.Notes, "\n"); got != notes {
			t.Errorf("%s: notes %q, want %q", stage, got, notes)
		}
	}
}
