package gocode

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	gosecanalyzers "github.com/securego/gosec/v2/analyzers"
	gosecrules "github.com/securego/gosec/v2/rules"

	"github.com/sluice-ci/sluice/internal/scan"
)

func TestJob(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{
		"go.work":        "go 1.26\n\nuse ./svc\n\nuse ./lib\n\nreplace example.com/w => ./w\n",
		"svc/go.mod":     "module example.com/m\n\ngo 1.26\n\nreplace example.com/r => ../r\n\nreplace example.com/v => example.com/v2 v2.0.0\n",
		"lib/go.mod":     "module example.com/lib\n\nreplace example.com/s => ./s\n",
		"elsewhere/x.go": "package x\n",
	})
	job, err := Scanner{}.Job(scan.Service{
		Root: b.root, Dir: filepath.Join(b.root, "svc"), GoModule: "example.com/m", Version: "v1", CacheDir: b.cache,
		Options: scan.Options{LintIgnore: []string{"S1000"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var trees []string
	for _, tree := range job.Inputs.Trees {
		rel, err := filepath.Rel(b.root, tree)
		if err != nil {
			t.Fatal(err)
		}
		trees = append(trees, rel)
	}
	slices.Sort(trees)
	want := []string{"go.work", "go.work.sum", "lib", "lib/s", "r", "svc", "svc", "w"}
	if got := slices.DeleteFunc(slices.Compact(trees), func(s string) bool { return s == "" }); !cmp.Equal(slices.Compact(want), got) {
		t.Errorf("trees (-want +got):\n%s", cmp.Diff(slices.Compact(want), got))
	}
	if job.Name != "gocode" || !slices.Equal(job.Stages, []string{"lint", "sast"}) || !slices.Equal(job.Needs, []string{"modules"}) || job.Access.RunsRepositoryCode || !job.Check {
		t.Errorf("job %+v", job)
	}
	if job.Inputs.Values["sluice"] != "v1" || job.Inputs.Values["go"] == "" {
		t.Errorf("values %v", job.Inputs.Values)
	}
	raw, err := json.Marshal(job.Params)
	if err != nil {
		t.Fatal(err)
	}
	p, err := parseParams(raw)
	if diff := cmp.Diff(params{Cache: b.cache, Version: "v1", Ignore: []string{"S1000"}}, p); err != nil || diff != "" {
		t.Errorf("params: %v (-want +got):\n%s", err, diff)
	}
}

// TestOutside loads code from a folder that a go.mod names in a way that the
// planner did not understand: then the answer is not to be kept.
func TestOutside(t *testing.T) {
	t.Parallel()
	elsewhere := newBench(t, map[string]string{"go.mod": "module example.com/r\n", "r.go": "package r\n\n// R is one.\nconst R = 1\n"})
	b := newBench(t, map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.26\n\nrequire example.com/r v1.0.0\n\nreplace example.com/r => " + elsewhere.root + "\n",
		"a.go":   "package a\n\nimport \"example.com/r\"\n\n// A is two.\nconst A = r.R + 1\n",
	})
	task, err := b.task()
	if err != nil {
		t.Fatal(err)
	}
	answer, err := Scanner{}.Worker()(t.Context(), task)
	if err != nil || answer.Volatile {
		t.Fatalf("a folder that is named: error %v, volatile %v, want neither", err, answer.Volatile)
	}
	p, err := parseParams(task.Params)
	if err != nil {
		t.Fatal(err)
	}
	c, err := newCheck(task, p)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.root, "go.mod"), []byte("module example.com/m\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if !c.foreign() {
		t.Error("code from a folder that is not named is not noticed")
	}
}

// TestEveryRuleIsExplained holds the texts against the tools that are linked in.
func TestEveryRuleIsExplained(t *testing.T) {
	t.Parallel()
	rules := allRules()
	var ids []string
	for _, a := range vetAnalyzers() {
		ids = append(ids, a.Name)
	}
	for _, a := range staticcheckAnalyzers() {
		ids = append(ids, a.Analyzer.Name)
	}
	for id := range gosecrules.Generate(false).Rules {
		ids = append(ids, id)
	}
	for id := range gosecanalyzers.Generate(false).Analyzers {
		ids = append(ids, id)
	}
	if len(ids) < 200 {
		t.Fatalf("there are %d rules, want more than 200", len(ids))
	}
	for _, id := range append(ids, "compile", "gofmt", "staticcheck", unexplainedRule) {
		r := rules[id]
		if r.Tool == "" || r.Why == "" || r.Fix == "" || !strings.HasPrefix(r.URI, "https://") || strings.Contains(r.Why+r.Fix, "\n") {
			t.Errorf("rule %s: %+v", id, r)
		}
	}
	for id := range sameDefect {
		if rules[id].ID == "" {
			t.Errorf("there is no rule %s, which has a class", id)
		}
	}
	for id, names := range map[string]int{"vet": len(vetTexts) - len(vetAnalyzers())} {
		if names != 0 {
			t.Errorf("%s: %d texts too many", id, names)
		}
	}
}
