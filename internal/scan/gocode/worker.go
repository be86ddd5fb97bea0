package gocode

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
)

// work does the job.
func work(ctx context.Context, t pipeline.Task) (pipeline.Answer, error) {
	var answer pipeline.Answer
	p, err := parseParams(t.Params)
	if err != nil {
		return answer, err
	}
	c, err := newCheck(t, p)
	if err != nil {
		return answer, err
	}
	if err := c.run(ctx); err != nil {
		return answer, err
	}
	for _, stage := range t.Stages {
		answer.Reports = append(answer.Reports, c.report(stage))
	}
	answer.Volatile = c.outside
	return answer, nil
}

// check is one run of the job.
type check struct {
	task   pipeline.Task
	params params
	g      *golang
	store  *store

	program *program
	files   []string // the module's Go files, as this package counted them
	results map[*unit]*result
	analyst *analyst
	outside bool // code was loaded from folders that the job does not name
}

func newCheck(t pipeline.Task, p params) (*check, error) {
	g, err := newGolang(t.Dir, p.Cache, t.Log)
	if err != nil {
		return nil, err
	}
	return &check{task: t, params: p, g: g, store: openStore(t.Cache), results: map[*unit]*result{}}, nil
}

func (c *check) run(ctx context.Context) error {
	c.task.Progress("listing packages")
	packages, err := c.g.load(ctx)
	if err != nil {
		return err
	}
	if c.files, err = sources(c.task.Dir); err != nil {
		return err
	}
	registerFacts(factAnalyzers())
	c.program = newProgram(packages, c.g, c.salt())
	c.outside = c.foreign()
	k := newKnowledge(c.program.fset)
	changed := c.reuse(k)
	c.analyst = newAnalyst(c.program, k, c.task.Progress)
	if len(changed) > 0 {
		if err := c.analyse(ctx, k, changed); err != nil {
			return err
		}
	}
	return c.keep()
}

// salt is what decides all results.
func (c *check) salt() string {
	facts := c.g.tool.Facts()
	facts["sluice"] = c.params.Version
	facts["format"] = "1"
	var s strings.Builder
	for _, name := range slices.Sorted(maps.Keys(facts)) {
		fmt.Fprintf(&s, "%s=%q\n", name, facts[name])
	}
	return s.String()
}

// foreign tells whether code was loaded that is neither a module of the module
// cache nor in the folders that the job's inputs name.
func (c *check) foreign() bool {
	named := append(trees(c.task.Dir), c.g.tool.ModCache)
	return slices.ContainsFunc(c.program.order, func(u *unit) bool {
		return !u.Standard && !slices.ContainsFunc(named, func(dir string) bool { return within(dir, u.Dir) })
	})
}

// reuse takes the results of packages that did not change, and returns the others.
func (c *check) reuse(k *knowledge) []*unit {
	var changed []*unit
	for _, u := range c.program.roots() {
		r := c.store.Results[u.ImportPath]
		if r == nil || r.Key != u.key {
			changed = append(changed, u)
			continue
		}
		facts, err := decodeFacts(r.Facts)
		if err != nil {
			changed = append(changed, u)
			continue
		}
		k.add(u.path(), facts)
		c.results[u] = r
	}
	return changed
}

// analyse loads and analyses the packages that changed.
func (c *check) analyse(ctx context.Context, k *knowledge, changed []*unit) error {
	c.task.Progress(fmt.Sprintf("loading %s", count(len(changed), "package")))
	e := newExports(c.program.fset, c.store.Exports)
	var compiled []*unit
	whole := map[*unit]bool{}
	for _, u := range c.program.order {
		if !u.source && u.ImportPath != "unsafe" {
			compiled = append(compiled, u)
		}
	}
	for _, u := range changed {
		whole[u] = true
	}
	if err := e.find(ctx, c.g, compiled, c.task.Progress); err != nil {
		return err
	}
	newLoader(c.program, e, whole).load(ctx)
	c.task.Progress("reading imported packages")
	d := &dependencies{
		program: c.program, known: k, exports: e, questions: newQuestions(k),
		records: c.store.Deps, log: c.task.Log, opened: map[*unit]*dependency{},
	}
	if err := d.learn(ctx, changed); err != nil {
		return err
	}
	c.analyst.analyse(ctx, changed)
	maps.Copy(c.results, c.analyst.results)
	return ctx.Err()
}

// keep writes what another run can use: the results of sound packages.
func (c *check) keep() error {
	kept := map[string]*result{}
	for u, r := range c.results {
		if u.sound() && c.analyst.failures[u] == nil {
			kept[u.ImportPath] = r
		}
	}
	c.store.Results = kept
	return c.store.save(c.task.Cache)
}

// report makes one stage's report.
func (c *check) report(stage string) pipeline.Report {
	r := pipeline.Report{Stage: stage, Tools: tools(stage, c.g.tool.Version)}
	c.addFindings(&r)
	c.census(&r)
	c.notes(&r)
	r.Rules = scan.Rules(allRules(), r.Findings)
	return r
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// relative is a path as findings have it: below the repository's root.
func (c *check) relative(path string) string {
	rel, err := filepath.Rel(c.task.Root, path)
	if err != nil {
		return filepath.ToSlash(path)
	}
	return filepath.ToSlash(rel)
}
