package verdict

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	"github.com/sluice-ci/sluice/internal/cache"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
)

// Difference is what differs between two verdicts, and so why they do.
type Difference struct {
	Policy []string    `json:"policy,omitempty"` // the parts of it that differ: "gate sast", "exception G201", "moment"
	Stages []StageDiff `json:"stages,omitempty"` // those that differ in anything
}

// StageDiff is what differs in one stage.
type StageDiff struct {
	Stage  string           `json:"stage"`
	Before pipeline.Outcome `json:"before,omitempty"` // "" when only the other run had the stage
	After  pipeline.Outcome `json:"after,omitempty"`
	Inputs []string         `json:"inputs,omitempty"` // the names of those whose hashes differ
	New    []sarif.Finding  `json:"new,omitempty"`
	Gone   []sarif.Finding  `json:"gone,omitempty"`
}

// Diff tells how b differs from a.
func Diff(a, b Verdict) (d Difference) {
	d.Policy = policyDiff(a, b)
	before, after := stagesOf(a), stagesOf(b)
	for _, name := range names(a, b) {
		s := StageDiff{Stage: name, Before: before[name].Outcome, After: after[name].Outcome}
		s.Inputs = inputsDiff(before[name].Inputs, after[name].Inputs)
		s.Gone = beyond(before[name].Report.Findings, after[name].Report.Findings)
		s.New = beyond(after[name].Report.Findings, before[name].Report.Findings)
		if s.Before != s.After || s.Inputs != nil || s.New != nil || s.Gone != nil {
			d.Stages = append(d.Stages, s)
		}
	}
	return d
}

func stagesOf(v Verdict) map[string]Stage {
	stages := map[string]Stage{}
	for _, s := range v.Stages {
		stages[s.Report.Stage] = s
	}
	return stages
}

// names are the stages of both, in the order of the first.
func names(verdicts ...Verdict) (all []string) {
	for _, v := range verdicts {
		for _, s := range v.Stages {
			if !slices.Contains(all, s.Report.Stage) {
				all = append(all, s.Report.Stage)
			}
		}
	}
	return all
}

// inputsDiff are the names of the parts that are not the same on both sides.
// A name may be there several times.
func inputsDiff(a, b []cache.Part) []string {
	count := map[cache.Part]int{}
	for _, p := range a {
		count[p]++
	}
	for _, p := range b {
		count[p]--
	}
	differing := map[string]bool{}
	for p, n := range count {
		if n != 0 {
			differing[p.Name] = true
		}
	}
	return slices.Sorted(maps.Keys(differing))
}

// beyond are the findings of a that b has not, by their fingerprints, as often
// as a has them more often.
func beyond(a, b []sarif.Finding) (more []sarif.Finding) {
	there := map[string]int{}
	for _, f := range b {
		there[f.Fingerprint()]++
	}
	for _, f := range a {
		if id := f.Fingerprint(); there[id] > 0 {
			there[id]--
		} else {
			more = append(more, f)
		}
	}
	slices.SortStableFunc(more, func(x, y sarif.Finding) int { return cmp.Compare(y.Severity, x.Severity) })
	return more
}

// policyDiff names the parts of the policy that differ, and the other things
// that decide beside the reports.
func policyDiff(a, b Verdict) []string {
	x, y := policyParts(a), policyParts(b)
	differing := map[string]bool{}
	for name := range x {
		differing[name] = x[name] != y[name]
	}
	for name := range y {
		differing[name] = x[name] != y[name]
	}
	maps.DeleteFunc(differing, func(_ string, differs bool) bool { return !differs })
	return slices.Sorted(maps.Keys(differing))
}

func policyParts(v Verdict) map[string]string {
	parts := map[string]string{"sluice": v.Sluice, "strict": text(v.Strict), "day": v.Decided.UTC().Format("2006-01-02")}
	parts["source"] = v.Policy.Source
	for _, b := range v.Policy.Baselines {
		parts["baseline "+b.Name] = text(b)
	}
	for stage, g := range v.Policy.Gates {
		parts["gate "+stage] = text(g)
	}
	for _, x := range v.Policy.Exceptions {
		parts["exception "+x.ID] += text(x)
	}
	return parts
}

func text(v any) string {
	b, _ := json.Marshal(v) // plain structs can always be written
	return string(b)
}
