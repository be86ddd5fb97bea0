package policy

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/sarif"
)

func TestGate(t *testing.T) {
	t.Parallel()
	low, high := sarif.Finding{Rule: "low", Severity: sarif.Low}, sarif.Finding{Rule: "high", Severity: sarif.High}
	called := sarif.Finding{Rule: "called", Severity: sarif.Low, Reach: sarif.Reachable}
	linked := sarif.Finding{Rule: "linked", Severity: sarif.Critical, Reach: sarif.Imported}
	unfixed := sarif.Finding{Rule: "unfixed", Severity: sarif.Critical, Unfixed: true}
	tests := map[string]struct {
		gate Gate
		want []string
	}{
		"the zero gate shuts for anything": {Gate{}, []string{"low", "high", "called", "linked"}},
		"by severity":                      {Gate{Fail: sarif.Medium}, []string{"high", "linked"}},
		"by reach":                         {Gate{Fail: sarif.Medium, Reach: sarif.Reachable}, []string{"high", "called"}},
		"by weaker reach":                  {Gate{Fail: sarif.Critical, Reach: sarif.Imported}, []string{"called", "linked"}},
		"never":                            {Gate{Never: true}, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, f := range tt.gate.Decide(Evidence{Findings: []sarif.Finding{low, high, called, linked, unfixed}}, time.Now(), true).Blocking {
				got = append(got, f.Rule)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("blocking (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOldDataCanShutAGateButNotOpenIt(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	gate := Gate{Fail: sarif.High, MaxAge: 7 * 24 * time.Hour}
	old := Evidence{DataModified: now.AddDate(0, 0, -8)}
	if d := gate.Decide(old, now, true); d.Unproven == "" || d.Remedy == "" {
		t.Errorf("strict, old data: %+v, want it unproven", d)
	}
	if d := gate.Decide(old, now, false); d.Unproven != "" || len(d.Warnings) != 1 {
		t.Errorf("not strict, old data: %+v, want a warning", d)
	}
	if d := gate.Decide(Evidence{DataModified: now.AddDate(0, 0, -6)}, now, true); d.Unproven != "" || d.Warnings != nil {
		t.Errorf("fresh data: %+v", d)
	}
	if d := gate.Decide(Evidence{}, now, true); d.Unproven == "" {
		t.Error("data of unknown age opened a gate")
	}
	old.Findings = []sarif.Finding{{Severity: sarif.High}}
	if d := gate.Decide(old, now, true); len(d.Blocking) != 1 {
		t.Error("old data did not shut the gate")
	}
}

func TestLaxer(t *testing.T) {
	t.Parallel()
	day := 24 * time.Hour
	tests := []struct {
		gate, than Gate
		want       bool
	}{
		{Gate{Fail: sarif.High}, Gate{Fail: sarif.Medium}, true},
		{Gate{Fail: sarif.Medium}, Gate{Fail: sarif.High}, false},
		{Gate{Fail: sarif.Low}, Gate{}, true},
		{Gate{}, Gate{}, false},
		{Gate{Never: true}, Gate{Fail: sarif.Critical}, true},
		{Gate{Never: true}, Gate{Never: true}, false},
		{Gate{}, Gate{Never: true}, false},
		{Gate{Reach: sarif.Reachable}, Gate{Reach: sarif.Imported}, true},
		{Gate{Reach: sarif.Required}, Gate{Reach: sarif.Imported}, false},
		{Gate{Reach: sarif.Imported, MaxAge: 8 * day}, Gate{Reach: sarif.Imported, MaxAge: 7 * day}, true},
		{Gate{Reach: sarif.Imported, MaxAge: 6 * day}, Gate{Reach: sarif.Imported, MaxAge: 7 * day}, false},
		{Gate{MaxAge: 0}, Gate{MaxAge: 7 * day}, true},
	}
	for _, tt := range tests {
		if got := tt.gate.Laxer(tt.than); got != tt.want {
			t.Errorf("%+v laxer than %+v: %v", tt.gate, tt.than, got)
		}
	}
}
