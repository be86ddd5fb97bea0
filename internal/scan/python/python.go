// Package python checks Python services: are they clean (Flake8), are they safe
// (Bandit), and do their tests pass (pytest)?
//
// The tools never see the repository's folders. They are given copies of its
// Python files, in a folder that has nothing else but planted defects, by names
// that Sluice chooses: no settings file, plugin or name of the repository's can
// have them look away, and no name can forge what they print. Of comments that
// switch findings off, those count that say which, and to Bandit why.
package python

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
	"github.com/sluice-ci/sluice/internal/tool"
)

// The stages.
const (
	lintStage = "lint"
	sastStage = "sast"
	testStage = "test"
)

// notPython is why the jobs have nothing to do for a service.
const notPython = "there is no requirements.txt, pyproject.toml, setup.py or Pipfile"

// Scanner plans and runs Flake8 and Bandit.
type Scanner struct{}

// params are what the worker is told.
type params struct {
	Version string // of Sluice
	Ignore  []string
	Flake8  program
	Bandit  program
	Venvs   environments
}

// program is a tool, or why there is none. That is for the worker to say, so that
// the other stages are run.
type program struct {
	tool.Found
	Missing, Remedy string
}

func find(b tool.Box, name string) program {
	found, err := b.Find(name)
	if err != nil {
		return program{Found: tool.Found{Name: name}, Missing: err.Error(), Remedy: hint.Remedy(err)}
	}
	return program{Found: found}
}

// probe is the tool when it can be used.
func (p program) probe(ctx context.Context, env []string) (tool.Found, error) {
	if p.Missing != "" {
		return p.Found, hint.With(errors.New(p.Missing), p.Remedy)
	}
	return p.Probe(ctx, env)
}

// used is how a report names a tool.
func used(f tool.Found) pipeline.Tool {
	return pipeline.Tool{Name: f.Name, Version: f.Version, Unpinned: !f.Pinned}
}

// Name is that of the job.
func (Scanner) Name() string { return "python" }

// Job implements scan.Scanner. It asks git which files it tracks where they look
// like a virtual environment's, and starts no other process.
func (Scanner) Job(s scan.Service) (pipeline.Job, error) {
	job := pipeline.Job{Name: "python", Stages: []string{lintStage, sastStage}, Check: true, Cost: 5 * time.Second}
	if !s.Python {
		job.NotApplicable = notPython
		return job, nil
	}
	p := params{Version: s.Version, Ignore: s.Options.LintIgnore, Flake8: find(s.Tools, flake8), Bandit: find(s.Tools, bandit), Venvs: findEnvironments(s)}
	job.Params = p
	job.Inputs = pipeline.Inputs{Trees: []string{s.Dir}, Values: map[string]string{"sluice": s.Version, flake8: p.Flake8.Digest, bandit: p.Bandit.Digest}}
	job.Access = pipeline.Access{Network: pipeline.NoNetwork, Read: slices.Concat(p.Flake8.Read, p.Bandit.Read)}
	return job, nil
}

// Worker implements scan.Scanner.
func (Scanner) Worker() pipeline.Worker { return work }

// check is one run of the job.
type check struct {
	pipeline.Task
	params params
	copies *copies
}

func work(ctx context.Context, t pipeline.Task) (a pipeline.Answer, err error) {
	c := check{Task: t}
	if err := json.Unmarshal(t.Params, &c.params); err != nil {
		return a, fmt.Errorf("reading the job's parameters: %w", err)
	}
	t.Progress("looking for Python files")
	if c.copies, err = copySources(ctx, t, c.params.Venvs); err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, c.copies.remove()) }()
	t.Progress("running Flake8 and Bandit")
	looks := map[string]func(context.Context) (pipeline.Report, error){lintStage: c.lint, sastStage: c.sast}
	a.Reports = make([]pipeline.Report, len(t.Stages))
	var wait sync.WaitGroup
	for i, stage := range t.Stages {
		wait.Go(func() { a.Reports[i] = c.report(ctx, stage, looks[stage]) })
	}
	wait.Wait()
	return a, context.Cause(ctx)
}

// report is a stage's: where its tool did not do its work, the other's still counts.
func (c *check) report(ctx context.Context, stage string, look func(context.Context) (pipeline.Report, error)) pipeline.Report {
	absent := c.params.Venvs.absent()
	if len(c.copies.names) == 0 && absent == nil {
		return pipeline.Report{Stage: stage, NotApplicable: "the service has no Python files", Notes: c.copies.notes}
	}
	r, err := look(ctx)
	r.Stage, r.Rules = stage, scan.Rules(rules(r.Findings), r.Findings)
	r.Notes = append(r.Notes, c.copies.notes...)
	if err = cmp.Or(err, absent); err != nil {
		r.NotRun, r.Remedy = err.Error(), hint.Remedy(err)
	}
	return r
}

// path is that of a file of the service's as findings have it.
func (c *check) path(name string) string {
	rel, err := filepath.Rel(c.Root, filepath.Join(c.Dir, filepath.FromSlash(name)))
	if err != nil {
		return name // both are absolute
	}
	return filepath.ToSlash(rel)
}
