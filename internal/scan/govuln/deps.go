package govuln

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

// Deps plans and does the stage "deps": is a known vulnerability reachable
// from the service's source?
type Deps struct{}

var _ scan.Scanner = Deps{}

// Name implements scan.Scanner.
func (Deps) Name() string { return DepsName }

// Job implements scan.Scanner.
func (Deps) Job(s scan.Service) (pipeline.Job, error) {
	job := pipeline.Job{Name: DepsName, Stages: []string{DepsName}, Needs: []string{modulesJob, databaseJob}, Cost: 5 * time.Second}
	if s.GoModule == "" {
		job.NotApplicable = "there is no Go module"
		return job, nil
	}
	tool, err := gotool.Find()
	if err != nil {
		return job, err
	}
	job.Params = params{Cache: s.CacheDir, Version: s.Version}
	job.Inputs = pipeline.Inputs{Trees: sources(s.Root, s.Dir), Values: tool.Facts()}
	job.Inputs.Values["sluice"] = s.Version
	job.Inputs.Values[toolName] = version()
	job.Access = pipeline.Access{Network: pipeline.NoNetwork, Write: []string{filepath.Join(s.CacheDir, string(gotool.CheckZone))}}
	return job, nil
}

// Worker implements scan.Scanner.
func (Deps) Worker() pipeline.Worker { return deps }

func deps(ctx context.Context, t pipeline.Task) (_ pipeline.Answer, err error) {
	p, err := readParams(t)
	if err != nil {
		return pipeline.Answer{}, err
	}
	db, err := openDatabase(t)
	if err != nil {
		return pipeline.Answer{}, err
	}
	tool, err := gotool.Find()
	if err != nil {
		return pipeline.Answer{}, err
	}
	report, err := look(ctx, t, tool, p.Cache, db)
	if err != nil {
		return pipeline.Answer{}, err
	}
	return pipeline.Answer{Reports: []pipeline.Report{db.date(report)}}, nil
}

// environment is that of the go command: the code is looked at as the image is
// built, for Linux and without cgo.
func environment(tool gotool.Toolchain, cache, root, dir string) []string {
	return append(tool.Env(cache, gotool.CheckZone), "CGO_ENABLED=0", "GOOS=linux", "GOWORK="+goWork(root, dir))
}

func look(ctx context.Context, t pipeline.Task, tool gotool.Toolchain, cache string, db database) (pipeline.Report, error) {
	env := environment(tool, cache, t.Root, t.Dir)
	mod, err := readMod(t.Dir)
	if err != nil {
		return pipeline.Report{}, hint.With(err, "run go mod tidy, and see that go.mod can be read")
	}
	t.Progress("listing packages")
	c, err := count(ctx, tool, t.Dir, env, t.Log)
	if err != nil {
		return pipeline.Report{}, err
	}
	e := explorer{task: t, census: c, query: query{mode: sourceMode, db: db, env: env, dir: t.Dir, goVersion: tool.Version}}
	o, err := e.explore(ctx)
	if err != nil {
		return pipeline.Report{}, err
	}
	return place{root: t.Root, dir: t.Dir, census: c, mod: mod}.report(o, db)
}

// explorer has govulncheck look at the packages of a census.
type explorer struct {
	task   pipeline.Task
	census *census
	query  query
}

// explore looks at imports first. Where no vulnerable package is imported,
// none of its functions is called, and there are no calls to follow.
func (e explorer) explore(ctx context.Context) (*outcome, error) {
	e.task.Progress(fmt.Sprintf("looking at the imports of %d packages", len(e.census.roots)))
	o, err := e.look(ctx, packageLevel)
	if err != nil || !o.reaches(sarif.Imported) {
		return o, err
	}
	e.task.Progress(fmt.Sprintf("following calls in %d packages", len(e.census.roots)))
	return e.look(ctx, symbolLevel)
}

// look is one look, by a govulncheck that was seen to work at this level.
func (e explorer) look(ctx context.Context, level string) (*outcome, error) {
	q := e.query
	q.level = level
	if err := selfTest(ctx, q); err != nil {
		return nil, err
	}
	o, err := q.run(ctx)
	if err != nil {
		return nil, err
	}
	return o, e.census.compare(o.bill)
}

// selfTest looks at a planted program in a scratch folder.
func selfTest(ctx context.Context, q query) (err error) {
	scratch, err := os.MkdirTemp("", "sluice-planted-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	p, err := plant(scratch)
	if err != nil {
		return err
	}
	return p.source(ctx, q)
}

func (p place) report(o *outcome, db database) (pipeline.Report, error) {
	r := pipeline.Report{
		Stage: DepsName,
		Tools: tools(),
		Examined: []pipeline.Count{
			{What: "packages", N: len(o.bill.Roots)},
			{What: "modules", N: len(o.bill.Modules)},
			{What: "advisories", N: len(o.advisories)},
		},
	}
	rules := map[string]sarif.Rule{}
	for _, v := range o.verdicts() {
		f, err := p.finding(v, db)
		if err != nil {
			return r, err
		}
		r.Findings = append(r.Findings, f)
		rules[f.Rule] = v.rule()
	}
	r.Rules = scan.Rules(rules, r.Findings)
	return r, nil
}
