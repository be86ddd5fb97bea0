package gocode

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/securego/gosec/v2/analyzers"
	"golang.org/x/tools/go/analysis"
)

// TestAnalyzerFails lets an analyzer crash, give up or answer what it must not, in
// one of two packages: lint is then not run, and nothing of that package is kept.
func TestAnalyzerFails(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*analysis.Pass) (any, error){
		"crashes":               func(*analysis.Pass) (any, error) { panic("out of ideas") },
		"gives up":              func(*analysis.Pass) (any, error) { return nil, errors.New("out of ideas") },
		"answers what is wrong": func(*analysis.Pass) (any, error) { return 1, nil },
	}
	for name, run := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, inModule(map[string]string{
				"a/a.go": "package a\n\nimport \"math/rand\"\n\nfunc F() int { return rand.Int() }\n", "b/b.go": "package b\n",
			}))
			b.check = func(c *check) {
				c.lint[&analysis.Analyzer{Name: "bad", Run: func(pass *analysis.Pass) (any, error) {
					if pass.Pkg.Name() == "a" {
						return run(pass)
					}
					return nil, nil
				}}] = vetTool
			}
			reports := b.run()
			if got := reports[lintStage].NotRun; !strings.Contains(got, "1 package not analysed: example.com/m/a (") {
				t.Errorf("lint is not run: %q", got)
			}
			if got := reports[sastStage]; got.NotRun != "" || len(got.Findings) != 1 {
				t.Errorf("sast: not run %q, findings %q", got.NotRun, seen(got))
			}
			b.check = nil
			if got := b.run()[lintStage].NotRun; got != "" {
				t.Errorf("the next run is not run: %s", got)
			}
			if diff := cmp.Diff([]string{"a"}, b.analysed()); diff != "" {
				t.Errorf("analysed by the next run (-want +got):\n%s", diff)
			}
		})
	}
}

// TestGosecFails lets rules of gosec fail, which gosec itself passes over.
func TestGosecFails(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(*analysis.Pass) (any, error){
		"crash": func(*analysis.Pass) (any, error) { panic("out of ideas") },
		"error": func(*analysis.Pass) (any, error) { return nil, errors.New("out of ideas") },
	} {
		guard := &crashGuard{}
		wrapped := guard.wrap(map[string]analyzers.AnalyzerDefinition{"G999": {
			ID: "G999", Create: func(string, string) *analysis.Analyzer { return &analysis.Analyzer{Name: "G999", Run: run} },
		}})
		if _, err := wrapped["G999"].Create("G999", "").Run(nil); err == nil || guard.err() == nil {
			t.Errorf("%s: error %v, noted %v, want both", name, err, guard.err())
		}
	}
	if err := ruleErrors("Checking file: a.go\nRule error: *rules.x => out of ideas (a.go:1)\n"); err == nil {
		t.Error("a rule's error in the log is not seen")
	}
	if err := ruleErrors("Checking file: a.go\n"); err != nil {
		t.Errorf("a log without errors: %v", err)
	}
}

// TestUnreadable makes a file unreadable for its size.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	b := newBench(t, inModule(map[string]string{"a/a.go": "package a\n\nvar A int = \"\"\n", "b/b.go": "package b\n\nimport _ \"example.com/m/a\"\n"}))
	if err := os.Truncate(b.root+"/a/a.go", maxSource+1); err != nil {
		t.Fatal(err)
	}
	for stage, r := range b.run() {
		if !strings.Contains(r.NotRun, "2 packages not analysed") || !strings.Contains(r.NotRun, errTooLarge.Error()) {
			t.Errorf("%s: not run %q, want it to say that a file is too large", stage, r.NotRun)
		}
	}
}

// TestMissingDependency takes away what the compiler made of an imported package
// between two runs, and then the package itself.
func TestMissingDependency(t *testing.T) {
	t.Parallel()
	b := newBench(t, inModule(map[string]string{"a.go": "package a\n\nimport \"math/rand\"\n\nfunc F() int { return rand.Int() }\n"}))
	want := b.run()
	s := openStore(b.cache + "/gocode")
	for path, e := range s.Exports {
		e.File = b.cache + "/nowhere"
		s.Exports[path] = e
	}
	s.Results = nil
	if err := s.save(b.cache + "/gocode"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, b.run()); diff != "" {
		t.Errorf("export data moved (-want +got):\n%s", diff)
	}
	for path, e := range s.Exports {
		e.File = b.root + "/go.mod" // it is there, but it is no export data
		s.Exports[path] = e
	}
	if err := s.save(b.cache + "/gocode"); err != nil {
		t.Fatal(err)
	}
	for stage, r := range b.run() {
		if !strings.Contains(r.NotRun, "reading the types of math/rand") {
			t.Errorf("%s: not run %q, want it to name what cannot be read", stage, r.NotRun)
		}
	}
}
