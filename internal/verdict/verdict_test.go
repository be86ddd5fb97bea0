package verdict

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/policy"
	"github.com/sluice-ci/sluice/internal/sarif"
)

var now = time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC)

// sample has a stage of each outcome, one for the sake of an exception.
func sample() Verdict {
	p := policy.Policy{
		Gates: policy.Gates{"sast": {Fail: sarif.Medium}, "lint": {Never: true}, "deps": {Reach: sarif.Reachable, MaxAge: 7 * 24 * time.Hour}},
		Exceptions: policy.Exceptions{
			{ID: "G201", Reason: "a constant", Owner: "me", Expires: now.Truncate(24 * time.Hour)},
			{ID: "G202", Reason: "a constant", Owner: "me", Expires: now.AddDate(0, 0, -1).Truncate(24 * time.Hour)},
		},
	}
	looked := []pipeline.Count{{What: "files", N: 3}}
	finding := func(rule string) []sarif.Finding {
		return []sarif.Finding{{Rule: rule, Severity: sarif.High, Location: sarif.Location{Path: "a.go", Line: 3}}}
	}
	reports := []pipeline.Report{
		{Stage: "sast", Examined: looked, Findings: finding("G201")},
		{Stage: "lint", Examined: looked, Findings: finding("G202")},
		{Stage: "test", Examined: looked},
		{Stage: "secrets", Findings: finding("G202")},
		{Stage: "deps", Examined: looked, Values: map[string]string{pipeline.DataModified: "2026-01-01T00:00:00Z"}},
		{Stage: "image-scan", NotRun: "no image"},
		{Stage: "dast"},
		{Stage: "licenses", NotApplicable: "no dependencies"},
	}
	var results []pipeline.Result
	judge := Judge(p, true, now)
	for _, r := range reports {
		results = append(results, pipeline.Decide(r, judge(r), false))
	}
	return New(pipeline.Record{ID: "r", Sluice: "v1", Started: now, Strict: true}, p, results)
}

func TestReplay(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := sample().Write(&b); err != nil {
		t.Fatal(err)
	}
	v, err := Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample(), v); diff != "" {
		t.Errorf("after writing and reading (-want +got):\n%s", diff)
	}
	results, differences := v.Replay()
	if len(differences) != 0 {
		t.Errorf("differences %v", differences)
	}
	got := map[string]pipeline.Outcome{}
	for _, r := range results {
		got[r.Stage] = r.Outcome
	}
	want := map[string]pipeline.Outcome{
		"sast": pipeline.Passed, "lint": pipeline.Passed, "test": pipeline.Passed, "secrets": pipeline.Failed,
		"deps": pipeline.NotRun, "image-scan": pipeline.NotRun, "dast": pipeline.NotRun, "licenses": pipeline.NotApplicable,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

// TestTamperedVerdicts come to another outcome than they say.
func TestTamperedVerdicts(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Verdict){
		"a finding removed":     func(v *Verdict) { v.Stages[3].Report.Findings = nil },
		"a finding added":       func(v *Verdict) { v.Stages[2].Report.Findings = v.Stages[3].Report.Findings },
		"an outcome changed":    func(v *Verdict) { v.Stages[3].Outcome = pipeline.Passed },
		"the outcome changed":   func(v *Verdict) { v.Outcome = pipeline.Passed },
		"an exception extended": func(v *Verdict) { v.Policy.Exceptions[1].Expires = now.AddDate(1, 0, 0) },
		"an exception removed":  func(v *Verdict) { v.Policy.Exceptions = nil },
		"a gate opened":         func(v *Verdict) { v.Policy.Gates["secrets"] = policy.Gate{Never: true} },
		"a later moment":        func(v *Verdict) { v.Decided = now.AddDate(0, 0, 1) },
		"less strict":           func(v *Verdict) { v.Strict = false },
		"younger data":          func(v *Verdict) { v.Stages[4].Report.Values[pipeline.DataModified] = "2026-03-30T00:00:00Z" },
		"a suppression from air": func(v *Verdict) {
			v.Stages[3].Outcome, v.Stages[3].Report.Findings[0].Suppression = pipeline.Passed, &sarif.Suppression{}
		},
	} {
		v := sample()
		change(&v)
		if _, differences := v.Replay(); len(differences) == 0 {
			t.Errorf("%s: no difference", name)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing": "", "an empty object": "{}", "no stage": `{"schema":1,"stages":[]}`, "a later form": `{"schema":2,"stages":[{}]}`,
		"an unknown key": `{"schema":1,"stages":[{}],"waived":true}`, "an unknown key of a gate": `{"schema":1,"stages":[{}],"policy":{"gates":{"sast":{"soft":true}}}}`,
		"something more": `{"schema":1,"stages":[{"report":{"stage":"a"},"outcome":"passed"}]} {}`, "no JSON": "passed", "a list": "[]",
	} {
		if v, err := Read(strings.NewReader(text)); err == nil {
			t.Errorf("%s was read as %+v", name, v)
		}
	}
}

func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	if err := sample().Write(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"schema":1,"stages":[{"report":{"stage":"sast","findings":[{}]},"outcome":"passed"}],"outcome":"passed"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		results, _ := v.Replay()
		for _, r := range results {
			if r.Outcome == pipeline.Passed && len(r.Report.Examined) == 0 && len(r.Report.Findings) == 0 {
				t.Errorf("%s passed without having looked", r.Stage)
			}
		}
	})
}

