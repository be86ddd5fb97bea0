package pipeline

import (
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// TestACheckMustProveItself: whatever a check leaves out, its silence is not
// "passed".
func TestACheckMustProveItself(t *testing.T) {
	t.Parallel()
	tested := &SelfTest{Planted: []string{"G401", "G201"}, Caught: []string{"G201", "G401", "G104"}}
	all := []Count{{What: "files", N: 3, Of: 3}}
	tests := map[string]struct {
		report Report
		want   Outcome
		reason string
	}{
		"both":                     {Report{SelfTest: tested, Examined: all}, Passed, ""},
		"both, and a mere count":   {Report{SelfTest: tested, Examined: append(all, Count{What: "lines", N: 70})}, Passed, ""},
		"nothing":                  {Report{}, NotRun, "no proof"},
		"no self-test":             {Report{Examined: all}, NotRun, "self-test"},
		"a self-test of nothing":   {Report{SelfTest: &SelfTest{}, Examined: all}, NotRun, "self-test"},
		"a blind self-test":        {Report{SelfTest: &SelfTest{Planted: []string{"G401", "G201"}, Caught: []string{"G201"}}, Examined: all}, NotRun, "G401"},
		"no census":                {Report{SelfTest: tested, Examined: []Count{{What: "files", N: 3}}}, NotRun, "census"},
		"a census of less":         {Report{SelfTest: tested, Examined: []Count{{What: "files", N: 2, Of: 3}}}, NotRun, "2 of 3 files"},
		"a census of more":         {Report{SelfTest: tested, Examined: []Count{{What: "files", N: 4, Of: 3}}}, NotRun, "4 of 3 files"},
		"one census of two":        {Report{SelfTest: tested, Examined: append(all, Count{What: "commits", N: 0, Of: 9})}, NotRun, "0 of 9 commits"},
		"findings, and no proof":   {Report{Findings: []sarif.Finding{{Rule: "G104"}}}, NotRun, "self-test"},
		"not applicable":           {Report{NotApplicable: "no Go"}, NotApplicable, ""},
		"not run, with all proofs": {Report{NotRun: "it broke off", SelfTest: tested, Examined: all}, NotRun, "broke off"},
	}
	for name, tt := range tests {
		r := Decide(tt.report, Verdict{}, true)
		if r.Outcome != tt.want || !strings.Contains(r.Reason, tt.reason) {
			t.Errorf("%s: %v (%s), want %v (%s)", name, r.Outcome, r.Reason, tt.want, tt.reason)
		}
	}
	if r := Decide(Report{NotRun: "no database", Remedy: "fetch it"}, Verdict{Blocking: []sarif.Finding{{}}}, true); r.Outcome != Failed || r.Unseen() != "no database" || r.Remedy != "fetch it" {
		t.Errorf("what was found while a part could not be looked at is %+v", r)
	}
	if r := Decide(Report{}, Verdict{Blocking: []sarif.Finding{{}}}, true); r.Outcome != Failed {
		t.Errorf("a finding without proofs: %v, want failed", r.Outcome)
	}
}
