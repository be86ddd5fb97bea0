package pipeline

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/sandbox"
	"github.com/sluice-ci/sluice/internal/sarif"
)

// TestMerge: a stage in parts passes only if each part does, whatever another
// part can show.
func TestMerge(t *testing.T) {
	t.Parallel()
	proved := func(values map[string]string, findings ...sarif.Finding) Report {
		return Report{Stage: "lint", Findings: findings, Values: values, SelfTest: &SelfTest{Planted: []string{"x"}, Caught: []string{"x"}}, Examined: []Count{{What: "files", N: 1, Of: 1}}}
	}
	clean, none := proved(nil), Report{Stage: "lint", NotApplicable: "there is none"}
	bad := proved(nil, sarif.Finding{Rule: "bad"})
	blind := clean
	blind.SelfTest = &SelfTest{Planted: []string{"y"}}
	silent := Report{Stage: "lint"}
	broken := Report{Stage: "lint", NotRun: "it broke off", Remedy: "mend it"}
	judge := func(r Report) (v Verdict) {
		for _, f := range r.Findings {
			if f.Rule == "bad" {
				v.Blocking = append(v.Blocking, f)
			}
		}
		if at := r.Values[DataModified]; at != "" && at < "2026" {
			v.NotRun = "its data is old"
		}
		return v
	}
	tests := map[string]struct {
		parts  []Report
		want   Outcome
		reason string
		jobs   []string
	}{
		"one":                 {[]Report{clean}, Passed, "", nil},
		"one of two applies":  {[]Report{none, clean}, Passed, "", nil},
		"none does":           {[]Report{none, none}, NotApplicable, "a: there is none; b: there is none", nil},
		"both pass":           {[]Report{clean, clean}, Passed, "", []string{"a", "b"}},
		"one fails":           {[]Report{clean, bad}, Failed, "", []string{"a", "b"}},
		"one is blind":        {[]Report{blind, clean}, NotRun, "a: it did not find what was planted for it: y", []string{"a", "b"}},
		"one is silent":       {[]Report{clean, silent}, NotRun, "b: it gave no proof", []string{"a", "b"}},
		"one broke off":       {[]Report{clean, broken}, NotRun, "b: it broke off", []string{"a", "b"}},
		"broken, and failing": {[]Report{bad, broken}, Failed, "", []string{"a", "b"}},
		"old data":            {[]Report{proved(map[string]string{DataModified: "2027"}), proved(map[string]string{DataModified: "2025"})}, NotRun, "its data is old", []string{"a", "b"}},
		"old data first":      {[]Report{proved(map[string]string{DataModified: "2025"}), proved(map[string]string{DataModified: "2027"})}, NotRun, "its data is old", []string{"a", "b"}},
		"old data, none used": {[]Report{proved(map[string]string{DataModified: "2025"}), proved(map[string]string{DataModified: NoData})}, NotRun, "its data is old", []string{"a", "b"}},
		"none used, old data": {[]Report{proved(map[string]string{DataModified: NoData}), proved(map[string]string{DataModified: "2025"})}, NotRun, "its data is old", []string{"a", "b"}},
		"new data, none used": {[]Report{proved(map[string]string{DataModified: "2027"}), proved(map[string]string{DataModified: NoData})}, Passed, "", []string{"a", "b"}},
	}
	dated := proved(map[string]string{DataModified: "2027"})
	for _, parts := range [][]Report{{dated, clean}, {clean, dated}} {
		all := mergeReports([]Result{Decide(parts[0], Verdict{}, true), Decide(parts[1], Verdict{}, true)})
		if at, found := all.Values[DataModified]; found {
			t.Errorf("data of no known age is from %s, as another part's is", at)
		}
	}
	for name, tt := range tests {
		var parts []Result
		for i, report := range tt.parts {
			p := Decide(report, judge(report), true)
			p.Job = string(rune('a' + i))
			parts = append(parts, p)
		}
		got := merge(parts, judge)
		if got.Outcome != tt.want || !strings.Contains(got.Reason, tt.reason) || !slices.Equal(got.Jobs, tt.jobs) {
			t.Errorf("%s: %v (%s) by %v, want %v (%s) by %v", name, got.Outcome, got.Reason, got.Jobs, tt.want, tt.reason, tt.jobs)
		}
		if again := Decide(got.Report, judge(got.Report), true); again.Outcome != got.Outcome || again.Reason != got.Reason {
			t.Errorf("%s: judged again it is %v (%s)", name, again.Outcome, again.Reason)
		}
		if len(tt.jobs) > 0 && got.Remedy != "mend it" && strings.Contains(tt.reason, "broke off") {
			t.Errorf("%s: its remedy is %q", name, got.Remedy)
		}
	}
}

// TestPartsOfAStage: the stage ends when the last of its jobs does, once.
func TestPartsOfAStage(t *testing.T) {
	t.Parallel()
	one, two, absent := job("clean"), job("finder"), job("clean")
	two.Stages = one.Stages
	absent.Name, absent.NotApplicable = "absent", "there is none"
	r := runnerIn(t.TempDir(), one, two, absent)
	var ends []string
	r.Emit = func(e Event) {
		if e.Kind == StageFinished {
			ends = append(ends, e.Stage.Stage+" "+e.Stage.Outcome.String()+" by "+strings.Join(e.Stage.Jobs, ", "))
		}
	}
	done, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = done.Abandon() }()
	if diff := cmp.Diff([]string{"clean failed by clean, finder"}, ends); diff != "" || len(done.Results) != 1 {
		t.Errorf("%d results; events (-want +got):\n%s", len(done.Results), diff)
	}
}

func TestAccessOfParts(t *testing.T) {
	t.Parallel()
	a := Access{Network: Loopback, Read: []string{"b", "a"}, Secrets: []string{"x"}}
	b := Access{Network: NoNetwork, Read: []string{"a"}, Write: []string{"w"}, RunsRepositoryCode: true}
	want := Access{Network: Loopback, Read: []string{"a", "b"}, Write: []string{"w"}, Secrets: []string{"x"}, RunsRepositoryCode: true}
	if diff := cmp.Diff(want, b.with(a)); diff != "" {
		t.Error(diff)
	}
	e := sandbox.Enforced{Files: sandbox.Full, Network: sandbox.None, Processes: sandbox.Partial, Limits: sandbox.Full}
	if got := e.Least(sandbox.Enforced{Files: sandbox.Partial, Network: sandbox.Full, Processes: sandbox.Full, Limits: sandbox.Full}); got != (sandbox.Enforced{Files: sandbox.Partial, Processes: sandbox.Partial, Limits: sandbox.Full}) {
		t.Errorf("the weaker is %+v", got)
	}
}
