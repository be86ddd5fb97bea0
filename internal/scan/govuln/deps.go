package govuln

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
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
	job := pipeline.Job{Name: DepsName, Stages: []string{DepsName}, Needs: []string{modulesJob, databaseJob}, Check: true, Cost: 5 * time.Second}
	if s.GoModule == "" {
		job.NotApplicable = "there is no Go module"
		return job, nil
	}
	tool, err := gotool.Find()
	if err != nil {
		return job, err
	}
	job.Params = params{Cache: s.CacheDir, Version: s.Version, Main: s.Main}
	job.Inputs = pipeline.Inputs{Trees: sources(s.Root, s.Dir), Values: tool.Facts()}
	job.Inputs.Values["sluice"] = s.Version
	job.Inputs.Values[toolName] = version()
	job.Access = pipeline.Access{Network: pipeline.NoNetwork, Read: append(tool.Reads(), s.JobCache(databaseJob)), Write: []string{filepath.Join(s.CacheDir, string(gotool.CheckZone))}}
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
	report, err := look(ctx, t, tool, p, db)
	if err != nil {
		return pipeline.Answer{}, err
	}
	return pipeline.Answer{Reports: []pipeline.Report{db.date(report)}}, nil
}

// environment is that of the go command: the code is looked at as the image is
// built, for Linux, without cgo and with the same tags, lest a build constraint
// hide here what is linked there.
func environment(tool gotool.Toolchain, cache, root, dir string) []string {
	return append(tool.Env(cache, gotool.CheckZone), "GOFLAGS=-tags="+gotool.ImageTag, "GOFIPS140=off", "CGO_ENABLED=0", "GOOS=linux", "GOWORK="+goWork(root, dir))
}

// patterns are the service's packages. That of the command is named besides,
// for "./..." leaves out what go.mod says to ignore.
func patterns(main string) []string {
	all := []string{"./..."}
	if main != "" {
		all = append(all, "./"+path.Clean(filepath.ToSlash(main)))
	}
	return all
}

func look(ctx context.Context, t pipeline.Task, tool gotool.Toolchain, p params, db database) (pipeline.Report, error) {
	mod, err := readMod(t.Dir)
	if err != nil {
		return pipeline.Report{}, hint.With(err, "run go mod tidy, and see that go.mod can be read")
	}
	known, err := db.index()
	if err != nil {
		return pipeline.Report{}, err
	}
	q := query{mode: sourceMode, db: db, env: environment(tool, p.Cache, t.Root, t.Dir), dir: t.Dir, patterns: patterns(p.Main), goVersion: tool.Version}
	t.Progress("listing packages")
	c, err := q.count(ctx, tool, t.Log)
	if err != nil {
		return pipeline.Report{}, err
	}
	e := explorer{task: t, census: c, known: known, query: q, facts: facts(tool, p.Version, q)}
	o, err := e.explore(ctx)
	if err != nil {
		return pipeline.Report{}, err
	}
	return place{root: t.Root, dir: t.Dir, census: c, mod: mod}.report(o, db, known)
}

// facts are all that could blind govulncheck but for the level of its look.
func facts(tool gotool.Toolchain, sluice string, q query) map[string]string {
	all := tool.Facts()
	all["sluice"], all[toolName], all["environment"] = sluice, version(), strings.Join(q.env, "\n")
	all["data"] = q.db.path + " " + q.db.digest + " " + q.db.modified.String()
	return all
}

// explorer has govulncheck look at the packages of a census.
type explorer struct {
	task   pipeline.Task
	census *census
	known  index
	query  query
	facts  map[string]string
}

// explore looks at imports first. Where no vulnerable package is imported,
// none of its functions is called, and there are no calls to follow.
func (e explorer) explore(ctx context.Context) (*outcome, error) {
	e.task.Progress(fmt.Sprintf("looking at the imports of %d packages", len(e.census.roots)))
	o, err := e.look(ctx, packageLevel)
	if err != nil || !o.proof.Passed() || !o.reaches(sarif.Imported) {
		return o, err
	}
	e.task.Progress(fmt.Sprintf("following calls in %d packages", len(e.census.roots)))
	return e.look(ctx, symbolLevel)
}

// look is one look, with the proof that govulncheck works at this level.
func (e explorer) look(ctx context.Context, level string) (*outcome, error) {
	q := e.query
	q.level, e.facts["level"] = level, level
	proof, err := scan.Proofs{Dir: e.task.Cache}.Once(e.facts, func() (pipeline.SelfTest, error) { return selfTest(ctx, q) })
	if err != nil {
		return nil, err
	}
	o, err := q.run(ctx)
	if err != nil {
		return nil, err
	}
	o.proof = proof
	o.examined, err = o.compare(e.census.roots, append(slices.Collect(maps.Keys(e.census.modules)), stdlib), e.known)
	return o, err
}

// selfTest looks at a planted program in a scratch folder.
func selfTest(ctx context.Context, q query) (_ pipeline.SelfTest, err error) {
	scratch, err := os.MkdirTemp("", "sluice-planted-")
	if err != nil {
		return pipeline.SelfTest{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	p, err := plant(scratch, q.db)
	if err != nil {
		return pipeline.SelfTest{}, err
	}
	return p.source(ctx, q)
}

func (p place) report(o *outcome, db database, known index) (pipeline.Report, error) {
	r := pipeline.Report{Stage: DepsName, Tools: tools(), Examined: o.examined, SelfTest: &o.proof}
	rules := map[string]sarif.Rule{}
	for _, v := range o.verdicts() {
		f, err := p.finding(v, db)
		if err != nil {
			return r, err
		}
		r.Findings = append(r.Findings, f)
		rules[f.Rule] = v.rule()
	}
	hidden, more, err := p.replaced(db, known)
	r.Findings = append(r.Findings, hidden...)
	for _, rule := range more {
		rules[rule.ID] = rule
	}
	r.Rules = scan.Rules(rules, r.Findings)
	return r, err
}
