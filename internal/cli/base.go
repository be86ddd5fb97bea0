package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/gitrepo"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/policy"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

// base is the commit that a run compares with: what a change is a change of.
type base struct {
	commit string
	root   config.Root
	file   *config.File     // its sluice.yaml; nil when it has none
	known  *policy.Baseline // its sluice.baseline.json; nil when it has none
	// project is the service at that commit; nil when it was not there yet.
	project *project
	absent  string // why project is nil
}

// findBase takes the base commit out of the repository and plans its service.
func (a *app) findBase(ctx context.Context, p *project, since string) (*base, error) {
	if p.Root.Git == "" {
		return nil, usage(hint.With(fmt.Errorf("--since: %s is in no git work tree", p.Root.Dir), "run git init, or leave --since out"))
	}
	repo, err := gitrepo.Open(p.Root.Git)
	if err != nil {
		return nil, err
	}
	b := &base{}
	if b.commit, err = repo.MergeBase(ctx, since); err != nil {
		return nil, usage(err)
	}
	dir, err := export(ctx, repo, b.commit, filepath.Join(p.cache, "bases"))
	if err != nil {
		return nil, err
	}
	if b.root, err = moved(p.Root, dir); err != nil {
		return nil, err
	}
	return b, b.read(a)
}

// read reads what decides at the base commit, and plans its service.
func (b *base) read(a *app) (err error) {
	const approve = "correct it there, or have an owner approve the policy of this change (--approved-policy)"
	if b.file, err = config.Load(b.root.Dir); err != nil {
		return usage(hint.With(fmt.Errorf("at commit %.12s: %w", b.commit, err), approve))
	}
	if b.known, err = config.LoadBaseline(b.root.Dir); err != nil {
		return usage(hint.With(fmt.Errorf("at commit %.12s: %w", b.commit, err), approve))
	}
	cfg, err := config.Merge(b.root, b.file)
	if err != nil { // there is no service that could be looked at
		b.absent = err.Error()
		return nil
	}
	b.project, err = a.project(cfg)
	return err
}

// moved is a root in another folder that has the same files.
func moved(r config.Root, to string) (config.Root, error) {
	dir, err := filepath.Rel(r.Git, r.Dir)
	if err != nil {
		return r, err
	}
	start, err := filepath.Rel(r.Git, r.Start)
	return config.Root{Dir: filepath.Join(to, dir), Start: filepath.Join(to, start)}, err
}

// keptBases is how long the files of a commit are kept that no run compares with.
const keptBases = 7 * 24 * time.Hour

// export writes the files of a commit to a folder of the cache, unless they are
// there already, and removes those that were not used for long.
func export(ctx context.Context, repo gitrepo.Repository, commit, bases string) (string, error) {
	dir := filepath.Join(bases, commit)
	if err := os.MkdirAll(bases, 0o700); err != nil {
		return "", err
	}
	now := time.Now()
	if err := os.Chtimes(dir, now, now); errors.Is(err, fs.ErrNotExist) {
		if err := exportTo(ctx, repo, commit, bases, dir); err != nil {
			return "", err
		}
	} else if err != nil {
		return "", err
	}
	entries, err := os.ReadDir(bases)
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && now.Sub(info.ModTime()) > keptBases {
			if err := os.RemoveAll(filepath.Join(bases, e.Name())); err != nil {
				return "", err
			}
		}
	}
	return dir, nil
}

func exportTo(ctx context.Context, repo gitrepo.Repository, commit, bases, dir string) error {
	aside, err := os.MkdirTemp(bases, "new-")
	if err != nil {
		return err
	}
	if err := repo.Export(ctx, commit, aside); err != nil {
		return errors.Join(err, os.RemoveAll(aside))
	}
	if err := os.Rename(aside, dir); err != nil { // another run was faster
		return errors.Join(os.RemoveAll(aside), ignoreExists(err))
	}
	return nil
}

