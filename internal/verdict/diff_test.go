package verdict

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/cache"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/policy"
	"github.com/sluice-ci/sluice/internal/sarif"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	part := func(name, hash string) cache.Part { return cache.Part{Name: name, Hash: hash} }
	old, moved, fresh := sarif.Finding{Rule: "old", Identity: "x"}, sarif.Finding{Rule: "moved", Identity: "y"}, sarif.Finding{Rule: "fresh", Identity: "z"}
	elsewhere := moved
	elsewhere.Location = sarif.Location{Path: "b.go", Line: 90}
	a := Verdict{
		Decided: time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC),
		Policy:  policy.Policy{Gates: policy.Gates{"sast": {Fail: sarif.High}, "test": {}}, Exceptions: policy.Exceptions{{ID: "G1"}, {ID: "G2"}}},
		Stages: []Stage{
			{Report: pipeline.Report{Stage: "sast", Findings: []sarif.Finding{old, old, moved}}, Outcome: pipeline.Passed, Inputs: []cache.Part{part("tree app", "1"), part("values go", "2"), part("stage", "3"), part("stage", "4")}},
			{Report: pipeline.Report{Stage: "test"}, Outcome: pipeline.Passed, Inputs: []cache.Part{part("tree app", "1")}},
			{Report: pipeline.Report{Stage: "dast"}, Outcome: pipeline.Passed},
		},
	}
	b := Verdict{
		Decided: a.Decided.Add(time.Hour), Strict: true,
		Policy: policy.Policy{Gates: policy.Gates{"sast": {Fail: sarif.Low}, "test": {}}, Exceptions: policy.Exceptions{{ID: "G1", Owner: "x"}, {ID: "G3"}}},
		Stages: []Stage{
			{Report: pipeline.Report{Stage: "sast", Findings: []sarif.Finding{old, elsewhere, fresh}}, Outcome: pipeline.Failed, Inputs: []cache.Part{part("tree app", "9"), part("values go", "2"), part("stage", "4"), part("stage", "3"), part("need modules", "5")}},
			{Report: pipeline.Report{Stage: "test"}, Outcome: pipeline.Passed, Inputs: []cache.Part{part("tree app", "1")}},
			{Report: pipeline.Report{Stage: "lint"}, Outcome: pipeline.Passed},
		},
	}
	want := Difference{
		Policy: []string{"exception G1", "exception G2", "exception G3", "gate sast", "strict"},
		Stages: []StageDiff{
			{Stage: "sast", Before: pipeline.Passed, After: pipeline.Failed, Inputs: []string{"need modules", "tree app"}, New: []sarif.Finding{fresh}, Gone: []sarif.Finding{old}},
			{Stage: "dast", Before: pipeline.Passed},
			{Stage: "lint", After: pipeline.Passed},
		},
	}
	if diff := cmp.Diff(want, Diff(a, b)); diff != "" {
		t.Errorf("difference (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Difference{}, Diff(a, a)); diff != "" {
		t.Errorf("a verdict differs from itself:\n%s", diff)
	}
}
