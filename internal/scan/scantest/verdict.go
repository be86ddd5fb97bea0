package scantest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/sluice-ci/sluice/internal/pipeline"
)

// maxMemory is how much a worker may take of it, whatever a tool prints, bytes.
const maxMemory = 1 << 30

// verdict is what came of a run, by stage, with a gate that lets nothing be.
type verdict struct {
	check   bool
	results []pipeline.Result
	err     error  // of the worker or its process; all its stages are then "not run"
	memory  uint64 // what it took at most; 0 is unknown
	left    error  // what it left behind
}

func decide(job pipeline.Job, a pipeline.Answer, err error) verdict {
	v := verdict{check: job.Check, err: err}
	if err != nil {
		return v
	}
	var stages []string
	for _, r := range a.Reports {
		stages = append(stages, r.Stage)
		v.results = append(v.results, pipeline.Decide(r, pipeline.Verdict{Blocking: r.Findings}, job.Check))
	}
	if !slices.Equal(slices.Sorted(slices.Values(stages)), slices.Sorted(slices.Values(job.Stages))) {
		v.err = fmt.Errorf("it answered for the stages %q, and was asked for %q", stages, job.Stages)
	}
	return v
}

// passed is an error unless every stage passed, with proof if it is a check.
func (v verdict) passed() error {
	if v.err != nil {
		return fmt.Errorf("it is not run: %w", v.err)
	}
	for _, r := range v.results {
		if r.Outcome != pipeline.Passed {
			return fmt.Errorf("%s is %s: %s %v", r.Stage, r.Outcome, r.Reason, r.Blocking)
		}
		if v.check && (r.SelfTest == nil || !slices.ContainsFunc(r.Examined, func(c pipeline.Count) bool { return c.Of > 0 })) {
			return fmt.Errorf("%s has no self-test or no census", r.Stage)
		}
	}
	return nil
}

// failed is an error unless a stage failed.
func (v verdict) failed() error {
	if v.err != nil {
		return fmt.Errorf("it is not run: %w", v.err)
	}
	if !slices.ContainsFunc(v.results, func(r pipeline.Result) bool { return r.Outcome == pipeline.Failed }) {
		return fmt.Errorf("no stage failed: %s", v.reasons())
	}
	return nil
}

// notPassed is an error when a stage passed, or would have it that there was
// nothing to do, or took more memory than it may.
func (v verdict) notPassed() error {
	if v.left != nil {
		return v.left
	}
	if v.memory > maxMemory {
		return fmt.Errorf("it took %d MiB of memory", v.memory>>20)
	}
	if v.err != nil {
		return nil
	}
	for _, r := range v.results {
		if r.Outcome == pipeline.Passed || r.Outcome == pipeline.NotApplicable {
			return errors.New(v.reasons())
		}
	}
	return nil
}

func (v verdict) reasons() (text string) {
	for _, r := range v.results {
		text += fmt.Sprintf("%s is %s %s; ", r.Stage, r.Outcome, r.Reason)
	}
	return text
}
