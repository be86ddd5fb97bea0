// Package verdict keeps what a run was judged on and by, and judges it again:
// offline, on any machine, with the same outcome.
package verdict

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/sluice-ci/sluice/internal/cache"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/policy"
)

// Name is the file's name in the folder of a run.
const Name = "verdict.json"

// schema is the version of the file's form.
const schema = 1

// maxSize bounds a file that is read, in bytes.
const maxSize = 256 << 20

// Verdict is the evidence of a run's stages, the policy that decided on it, and
// what it decided.
type Verdict struct {
	Schema  int              `json:"schema"`
	Run     string           `json:"run"`
	Sluice  string           `json:"sluice"` // the version that decided
	Commit  string           `json:"commit,omitempty"`
	Dirty   bool             `json:"dirty,omitempty"` // the work tree differed from Commit
	Decided time.Time        `json:"decided"`         // the moment that ages and last days are counted from
	Strict  bool             `json:"strict,omitempty"`
	Policy  policy.Policy    `json:"policy"`
	Stages  []Stage          `json:"stages"`
	Outcome pipeline.Outcome `json:"outcome"`
}

// Stage is what one stage reported and what was decided on it.
type Stage struct {
	Report  pipeline.Report  `json:"report"`
	Check   bool             `json:"check,omitempty"`  // it passes only with a self-test and a census
	Key     string           `json:"key,omitempty"`    // the hash of all that decides the report
	Inputs  []cache.Part     `json:"inputs,omitempty"` // what that is, by name, and the hash of each
	Outcome pipeline.Outcome `json:"outcome"`
	Reason  string           `json:"reason,omitempty"`
}

// Judge holds reports to a policy, at a moment.
func Judge(p policy.Policy, strict bool, now time.Time) pipeline.Judge {
	return func(r pipeline.Report) pipeline.Verdict {
		e := policy.Evidence{Findings: r.Findings}
		switch text := r.Values[pipeline.DataModified]; text {
		case "":
		case pipeline.NoData:
			e.DataModified = now // what there is not does not age
		default:
			at, err := time.Parse(time.RFC3339, text)
			if err != nil {
				return pipeline.Verdict{NotRun: fmt.Sprintf("the age of its data cannot be told from %q", text)}
			}
			e.DataModified = at
		}
		d := p.Decide(r.Stage, e, now, strict)
		if r.NotRun != "" || r.NotApplicable != "" {
			return pipeline.Verdict{Blocking: d.Blocking, Findings: d.Findings} // what did not look rests on no data
		}
		v := pipeline.Verdict{Blocking: d.Blocking, Findings: d.Findings, Warnings: d.Warnings, NotRun: d.Unproven, Remedy: d.Remedy}
		if tool, ok := unpinned(r); ok && strict && v.NotRun == "" {
			v.NotRun, v.Remedy = fmt.Sprintf("%s %s is not pinned", tool.Name, tool.Version), "sluice tools install "+tool.Name
		}
		return v
	}
}

// unpinned is a tool of a report that Sluice's lock does not name: what it says
// shuts a gate, and in a strict run opens none.
func unpinned(r pipeline.Report) (pipeline.Tool, bool) {
	if i := slices.IndexFunc(r.Tools, func(t pipeline.Tool) bool { return t.Unpinned }); i >= 0 {
		return r.Tools[i], true
	}
	return pipeline.Tool{}, false
}

// New is the verdict on the results of a run.
func New(rec pipeline.Record, p policy.Policy, results []pipeline.Result) Verdict {
	v := Verdict{
		Schema: schema, Run: rec.ID, Sluice: rec.Sluice, Commit: rec.Commit, Dirty: rec.Dirty, Decided: rec.Started, Strict: rec.Strict,
		Policy: p, Outcome: pipeline.Conclude(results),
	}
	for _, r := range results {
		v.Stages = append(v.Stages, Stage{Report: r.Report, Check: r.Check, Key: r.Key, Inputs: r.Inputs, Outcome: r.Outcome, Reason: r.Reason})
	}
	return v
}

// Write writes the verdict as JSON.
func (v Verdict) Write(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("writing the verdict: %w", err)
	}
	return nil
}

// Read reads what Write has written. A key that it does not know is an error: a
// part of a policy that is not applied could have decided.
func Read(r io.Reader) (v Verdict, err error) {
	limited := &io.LimitedReader{R: r, N: maxSize + 1}
	d := json.NewDecoder(limited)
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		if limited.N <= 0 {
			err = fmt.Errorf("it is larger than %d bytes", maxSize)
		}
		return v, fmt.Errorf("reading a verdict: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return v, errors.New("reading a verdict: something follows it")
	}
	if v.Schema != schema {
		return v, hint.With(fmt.Errorf("reading a verdict: its form is version %d, and this program knows %d", v.Schema, schema), "replay it with Sluice "+v.Sluice)
	}
	if len(v.Stages) == 0 {
		return v, errors.New("reading a verdict: it is about no stage")
	}
	return v, nil
}

// Replay decides again. Differences say, for each stage and for the whole,
// where that comes to another outcome than the one that was written down.
func (v Verdict) Replay() (results []pipeline.Result, differences []string) {
	judge := Judge(v.Policy, v.Strict, v.Decided)
	for _, s := range v.Stages {
		r := pipeline.Decide(s.Report, judge(s.Report), s.Check)
		r.Key, r.Inputs = s.Key, s.Inputs
		if r.Outcome != s.Outcome {
			differences = append(differences, fmt.Sprintf("%s was %s, and is %s", r.Stage, s.Outcome, r.Outcome))
		}
		results = append(results, r)
	}
	if got := pipeline.Conclude(results); got != v.Outcome {
		differences = append(differences, fmt.Sprintf("the run was %s, and is %s", v.Outcome, got))
	}
	return results, differences
}
