package gocode

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
)

func TestCensus(t *testing.T) {
	t.Parallel()
	const (
		defect = "\n\nimport \"math/rand\"\n\n// F is random.\nfunc F() int { return rand.Int() }\n"
		use    = "package a\n\nimport _ \"example.com/m/%s\"\n"
		ignore = "module example.com/m\n\ngo 1.25\n\nignore ./internal\n"
	)
	imports := func(path string) string { return strings.ReplaceAll(use, "%s", path) }
	tests := []struct {
		name   string
		files  map[string]string
		n, of  int
		notRun string
		sast   []string
		note   string
	}{
		{name: "all", files: map[string]string{"a.go": "package a\n", "b/b.go": "package b\n", "b/b_test.go": "package b_test\n"}, n: 3, of: 3},
		{
			name:  "a folder that go.mod hides",
			files: map[string]string{"go.mod": ignore, "a.go": "package a\n", "internal/x/x.go": "package x" + defect},
			n:     1, of: 2, notRun: "it examined 1 of 2 files; not internal/x/x.go",
		},
		{
			name:  "a folder that go.mod hides, imported",
			files: map[string]string{"go.mod": ignore, "a.go": imports("internal/x"), "internal/x/x.go": "package x" + defect},
			n:     2, of: 2, sast: []string{"gosec G404 internal/x/x.go:6"},
		},
		{
			name: "a folder that go.mod hides, imported by one that is hidden, for a test",
			files: map[string]string{
				"go.mod": ignore, "a_test.go": imports("internal/x"), "internal/x/x.go": strings.ReplaceAll(imports("_y"), "package a", "package x"), "_y/y.go": "package y" + defect,
			},
			n: 3, of: 3, sast: []string{"gosec G404 _y/y.go:6"},
		},
		{
			name:  "test data that is imported",
			files: map[string]string{"a.go": imports("testdata/x"), "testdata/x/x.go": "package x" + defect, "testdata/y/y.go": "package y" + defect},
			n:     2, of: 2, sast: []string{"gosec G404 testdata/x/x.go:6"},
		},
		{
			name: "what a constraint leaves out",
			files: map[string]string{
				"a.go": "package a\n", "a_windows.go": "package a\n", "tag.go": "//go:build surprise\n\npackage a\n", "new.go": "//go:build go1.999\n\npackage a\n",
				"old.go": "//go:build go1.20\n\npackage a\n", "not.go": "//go:build !surprise\n\npackage a\n",
			},
			n: 3, of: 3, note: "3 files left out by build constraints: a_windows.go, new.go, tag.go",
		},
		{
			name:  "what is not the module's",
			files: map[string]string{"a.go": "package a\n", "m/go.mod": "module example.com/other\n", "m/m.go": "package m\n", "_x/x.go": "package x\n", "_y.go": "package y\n", ".z.go": "package z\n"},
			n:     1, of: 1,
		},
		{
			name:  "a constraint that cannot be read",
			files: map[string]string{"a.go": "package a\n", "b/b.go": "//go:build (\n\npackage b\n"},
			n:     1, of: 2, notRun: "1 package not analysed: example.com/m/b (it does not compile)",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			files := inModule(map[string]string{})
			for path, text := range tt.files {
				files[path] = text
			}
			sast := newBench(t, files).run()[sastStage]
			if got := sast.Examined[1]; got != (pipeline.Count{What: "files", N: tt.n, Of: tt.of}) {
				t.Errorf("examined %+v, want %d of %d", got, tt.n, tt.of)
			}
			if sast.NotRun != tt.notRun {
				t.Errorf("not run %q, want %q", sast.NotRun, tt.notRun)
			}
			if got := pipeline.Decide(sast, pipeline.Verdict{}, true); (tt.n == tt.of) != (got.Outcome == pipeline.Passed) {
				t.Errorf("it is %s (%s)", got.Outcome, got.Reason)
			}
			if tt.sast == nil {
				tt.sast = []string{}
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

// TestCensusFlags: the flags of whoever runs it leave nothing out.
func TestCensusFlags(t *testing.T) {
	t.Setenv("GOFLAGS", "-tags=surprise")
	lint := newBench(t, inModule(map[string]string{"a.go": "//go:build !surprise\n\npackage a\n", "b.go": "//go:build surprise\n\npackage a\n"})).run()[lintStage]
	if got := lint.Examined[1]; got != (pipeline.Count{What: "files", N: 1, Of: 1}) || lint.NotRun != "" {
		t.Errorf("examined %+v, not run %q", got, lint.NotRun)
	}
}

// TestHiddenByWorkspace has workspaces and vendor folders that name another module
// in place of the service's.
func TestHiddenByWorkspace(t *testing.T) {
	t.Parallel()
	const workspace = "does not contain modules listed in go.work"
	tests := []struct {
		name, says string
		files      map[string]string
	}{
		{"nothing", workspace, map[string]string{"go.work": "go 1.26\n"}},
		{"another module", workspace, map[string]string{"go.work": "go 1.26\n\nuse ./o\n", "o/go.mod": "module example.com/o\n", "o/o.go": "package o\n"}},
		{"a copy of it", workspace, map[string]string{"go.work": "go 1.26\n\nuse ./copy\n", "copy/go.mod": "module example.com/m\n", "copy/a.go": "package a\n"}},
		{"a vendored copy", "inconsistent vendoring", map[string]string{
			"svc/vendor/modules.txt": "# example.com/m v1.0.0\n## explicit\nexample.com/m\n", "svc/vendor/example.com/m/a.go": "package a\n",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, tt.files)
			b.write(map[string]string{"svc/go.mod": "module example.com/m\n\ngo 1.26\n", "svc/a.go": "package a\n"})
			b.dir = filepath.Join(b.root, "svc")
			if _, err := b.try(); err == nil || !strings.Contains(err.Error(), tt.says) || hint.Remedy(err) == "" {
				t.Errorf("error %v, remedy %q", err, hint.Remedy(err))
			}
		})
	}
}
