package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/sluice-ci/sluice/internal/cache"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/gitrepo"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/policy"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

// base is what a run compares with. The tip of what a change is to be merged
// into decides; what was found before is that of the commit which it and the
// change have in common.
type base struct {
	repo   gitrepo.Repository
	tip    string
	commit string // the merge base

	file  *config.File     // the tip's sluice.yaml; nil when it has none
	known *policy.Baseline // the tip's sluice.baseline.json; nil when it has none
	moved bool             // the tip's sluice.yaml is of another folder than the change's

	dir string // of this run alone: the merge base's files, below "files"
	// project is the service at the merge base; nil when it was not there.
	project *project
	absent  string // why project is nil
}

// findBase finds the commits to compare with, reads what decides, and plans the
// service as it was.
func (a *app) findBase(ctx context.Context, p *project, since string) (*base, error) {
	b := &base{}
	var err error
	if b.repo, err = repositoryOf(ctx, p.Root); err != nil {
		return nil, err
	}
	if b.tip, err = b.repo.Resolve(ctx, since); err != nil {
		return nil, usage(err)
	}
	commits, err := b.repo.MergeBases(ctx, b.tip)
	if err != nil {
		return nil, usage(err)
	}
	if b.commit = commits[0]; len(commits) > 1 {
		b.commit = b.tip // which of them the change is a change of cannot be told
	}
	if err := b.readPolicy(ctx, p.Root); err != nil {
		return nil, usage(hint.With(fmt.Errorf("at commit %.12s: %w", b.tip, err), "correct it there, or have an owner approve the policy of this change (--approved-policy)"))
	}
	return b, b.export(ctx, a, p)
}

// repositoryOf opens the repository of a project. A submodule is not one: it
// would be compared with itself.
func repositoryOf(ctx context.Context, root config.Root) (gitrepo.Repository, error) {
	if root.Git == "" {
		return gitrepo.Repository{}, usage(hint.With(fmt.Errorf("--since: %s is in no git work tree", root.Dir), "run git init, or leave --since out"))
	}
	for at := filepath.Dir(root.Git); at != filepath.Dir(at); at = filepath.Dir(at) {
		outer, err := gitrepo.Open(at)
		if err != nil {
			continue
		}
		if rel, err := filepath.Rel(at, root.Git); err == nil && outer.IsSubmodule(ctx, filepath.ToSlash(rel)) {
			return outer, usage(hint.With(fmt.Errorf("--since: %s is a submodule of %s", root.Git, at), "run sluice in a clone of its own"))
		}
	}
	return gitrepo.Open(root.Git)
}

// Bounds on what is read of a commit, bytes.
const (
	maxConfig   = 1 << 20
	maxBaseline = 64 << 20
)

