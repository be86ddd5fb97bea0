package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// Comparable tells whether a stage's findings are held against those of before:
// a test that fails, a credential that is out, and what a running image does
// wrong count however old they are.
func Comparable(stage string) bool {
	switch stage {
	case "lint", "sast", "deps", "licenses", "iac", "workflow":
		return true
	}
	return false
}

// Baseline is what was found in an earlier state of the code. What it knows is
// not new, and does not shut a gate.
type Baseline struct {
	// Name says what state that is: "commit 4f2a91bc", a file's name.
	Name string `json:"name"`
	// Expires is the last day on which it counts, in UTC; zero is no last day.
	Expires time.Time `json:"expires,omitzero"`
	// Stages are what was found, by stage; of a stage that is not among them
	// nothing is known.
	Stages map[string][]Known `json:"stages"`
}

// Known is a finding of a baseline.
type Known struct {
	Fingerprint string         `json:"fingerprint"`
	Path        string         `json:"path"`
	Rule        string         `json:"rule"` // for readers
	Severity    sarif.Severity `json:"severity"`
	Reach       sarif.Reach    `json:"reach,omitempty"`
}

// Know is what a baseline keeps of findings.
func Know(findings []sarif.Finding) []Known {
	known := make([]Known, len(findings))
	for i, f := range findings {
		known[i] = Known{Fingerprint: f.Fingerprint(), Path: f.Location.Path, Rule: f.Rule, Severity: f.Severity, Reach: f.Reach}
	}
	return known
}

// covers tells whether a finding with the same fingerprint is no worse than
// what is known.
func (k Known) covers(f sarif.Finding) bool {
	return f.Severity <= k.Severity && (f.Reach == k.Reach || k.Reach.AtLeast(f.Reach))
}

// Holds tells whether the baseline still counts on the day of a time.
func (b Baseline) Holds(now time.Time) bool {
	return b.Expires.IsZero() || now.UTC().Before(b.Expires.AddDate(0, 0, 1))
}

// Baselines are those of a policy. The first that knows of a stage, and still
// counts, is the one that the stage is compared with: two would forgive twice.
type Baselines []Baseline

// mark says of the findings of a stage whether each is new or unchanged. They
// are compared as multisets: of two findings with one fingerprint, one is new
// when one was known. Nothing is said of any when no baseline knows the stage.
func (bs Baselines) mark(stage string, findings []sarif.Finding, now time.Time) (warnings []string) {
	for i := range findings {
		findings[i].Baseline = "" // whatever a scanner says
	}
	if !Comparable(stage) {
		return nil
	}
	knows := false
	for _, b := range bs {
		known, ok := b.Stages[stage]
		switch {
		case !b.Holds(now):
			warnings = append(warnings, fmt.Sprintf("the baseline %s expired on %s: what it knows counts again", b.Name, b.Expires.Format(time.DateOnly)))
		case ok && !knows:
			compare(findings, known)
			knows = true
		}
	}
	if !knows && len(bs) > 0 && len(findings) > 0 {
		warnings = append(warnings, "nothing is known of "+stage+" before: every finding counts")
	}
	return warnings
}

// compare marks the findings that are known as unchanged, and the others as new. A finding that is in the file where it was is
// preferred to one that is elsewhere.
func compare(findings []sarif.Finding, known []Known) {
	names := make([]string, len(findings))
	for i, f := range findings {
		names[i] = f.Fingerprint()
	}
	used, taken := make([]bool, len(known)), make([]bool, len(findings))
	inPlace := func(fingerprint, path string) string { return fingerprint + " " + path }
	anywhere := func(fingerprint, _ string) string { return fingerprint }
	for _, name := range []func(fingerprint, path string) string{inPlace, anywhere} {
		left := map[string][]int{} // indexes of what is known and not used yet
		for i, k := range known {
			if !used[i] {
				left[name(k.Fingerprint, k.Path)] = append(left[name(k.Fingerprint, k.Path)], i)
			}
		}
		for i, f := range findings {
			if taken[i] {
				continue
			}
			key := name(names[i], f.Location.Path)
			at := slices.IndexFunc(left[key], func(k int) bool { return known[k].covers(f) })
			if at < 0 {
				continue
			}
			used[left[key][at]], taken[i] = true, true
			last := len(left[key]) - 1
			left[key][at] = left[key][last]
			left[key] = left[key][:last]
		}
	}
	for i := range findings {
		if taken[i] {
			findings[i].Baseline = sarif.Unchanged
		} else {
			findings[i].Baseline = sarif.New
		}
	}
}