// TestUnpinnedTools: what they find shuts a gate; that they find nothing opens none
// in a strict run, nor when that is replayed.
func TestUnpinnedTools(t *testing.T) {
	t.Parallel()
	p := policy.Policy{Gates: policy.Gates{"lint": {Fail: sarif.Low}}}
	finding := []sarif.Finding{{Rule: "E1", Severity: sarif.High, Location: sarif.Location{Path: "a.py", Line: 3}}}
	for _, tt := range []struct {
		strict, unpinned bool
		findings         []sarif.Finding
		want             pipeline.Outcome
	}{
		{true, true, nil, pipeline.NotRun},
		{true, true, finding, pipeline.Failed},
		{true, false, nil, pipeline.Passed},
		{false, true, nil, pipeline.Passed},
		{false, true, finding, pipeline.Failed},
	} {
		r := pipeline.Report{Stage: "lint", Examined: []pipeline.Count{{What: "files", N: 3}}, Findings: tt.findings,
			Tools: []pipeline.Tool{{Name: "gofmt", Version: "1"}, {Name: "flake8", Version: "5.0.4", Unpinned: tt.unpinned}}}
		got := pipeline.Decide(r, Judge(p, tt.strict, now)(r), false)
		if got.Outcome != tt.want {
			t.Errorf("%+v: %s (%s)", tt, got.Outcome, got.Reason)
		}
		if tt.want == pipeline.NotRun && (got.Reason != "flake8 5.0.4 is not pinned" || got.Remedy != "sluice tools install flake8") {
			t.Errorf("because %q, %q", got.Reason, got.Remedy)
		}
		v := New(pipeline.Record{Started: now, Strict: tt.strict}, p, []pipeline.Result{got})
		if _, differences := v.Replay(); len(differences) > 0 {
			t.Errorf("%+v: %v", tt, differences)
		}
		v.Stages[0].Report.Tools = nil
		if _, differences := v.Replay(); (len(differences) > 0) != (tt.want == pipeline.NotRun) {
			t.Errorf("%+v, without its tools: %v", tt, differences)
		}
	}
}

// TestNoData: what rests on no data is not held to its age, and what does not say so is.
func TestNoData(t *testing.T) {
	t.Parallel()
	p := policy.Policy{Gates: policy.Gates{"image-scan": {Reach: sarif.Reachable, MaxAge: time.Hour}}}
	for modified, want := range map[string]pipeline.Outcome{
		pipeline.NoData: pipeline.Passed, "": pipeline.NotRun, "nonsense": pipeline.NotRun,
		now.Add(-2 * time.Hour).Format(time.RFC3339): pipeline.NotRun, now.Add(-time.Minute).Format(time.RFC3339): pipeline.Passed,
	} {
		r := pipeline.Report{Stage: "image-scan", Examined: []pipeline.Count{{What: "files", N: 3}}, Values: map[string]string{pipeline.DataModified: modified}}
		if got := pipeline.Decide(r, Judge(p, true, now)(r), false); got.Outcome != want {
			t.Errorf("%q: %s (%s), want %s", modified, got.Outcome, got.Reason, want)
		}
	}
}
