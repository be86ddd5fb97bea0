package gocode

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"golang.org/x/tools/go/analysis"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

// work does the job.
func work(ctx context.Context, t pipeline.Task) (pipeline.Answer, error) {
	defer easeCollector()()
	var answer pipeline.Answer
	p, err := parseParams(t.Params)
	if err != nil {
		return answer, err
	}
	c, err := newCheck(t, p)
	if err != nil {
		return answer, err
	}
	return c.answer(ctx)
}

// easeCollector lets the garbage collector run less often than it would: this
// process does nothing else, and lives for seconds. It returns how to undo it.
func easeCollector() func() {
	percent, limit := debug.SetGCPercent(300), debug.SetMemoryLimit(softMemory)
	return func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}

// softMemory is how much memory the process takes before the collector runs more
// often again, bytes.
const softMemory = 1400 << 20

// check is one run of the job.
type check struct {
	task   pipeline.Task
	params params
	g      *golang
	store  *store

	program *program
	files   []string // the module's Go files, as this package counted them
	lint    map[*analysis.Analyzer]string
	results map[*unit]*result
	analyst *analyst

	unlisted []sarif.Finding // in files of no package
	outside  bool            // code was loaded from folders that the job does not name
}

func newCheck(t pipeline.Task, p params) (*check, error) {
	g, err := newGolang(t.Dir, p.Cache, t.Log)
	if err != nil {
		return nil, err
	}
	// gosec would ask the go command about the folder that this process is in,
	// once for all, which is not the service's.
	if err := os.Setenv("GOSECGOVERSION", "go"+cmp.Or(g.language(), "1.16")); err != nil {
		return nil, err
	}
	return &check{task: t, params: p, g: g, store: openStore(t.Cache), lint: lintAnalyzers(), results: map[*unit]*result{}}, nil
}

func (c *check) answer(ctx context.Context) (answer pipeline.Answer, err error) {
	if err := c.run(ctx); err != nil {
		return answer, err
	}
	t := c.selfTest()
	for _, stage := range c.task.Stages {
		r := c.report(stage)
		t.prove(ctx, &r)
		answer.Reports = append(answer.Reports, r)
	}
	answer.Volatile = c.outside
	return answer, ctx.Err()
}

func (c *check) run(ctx context.Context) error {
	c.task.Progress("listing packages")
	packages, err := c.g.load(ctx)
	if err != nil {
		return err
	}
	for _, p := range packages {
		p.adopt(c.task.Root)
	}
	registerFacts(factAnalyzers())
	c.program = newProgram(packages, c.g, c.salt())
	if err := c.countFiles(); err != nil {
		return err
	}
	c.outside = c.foreign()
	k := newKnowledge(c.program.fset)
	changed := c.reuse(k)
	c.analyst = newAnalyst(c.program, k, c.lint, c.task.Progress)
	if err := c.formatUnlisted(); err != nil {
		return err
	}
	if len(changed) > 0 {
		if err := c.analyse(ctx, k, changed); err != nil {
			return err
		}
	}
	return c.keep()
}

// formatUnlisted checks the format of files that belong to no package: those of
// folders in which build constraints leave nothing.
func (c *check) formatUnlisted() error {
	listed := map[string]bool{}
	for _, u := range c.program.roots() {
		for _, path := range append(u.goFiles(), u.ignoredFiles()...) {
			listed[path] = true
		}
	}
	for _, path := range c.files {
		if listed[path] {
			continue
		}
		text, err := readBounded(path, maxSource)
		if err != nil {
			return err
		}
		if f := checkFormat(path, text); f != nil {
			c.unlisted = append(c.unlisted, *f)
		}
	}
	return nil
}

// salt is what decides all results.
func (c *check) salt() string {
	facts := c.g.tool.Facts()
	facts["sluice"] = c.params.Version
	facts["format"] = "2"
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
		if !u.source && u.ImportPath != "unsafe" && u.Name != "" {
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
	c.program.judge()
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
	maps.DeleteFunc(c.store.Exports, func(path string, e exported) bool { return c.stale(path, e.Key) })
	maps.DeleteFunc(c.store.Deps, func(path string, d *depRecord) bool { return c.stale(path, d.Key) })
	return c.store.save(cmp.Or(c.task.Keep, c.task.Cache)) // what is planted has no run that would move it
}

// stale tells whether something was kept for a package that is no longer imported.
func (c *check) stale(path, key string) bool {
	u := c.program.units[path]
	return u == nil || u.key != key
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