// readPolicy reads what decides from the tip itself, not from its files on a
// disk. Which sluice.yaml counts is up to the tip's folders, not the change's.
func (b *base) readPolicy(ctx context.Context, root config.Root) error {
	start, err := slashed(root.Git, root.Start)
	if err != nil {
		return err
	}
	folder := config.Nearest(start, func(file string) bool {
		_, err := b.repo.File(ctx, b.tip, file, maxConfig)
		return !errors.Is(err, fs.ErrNotExist) // what is no file is an error when it is read
	})
	own, err := slashed(root.Git, root.Dir)
	if err != nil {
		return err
	}
	b.moved = folder != own
	text, err := b.repo.File(ctx, b.tip, path.Join(folder, config.Name), maxConfig)
	if err == nil {
		b.file, err = config.Parse(text)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text, err = b.repo.File(ctx, b.tip, path.Join(folder, config.BaselineName), maxBaseline)
	if err == nil {
		b.known, err = config.ParseBaseline(text, time.Now())
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func slashed(base, path string) (string, error) {
	rel, err := filepath.Rel(base, path)
	return filepath.ToSlash(rel), err
}

// staleBase is how old the files of a base are that a killed run left behind.
const staleBase = 24 * time.Hour

// export takes the merge base's files out of the repository, for this run alone,
// and plans the service in them.
func (b *base) export(ctx context.Context, a *app, p *project) error {
	bases := filepath.Join(p.cache, "bases")
	if err := errors.Join(os.MkdirAll(bases, 0o700), clearStale(bases)); err != nil {
		return err
	}
	var err error
	if b.dir, err = os.MkdirTemp(bases, "base-"); err != nil {
		return err
	}
	files := filepath.Join(b.dir, "files")
	if err := b.repo.Export(ctx, b.commit, files); err != nil {
		return errors.Join(err, b.remove())
	}
	return b.plan(a, p.Root, files)
}

func clearStale(bases string) error {
	entries, err := os.ReadDir(bases)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > staleBase {
			err = errors.Join(err, os.RemoveAll(filepath.Join(bases, e.Name())))
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// remove removes the files.
func (b *base) remove() error {
	if b == nil || b.dir == "" {
		return nil
	}
	return os.RemoveAll(b.dir)
}

// plan plans the service in the merge base's files.
func (b *base) plan(a *app, root config.Root, files string) error {
	start, err := slashed(root.Git, root.Start)
	if err != nil {
		return err
	}
	folder := config.Nearest(start, func(file string) bool {
		_, err := os.Lstat(filepath.Join(files, filepath.FromSlash(file)))
		return err == nil
	})
	was := config.Root{Dir: filepath.Join(files, filepath.FromSlash(folder)), Start: filepath.Join(files, filepath.FromSlash(start))}
	f, err := config.Load(was.Dir)
	var cfg config.Pipeline
	if err == nil {
		cfg, err = config.Merge(was, f)
	}
	if err != nil { // there is no service that could be looked at
		b.absent = firstLine(err.Error())
		return nil
	}
	cfg.Govern(b.file, was.Dir)
	cfg.Service.GitTop = files // where the workflows of the whole repository are
	if b.project, err = a.project(cfg); err == nil {
		b.project.hasher = cache.OpenHasher(filepath.Join(b.dir, "index"))
	}
	return err
}

// rulesRoot is the folder that what decides names folders below.
func (b *base) rulesRoot() string {
	if b.project != nil {
		return b.project.Root.Dir
	}
	return filepath.Join(b.dir, "files")
}

// govern has the tip's configuration decide, unless an owner has approved the
// change's own.
func (r *oneRun) govern() error {
	own, err := config.LoadBaseline(r.Root.Dir)
	if err != nil {
		return usage(err)
	}
	decides := own
	switch {
	case r.base != nil:
		r.loosened = r.allLoosened(own)
		if !r.approved {
			r.Govern(r.base.file, r.base.rulesRoot())
			r.Policy.Source, decides = r.base.tip, r.base.known
		}
	case own != nil && r.strict && !r.approved:
		decides = nil
		r.record.Notes = append(r.record.Notes, config.BaselineName+" does not count in a strict run without a base commit (--since), unless an owner has approved it (--approved-policy)")
	}
	if decides != nil {
		r.Policy.Baselines = append(r.Policy.Baselines, *decides)
	}
	return nil
}

// allLoosened is all by which the change lets more through. What does not fail
// the run is told, so that an owner sees it.
func (r *oneRun) allLoosened(own *policy.Baseline) (found []scan.Loosening) {
	b := r.base
	if b.moved {
		found = append(found, scan.Loosening{Path: config.Name, Key: "root", High: true, Message: "another " + config.Name + " counts for this folder than before"})
	}
	if b.project != nil {
		found = append(found, r.Moved(b.project.Pipeline)...)
	}
	found = append(found, r.Written.Loosened(b.file)...)
	found = append(found, config.BaselineLoosened(b.known, own)...)
	for _, l := range found {
		if l.High && !r.approved {
			continue // it fails the run, and is shown with that
		}
		r.record.Notes = append(r.record.Notes, fmt.Sprintf("%s: %s", sarif.Location{Path: l.Path, Line: l.Line}, l.Message))
	}
	return found
}

// compareWithBase finds out what the base commit's checks find today, and plans
// the run anew with that.
func (r *oneRun) compareWithBase(ctx context.Context) error {
	if r.base == nil {
		return nil
	}
	b := r.base
	rel, err := slashed(r.Root.Dir, r.Service.Dir)
	if err != nil {
		return err
	}
	r.Service.Base = &scan.Base{Commit: b.commit, Path: rel, Loosened: r.loosened, Approved: r.approved, Absent: b.absent, SwitchedOff: map[string]map[string]int{}}
	if b.project != nil {
		if err := r.runBase(ctx); err != nil {
			return err
		}
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
		r.unsettled = append(r.unsettled, done)
		if err != nil {
			return fmt.Errorf("looking at the base commit: %w", err)
		}
		for _, res := range done.Results {
			applied = slices.DeleteFunc(applied, func(p scan.Part) bool { return p.Stage == res.Stage && !res.By(p.Job) })
			r.remember(res, &known)
		}
		fmt.Fprintln(r.progress(), "\nthen the change:")
	}
	r.Service.Base.Applied = applied
	r.Policy.Baselines = append(policy.Baselines{known}, r.Policy.Baselines...)
	return nil
}

// remember keeps what was found at the base commit, of a stage that was run.
func (r *oneRun) remember(res pipeline.Result, known *policy.Baseline) {
	switch {
	case res.Outcome == pipeline.NotRun:
		r.record.Notes = append(r.record.Notes, fmt.Sprintf("%s was not run at the base commit: %s", res.Stage, firstLine(res.Reason)))
	case policy.Comparable(res.Stage):
		known.Stages[res.Stage] = policy.Know(sarif.Merge(res.Report.Findings))
		off := map[string]int{}
		for _, f := range res.Report.InSource {
			off[f.Fingerprint()]++
		}
		r.Service.Base.SwitchedOff[res.Stage] = off
	}
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

// applied are the parts of stages that had something to do at the base, of the
// checks that are chosen now.
func (b *base) applied(chosen []pipeline.Job) (parts []scan.Part) {
	asked := map[string]bool{}
	for _, job := range chosen {
		for _, stage := range job.Stages {
			asked[stage] = true
		}
	}
	at := slices.IndexFunc(b.project.jobs, func(j pipeline.Job) bool { return j.Name == policyJob })
	for _, job := range b.project.jobs[:at] {
		for _, stage := range job.Stages {
			if job.NotApplicable == "" && asked[stage] {
				parts = append(parts, scan.Part{Stage: stage, Job: job.Name})
			}
		}
	}
	return parts
}
