package gocode

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/pipeline"
)

// planted are the rules that are planted for a stage, but some.
func planted(stage string, without ...string) (rules []string) {
	for _, p := range plants() {
		if p.stage == stage && !slices.Contains(without, p.rule) {
			rules = append(rules, p.rule)
		}
	}
	return rules
}

func TestSelfTest(t *testing.T) {
	t.Parallel()
	all := planted(lintStage)
	tests := []struct {
		name   string
		files  map[string]string
		ignore []string
		blind  string   // a tool of which no analyzer is run
		lint   []string // planted
		missed []string
		note   string
	}{
		{name: "all is well", lint: all},
		{name: "an old language", files: map[string]string{"go.mod": "module example.com/m\n\ngo 1.16\n"}, lint: all},
		{name: "no language", files: map[string]string{"go.mod": "module example.com/m\n"}, lint: all},
		{name: "a vendor folder", files: map[string]string{vendorList: ""}, lint: all},
		{name: "a rule that is switched off", ignore: []string{"sa4000"}, lint: planted(lintStage, "SA4000")},
		{name: "all rules of a tool that are planted", ignore: []string{"gofmt"}, lint: planted(lintStage, "gofmt"), note: "no self-test of gofmt"},
		{name: "all rules", ignore: all, note: "no self-test of gofmt, vet, staticcheck"},
		{name: "a tool that finds nothing", blind: vetTool, lint: all, missed: []string{"stringintconv", "structtag", "unreachable"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			files := inModule(map[string]string{"a.go": "package a\n"})
			maps.Copy(files, tt.files)
			b := newBench(t, files)
			b.options.LintIgnore = tt.ignore
			b.check = func(c *check) {
				for a, tool := range c.lint {
					if tool == tt.blind {
						delete(c.lint, a)
					}
				}
			}
			reports := b.run()
			lint, sast := reports[lintStage], reports[sastStage]
			want := &pipeline.SelfTest{Planted: tt.lint}
			for _, rule := range tt.lint {
				if !slices.Contains(tt.missed, rule) {
					want.Caught = append(want.Caught, rule)
				}
			}
			if diff := cmp.Diff(want, lint.SelfTest); diff != "" || lint.NotRun != "" {
				t.Errorf("lint, not run %q (-want +got):\n%s", lint.NotRun, diff)
			}
			if !strings.Contains(strings.Join(lint.Notes, "\n"), tt.note) || (tt.note == "" && len(lint.Notes) > 0) {
				t.Errorf("notes %q, want %q", lint.Notes, tt.note)
			}
			passes := len(tt.lint) > 0 && len(tt.missed) == 0
			if got := pipeline.Decide(lint, pipeline.Verdict{}, true); passes != (got.Outcome == pipeline.Passed) {
				t.Errorf("lint is %s: %s", got.Outcome, got.Reason)
			}
			if got := pipeline.Decide(sast, pipeline.Verdict{}, true); got.Outcome != pipeline.Passed || !sast.SelfTest.Passed() {
				t.Errorf("sast is %s: %s", got.Outcome, got.Reason)
			}
		})
	}
}

// TestSelfTestIsKept says when a self-test is done again.
func TestSelfTestIsKept(t *testing.T) {
	t.Parallel()
	b := newBench(t, inModule(map[string]string{"a.go": "package a\n"}))
	steps := []struct {
		name   string
		change func()
		again  bool
	}{
		{"first", func() {}, true},
		{"nothing", func() {}, false},
		{"the code", func() { b.write(map[string]string{"a.go": "package a\n\nconst A = 1\n"}) }, false},
		{"the settings", func() { b.options.LintIgnore = []string{"S1000"} }, true},
		{"the language", func() { b.write(map[string]string{"go.mod": "module example.com/m\n\ngo 1.25\n"}) }, true},
		{"Sluice", func() { b.check = func(c *check) { c.params.Version = "another" } }, true},
	}
	for _, s := range steps {
		s.change()
		reports := b.run()
		if got := slices.Contains(b.progress, "looking for planted defects"); got != s.again {
			t.Errorf("%s changed: done again %v, want %v", s.name, got, s.again)
		}
		for stage, r := range reports {
			if !r.SelfTest.Passed() {
				t.Errorf("%s changed: the self-test of %s: %+v", s.name, stage, r.SelfTest)
			}
		}
	}
}

// TestPlantsAreMadeAfresh: what is planted cannot be known before.
func TestPlantsAreMadeAfresh(t *testing.T) {
	t.Parallel()
	first, second := sow(plants(), "1.26"), sow(plants(), "1.26")
	for path, text := range first {
		if text == second[path] || strings.Contains(text, "NAME") || strings.Contains(text, "MODULE") {
			t.Errorf("%s is twice\n%s", path, text)
		}
	}
}