func ignoreExists(err error) error {
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

// govern has the base commit's configuration decide, unless an owner has
// approved the change's own.
func (r *oneRun) govern() error {
	own, err := config.LoadBaseline(r.Root.Dir)
	if err != nil {
		return usage(err)
	}
	decides := own
	if r.base != nil {
		r.loosened = append(r.Written.Loosened(r.base.file), config.BaselineLoosened(r.base.known, own)...)
		if !r.approved {
			r.Govern(r.base.file)
			r.Policy.Source, decides = r.base.commit, r.base.known
		}
	} else if own != nil && r.strict && !r.approved {
		decides = nil
		r.record.Notes = append(r.record.Notes, config.BaselineName+" does not count in a strict run without a base commit (--since), unless an owner has approved it (--approved-policy)")
	}
	if decides != nil {
		r.Policy.Baselines = append(r.Policy.Baselines, *decides)
	}
	return nil
}

// compareWithBase finds out what the base commit's checks find today, and plans
// the run anew with that.
func (r *oneRun) compareWithBase(ctx context.Context) error {
	if r.base == nil {
		return nil
	}
	b := r.base
	rel, err := filepath.Rel(r.Root.Dir, r.Service.Dir)
	if err != nil {
		return err
	}
	r.Service.Base = &scan.Base{Commit: b.commit, Path: filepath.ToSlash(rel), Loosened: r.loosened, Approved: r.approved}
	if b.project == nil {
		r.record.Notes = append(r.record.Notes, fmt.Sprintf("there is no service to compare with at commit %.12s: %s", b.commit, firstLine(b.absent)))
	} else if err := r.runBase(ctx); err != nil {
		return err
	}
	return r.plan()
}

// runBase runs the checks whose findings are compared.
func (r *oneRun) runBase(ctx context.Context) error {
	b := r.base
	chosen, err := b.comparable(r.chosen)
	if err != nil {
		return err
	}
	known := policy.Baseline{Name: "commit " + b.commit, Stages: map[string][]policy.Known{}}
	applied := b.applied(r.chosen)
	if len(chosen) > 0 {
		fmt.Fprintf(r.progress(), "first the base, commit %.12s:\n", b.commit)
		runner := r.runner(b.project, chosen, filepath.Join("logs", "base"))
		runner.Judge = func(pipeline.Report) pipeline.Verdict { return pipeline.Verdict{} } // nothing is to be held against it
		done, err := r.show(ctx, runner)
		if err != nil {
			return fmt.Errorf("looking at the base commit: %w", err)
		}
		for _, res := range done.Results {
			switch {
			case res.Outcome == pipeline.NotApplicable:
				applied = slices.DeleteFunc(applied, func(stage string) bool { return stage == res.Stage })
			case res.Outcome == pipeline.NotRun:
				r.record.Notes = append(r.record.Notes, fmt.Sprintf("%s was not run at the base commit: %s", res.Stage, firstLine(res.Reason)))
			case policy.Comparable(res.Stage):
				known.Stages[res.Stage] = policy.Know(sarif.Merge(res.Report.Findings))
			}
		}
		fmt.Fprintln(r.progress(), "\nthen the change:")
	}
	r.Service.Base.Applied = applied
	r.Policy.Baselines = append(r.Policy.Baselines, known)
	return nil
}

// comparable are the jobs of the base that answer those of the chosen stages
// that are compared.
func (b *base) comparable(chosen []pipeline.Job) ([]pipeline.Job, error) {
	var stages []string
	for _, job := range chosen {
		for _, stage := range job.Stages {
			if policy.Comparable(stage) {
				stages = append(stages, stage)
			}
		}
	}
	if len(stages) == 0 {
		return nil, nil
	}
	return pipeline.Select(b.project.jobs, stages)
}

// applied are the stages of the base's checks that had something to do there,
// of those that are chosen now.
func (b *base) applied(chosen []pipeline.Job) (stages []string) {
	asked := map[string]bool{}
	for _, job := range chosen {
		for _, stage := range job.Stages {
			asked[stage] = true
		}
	}
	at := slices.IndexFunc(b.project.jobs, func(j pipeline.Job) bool { return j.Name == policyJob })
	for _, job := range b.project.jobs[:at] {
		if job.NotApplicable == "" {
			stages = append(stages, slices.DeleteFunc(slices.Clone(job.Stages), func(s string) bool { return !asked[s] })...)
		}
	}
	return stages
}
