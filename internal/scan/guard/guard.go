// Package guard answers the stage "policy": does a change take anything away
// from the gates that judge it? It compares with the base commit: a stage that
// applied there and no longer does (its manifest was deleted, say) is a
// finding, and so is a configuration that lets more through.
package guard

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

// Stage is the name of the job and of the one stage that it answers.
const Stage = "policy"

// The rules.
const (
	stageLost = "stage-lost"
	loosened  = "policy-loosened"
	switched  = "suppression-new"
)

// Scanner compares a change with what it is a change of.
type Scanner struct{}

var _ scan.Scanner = Scanner{}

// Name is that of the job.
func (Scanner) Name() string { return Stage }

// Job plans the comparison. It reads the reports of every check, which the
// planner of the whole adds.
func (Scanner) Job(s scan.Service) (pipeline.Job, error) {
	job := pipeline.Job{Name: Stage, Stages: []string{Stage}, Check: true, Cost: 50 * time.Millisecond, Access: pipeline.Access{Network: pipeline.NoNetwork}}
	if s.Base == nil {
		job.NotApplicable = "no base commit was named to compare with (--since)"
		return job, nil
	}
	job.Params = *s.Base
	job.Inputs.Values = map[string]string{"sluice": s.Version}
	return job, nil
}

// Worker compares.
func (Scanner) Worker() pipeline.Worker { return work }

func work(_ context.Context, t pipeline.Task) (pipeline.Answer, error) {
	var base scan.Base
	if err := json.Unmarshal(t.Params, &base); err != nil {
		return pipeline.Answer{}, fmt.Errorf("reading the job's parameters: %w", err)
	}
	reports := map[scan.Part]pipeline.Report{}
	for job, need := range t.Needs {
		for stage, r := range need.Reports {
			reports[scan.Part{Stage: stage, Job: job}] = r
		}
	}
	report := compare(base, reports)
	report.SelfTest = selfTest()
	return pipeline.Answer{Reports: []pipeline.Report{report}}, nil
}

// compare holds a change's reports against what applied at the base.
func compare(base scan.Base, reports map[scan.Part]pipeline.Report) pipeline.Report {
	r := pipeline.Report{Stage: Stage, Tools: []pipeline.Tool{{Name: tool}}}
	seen := 0
	gone := map[string][]string{} // stages that are lost, or a part of, by the reason
	for _, part := range base.Applied {
		report, ok := reports[part]
		if !ok {
			continue // it was not asked for: the census tells
		}
		seen++
		if why := report.NotApplicable; why != "" {
			gone[why] = append(gone[why], part.Stage)
		}
	}
	for _, why := range slices.Sorted(maps.Keys(gone)) {
		r.Findings = append(r.Findings, lost(base, gone[why], why))
	}
	if base.Absent != "" {
		r.Findings = append(r.Findings, absent(base))
	}
	for _, l := range base.Loosened {
		r.Findings = append(r.Findings, looser(base, l))
	}
	off := newlyOff(base, reports)
	r.Findings = append(r.Findings, off...)
	r.Rules = scan.Rules(rules(), r.Findings)
	r.Examined = []pipeline.Count{{What: "stages of the base commit", N: seen, Of: len(base.Applied)}, {What: "changes of the policy", N: len(base.Loosened), Of: len(base.Loosened)}}
	if base.Absent != "" {
		r.Examined = []pipeline.Count{{What: "services looked for at the base commit", N: 1, Of: 1}}
	}
	if base.Approved {
		r.Notes = append(r.Notes, "the policy of the work tree decides: it was said to be approved (--approved-policy)")
	}
	return r
}

func lost(base scan.Base, stages []string, why string) sarif.Finding {
	return sarif.Finding{
		Rule: stageLost, Tool: tool, Stage: Stage, Severity: severity(base, sarif.High),
		Message:  fmt.Sprintf("what applied at commit %.12s no longer does: %s (%s)", base.Commit, strings.Join(stages, ", "), why),
		Location: sarif.Location{Path: base.Path}, Identity: strings.Join(stages, " "),
	}
}

// absent is that there is nothing to compare with: a service that was moved
// looks just like a new one.
func absent(base scan.Base) sarif.Finding {
	return sarif.Finding{
		Rule: stageLost, Tool: tool, Stage: Stage, Severity: severity(base, sarif.High),
		Message:  fmt.Sprintf("there is no service to compare with at commit %.12s, so that nothing can be told to be lost: %s", base.Commit, base.Absent),
		Location: sarif.Location{Path: base.Path}, Identity: "absent",
	}
}

// newlyOff are the findings that a comment in the code switches off now and none
// did at the base, counted by fingerprint.
func newlyOff(base scan.Base, reports map[scan.Part]pipeline.Report) (found []sarif.Finding) {
	for _, part := range slices.SortedFunc(maps.Keys(reports), func(a, b scan.Part) int { return cmp.Or(cmp.Compare(a.Stage, b.Stage), cmp.Compare(a.Job, b.Job)) }) {
		report := reports[part]
		before := maps.Clone(base.SwitchedOff[report.Stage])
		if before == nil {
			before = map[string]int{}
		}
		for _, f := range report.InSource {
			if before[f.Fingerprint()]--; before[f.Fingerprint()] >= 0 {
				continue
			}
			reason := "no reason is given"
			if f.Suppression != nil && f.Suppression.Reason != "" {
				reason = f.Suppression.Reason
			}
			found = append(found, sarif.Finding{
				Rule: switched, Tool: tool, Stage: Stage, Severity: severity(base, sarif.Medium),
				Message:  fmt.Sprintf("a comment switches %s %s off: %s", f.Tool, f.Rule, reason),
				Location: f.Location, Identity: f.Fingerprint(),
			})
		}
	}
	return found
}

func looser(base scan.Base, l scan.Loosening) sarif.Finding {
	how := sarif.Medium
	if l.High {
		how = sarif.High
	}
	return sarif.Finding{
		Rule: loosened, Tool: tool, Stage: Stage, Severity: severity(base, how),
		Message:  l.Message,
		Location: sarif.Location{Path: l.Path, Line: l.Line}, Identity: l.Key + " " + l.Message,
	}
}

// severity is lower for what an owner has approved.
func severity(base scan.Base, s sarif.Severity) sarif.Severity {
	if base.Approved {
		return sarif.Low
	}
	return s
}

// selfTest compares with a base that had one stage more, a stricter gate, and
// no comment that switches anything off.
func selfTest() *pipeline.SelfTest {
	planted := scan.Base{Commit: "planted", Applied: []scan.Part{{Stage: "kept"}, {Stage: "gone"}}, Loosened: []scan.Loosening{{Key: "gates.kept", Message: "planted"}}}
	off := sarif.Finding{Rule: "planted", Identity: "planted"}
	report := compare(planted, map[scan.Part]pipeline.Report{{Stage: "kept"}: {Stage: "kept", InSource: []sarif.Finding{off}}, {Stage: "gone"}: {NotApplicable: "planted"}})
	t := &pipeline.SelfTest{Planted: []string{stageLost, loosened, switched}}
	want := map[string]string{stageLost: "gone", loosened: "gates.kept planted", switched: off.Fingerprint()}
	for _, f := range report.Findings {
		if f.Identity == want[f.Rule] {
			t.Caught = append(t.Caught, f.Rule)
		}
	}
	return t
}
