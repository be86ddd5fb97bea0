package guard

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

func do(t *testing.T, base scan.Base, reports ...pipeline.Report) pipeline.Result {
	t.Helper()
	params, err := json.Marshal(base)
	if err != nil {
		t.Fatal(err)
	}
	needs := map[string]pipeline.Need{}
	for _, r := range reports {
		needs[r.Stage] = pipeline.Need{Reports: map[string]pipeline.Report{r.Stage: r}}
	}
	a, err := work(t.Context(), pipeline.Task{Params: params, Needs: needs})
	if err != nil {
		t.Fatal(err)
	}
	return pipeline.Decide(a.Reports[0], pipeline.Verdict{Blocking: a.Reports[0].Findings}, true)
}

// applied are parts of stages, each answered by a job of its name.
func applied(stages ...string) (parts []scan.Part) {
	for _, stage := range stages {
		parts = append(parts, scan.Part{Stage: stage, Job: stage})
	}
	return parts
}

func TestGuard(t *testing.T) {
	t.Parallel()
	lint, deps := pipeline.Report{Stage: "lint"}, pipeline.Report{Stage: "deps", NotApplicable: "there is no go.mod"}
	switchedOff := func(path string, line int) sarif.Finding {
		return sarif.Finding{Rule: "G204", Identity: "x", Location: sarif.Location{Path: path, Line: line}, Suppression: &sarif.Suppression{Reason: "reviewed"}}
	}
	off := pipeline.Report{Stage: "lint", InSource: []sarif.Finding{switchedOff("a.go", 3)}}
	twice := pipeline.Report{Stage: "lint", InSource: []sarif.Finding{switchedOff("a.go", 3), switchedOff("b.go", 4)}}
	looser := []scan.Loosening{{Path: "sluice.yaml", Line: 3, Key: "gates.lint", Message: "the gate of lint lets more through"}}
	tests := map[string]struct {
		base    scan.Base
		reports []pipeline.Report
		outcome pipeline.Outcome
		want    []string // rule, place, severity
	}{
		"nothing changed":        {scan.Base{Applied: applied("lint")}, []pipeline.Report{lint, deps}, pipeline.Passed, nil},
		"a stage was lost":       {scan.Base{Applied: applied("lint", "deps"), Path: "app"}, []pipeline.Report{lint, deps}, pipeline.Failed, []string{"stage-lost app high"}},
		"lost, and approved":     {scan.Base{Applied: applied("lint", "deps"), Path: "app", Approved: true}, []pipeline.Report{lint, deps}, pipeline.Failed, []string{"stage-lost app low"}},
		"a gate was loosened":    {scan.Base{Applied: applied("lint"), Loosened: looser}, []pipeline.Report{lint}, pipeline.Failed, []string{"policy-loosened sluice.yaml:3 medium"}},
		"a stage was not asked":  {scan.Base{Applied: applied("lint", "sast")}, []pipeline.Report{lint}, pipeline.NotRun, nil},
		"none was":               {scan.Base{Applied: applied("lint")}, nil, pipeline.NotRun, nil},
		"nothing to compare":     {scan.Base{}, []pipeline.Report{lint}, pipeline.NotRun, nil},
		"no service before":      {scan.Base{Absent: "no go.mod", Path: "app"}, []pipeline.Report{lint}, pipeline.Failed, []string{"stage-lost app high"}},
		"none, and approved":     {scan.Base{Absent: "no go.mod", Path: "app", Approved: true}, []pipeline.Report{lint}, pipeline.Failed, []string{"stage-lost app low"}},
		"another folder":         {scan.Base{Applied: applied("lint"), Loosened: []scan.Loosening{{Path: "sluice.yaml", Line: 1, High: true}}}, []pipeline.Report{lint}, pipeline.Failed, []string{"policy-loosened sluice.yaml:1 high"}},
		"a comment is new":       {scan.Base{Applied: applied("lint")}, []pipeline.Report{off}, pipeline.Failed, []string{"suppression-new a.go:3 medium"}},
		"a comment is old":       {scan.Base{Applied: applied("lint"), SwitchedOff: map[string]map[string]int{"lint": {off.InSource[0].Fingerprint(): 1}}}, []pipeline.Report{off}, pipeline.Passed, nil},
		"one comment more":       {scan.Base{Applied: applied("lint"), SwitchedOff: map[string]map[string]int{"lint": {off.InSource[0].Fingerprint(): 1}}}, []pipeline.Report{twice}, pipeline.Failed, []string{"suppression-new b.go:4 medium"}},
		"a new service, loosely": {scan.Base{Loosened: looser}, []pipeline.Report{lint}, pipeline.Failed, []string{"policy-loosened sluice.yaml:3 medium"}},
	}
	for name, tt := range tests {
		r := do(t, tt.base, tt.reports...)
		var got []string
		for _, f := range r.Blocking {
			got = append(got, f.Rule+" "+f.Location.String()+" "+f.Severity.String())
		}
		if diff := cmp.Diff(tt.want, got); diff != "" || r.Outcome != tt.outcome {
			t.Errorf("%s: %v (%s), want %v (-want +got):\n%s", name, r.Outcome, r.Reason, tt.outcome, diff)
		}
	}
}

// TestPartOfAStage: what another job still answers of a stage does not make up
// for what is lost.
func TestPartOfAStage(t *testing.T) {
	t.Parallel()
	code, python := scan.Part{Stage: "lint", Job: "code"}, scan.Part{Stage: "lint", Job: "python"}
	r := compare(scan.Base{Applied: []scan.Part{code, python}}, map[scan.Part]pipeline.Report{code: {Stage: "lint"}, python: {Stage: "lint", NotApplicable: "there is no Python"}})
	if len(r.Findings) != 1 || r.Findings[0].Rule != stageLost || r.Findings[0].Identity != "lint" {
		t.Errorf("found %+v", r.Findings)
	}
}
