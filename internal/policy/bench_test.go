package policy

import (
	"fmt"
	"testing"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// BenchmarkDecide decides on 100,000 findings with a baseline of as many and a
// thousand exceptions.
func BenchmarkDecide(b *testing.B) {
	const n = 100_000
	findings := make([]sarif.Finding, n)
	for i := range findings {
		findings[i] = sarif.Finding{Rule: fmt.Sprintf("G%d", i%500), Severity: sarif.High, Identity: fmt.Sprint(i / 2), Message: "a message of some length, as messages are",
			Location: sarif.Location{Path: fmt.Sprintf("folder%d/file%d.go", i%97, i%1009), Line: i}}
	}
	var xs Exceptions
	for i := range 1000 {
		xs = append(xs, Exception{ID: findings[i*97].Fingerprint(), Reason: "r", Owner: "o", Expires: day("2027-01-01")})
	}
	p := Policy{Gates: Gates{"sast": {Fail: sarif.Medium}}, Exceptions: xs, Baselines: Baselines{{Name: "b", Stages: map[string][]Known{"sast": Know(findings[:n/2])}}}}
	b.ReportAllocs()
	for b.Loop() {
		if d := p.Decide("sast", Evidence{Findings: findings}, day("2026-01-01"), true); len(d.Blocking) == 0 {
			b.Fatal("nothing blocks")
		}
	}
}
