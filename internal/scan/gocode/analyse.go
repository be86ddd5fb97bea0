package gocode

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"path/filepath"
	"runtime/debug"
	"sync"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/buildssa"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// result is what the analysis of one package came to; it is kept between runs.
type result struct {
	Key      string              `json:"key"`
	Findings []sarif.Finding     `json:"findings,omitempty"` // paths are absolute
	InSource []sarif.Finding     `json:"inSource,omitempty"` // those that a comment switches off
	Left     map[string]leftOver `json:"left,omitempty"`     // by stage
	Files    int                 `json:"files"`
	Facts    []byte              `json:"facts,omitempty"`
}

// leftOver counts the findings that are not told.
type leftOver struct {
	Suppressed map[string]int `json:"suppressed,omitempty"` // by what kind of comment
	Generated  int            `json:"generated,omitempty"`  // in generated files
}

// leave counts findings that are not told: by a comment, or as generated.
func (r *result) leave(stage, by string, n int) {
	if r.Left == nil {
		r.Left = map[string]leftOver{}
	}
	l := r.Left[stage]
	if by == "" {
		l.Generated += n
	} else {
		if l.Suppressed == nil {
			l.Suppressed = map[string]int{}
		}
		l.Suppressed[by] += n
	}
	r.Left[stage] = l
}

// suppress keeps a finding that a comment switches off, with what the comment
// gives as its reason.
func (r *result) suppress(f sarif.Finding, by, reason string) {
	f.Suppression = &sarif.Suppression{Reason: reason}
	r.InSource = append(r.InSource, f)
	r.leave(f.Stage, by, 1)
}

// analyst analyses packages in parallel, each after those that it imports have
// told their facts.
type analyst struct {
	*program
	known    *knowledge
	lint     map[*analysis.Analyzer]string
	progress func(string)

	mu       sync.Mutex
	started  int
	total    int
	results  map[*unit]*result
	failures map[*unit]failures // by stage: why a package was not analysed
}

func newAnalyst(p *program, k *knowledge, lint map[*analysis.Analyzer]string, progress func(string)) *analyst {
	return &analyst{
		program: p, known: k, lint: lint, progress: progress,
		results: map[*unit]*result{}, failures: map[*unit]failures{},
	}
}

// analyse analyses units, which are in the order of their imports.
func (a *analyst) analyse(ctx context.Context, units []*unit) {
	a.total = len(units)
	tellers := factOrder(units)
	inOrder(ctx, units, func(u *unit) []*unit { return tellers[u] }, func(u *unit) func() {
		c := &collector{program: a.program, unit: u, result: &result{Key: u.key, Files: len(u.goFiles())}, tools: a.lint, failed: failures{}}
		a.announce(u)
		c.guard(func() { a.facts(ctx, c) })
		return func() {
			c.guard(func() { a.rest(ctx, c) })
			a.finish(c)
		}
	})
}

func (a *analyst) announce(u *unit) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.started++
	a.progress(fmt.Sprintf("analysing %s (%d/%d)", u.Name, a.started, a.total))
}

// factOrder says for each unit which others tell the facts that it needs: a
// package's facts come from the variant that is analysed, the one with its tests.
func factOrder(units []*unit) map[*unit][]*unit {
	teller := map[string]*unit{}
	for _, u := range units {
		teller[u.path()] = u
	}
	waits := map[*unit][]*unit{}
	const active, finished = 1, 2
	state := map[*unit]int{}
	var visit func(u *unit)
	visit = func(u *unit) {
		state[u] = active
		for _, dep := range u.imports {
			// An import cycle, which does not compile, is cut.
			if t := teller[dep.path()]; t != nil && state[t] != active {
				if state[t] == 0 {
					visit(t)
				}
				waits[u] = append(waits[u], t)
			}
		}
		state[u] = finished
	}
	for _, u := range units {
		if state[u] == 0 {
			visit(u)
		}
	}
	return waits
}

// facts runs the analyzers whose facts the package's importers wait for.
func (a *analyst) facts(ctx context.Context, c *collector) {
	if !c.unit.sound() {
		return
	}
	c.directives = newDirectives(a.fset, c.unit.files)
	c.generated = c.unit.generatedFiles(a.fset)
	c.pass = newPass(a.known, c.unit, settled(), c.diagnostic)
	for _, analyzer := range factAnalyzers() {
		c.failed.add(c.pass.run(ctx, analyzer), lintStage)
	}
	facts := c.pass.facts()
	a.known.add(c.unit.path(), facts)
	var err error
	c.result.Facts, err = facts.encode()
	c.failed.add(err, lintStage)
}

// rest does what nobody waits for.
func (a *analyst) rest(ctx context.Context, c *collector) {
	c.failed.add(c.format(), lintStage)
	if !c.unit.sound() {
		c.compileErrors()
		return
	}
	if c.pass == nil {
		return // its facts have failed
	}
	for analyzer := range a.lint {
		c.failed.add(c.pass.run(ctx, analyzer), lintStage)
	}
	c.failed.add(c.gosec(ctx), sastStage)
	c.unusedDirectives()
	c.unexplained()
}

// failures are why a package was not examined, by stage.
type failures map[string]error

func (f failures) add(err error, stages ...string) {
	if err != nil {
		for _, stage := range stages {
			f[stage] = errors.Join(f[stage], err)
		}
	}
}

func (a *analyst) finish(c *collector) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.results[c.unit] = c.result
	if len(c.failed) > 0 {
		a.failures[c.unit] = c.failed
	}
	c.unit.files, c.unit.info = nil, nil // as large as all the rest, and nobody needs them any more
}

// sound tells whether a package and all that it is made of compiles.
func (u *unit) sound() bool { return len(u.defects) == 0 && u.culprit == nil && u.notRun == nil }

// judge finds out, once all is loaded, which packages are affected by what is
// wrong with another.
func (p *program) judge() {
	for _, u := range p.order {
		for _, dep := range u.imports {
			if !dep.source {
				continue
			}
			if u.notRun == nil {
				u.notRun = dep.notRun
			}
			if u.culprit == nil && len(dep.defects) > 0 {
				u.culprit = dep
			}
			if u.culprit == nil {
				u.culprit = dep.culprit
			}
		}
	}
}

// generatedFiles are the files whose header says so, as golang.org/s/generatedcode
// wants it.
func (u *unit) generatedFiles(fset *token.FileSet) map[string]bool {
	generated := map[string]bool{}
	for _, f := range u.files {
		if ast.IsGenerated(f) {
			generated[fset.File(f.FileStart).Name()] = true
		}
	}
	return generated
}

// collector turns what analyzers report of one package into findings.
type collector struct {
	*program
	unit       *unit
	result     *result
	tools      map[*analysis.Analyzer]string
	failed     failures
	pass       *pass
	directives *directives
	generated  map[string]bool
}

// guard does something that may crash, which is then why the package was not
// examined.
func (c *collector) guard(do func()) {
	defer func() {
		if r := recover(); r != nil {
			c.failed.add(fmt.Errorf("the analysis of %s crashed: %v\n%s", c.unit.ImportPath, r, debug.Stack()), lintStage, sastStage)
		}
	}()
	do()
}

// diagnostic takes what a lint analyzer reports.
func (c *collector) diagnostic(a *analysis.Analyzer, d analysis.Diagnostic) {
	tool, ok := c.tools[a]
	if !ok {
		return // an analyzer that others are made of
	}
	from, to := c.place(d.Pos), c.place(d.End)
	c.add(sarif.Finding{
		Rule: a.Name, Tool: tool, Stage: lintStage, Message: d.Message, Severity: lintSeverity(tool, a.Name), Class: sameDefect[a.Name],
		Location: sarif.Location{Path: from.Filename, Line: from.Line, Column: from.Column, EndLine: to.Line, EndColumn: to.Column},
	})
}

// place is a position in the file as it was written.
func (c *collector) place(pos token.Pos) token.Position {
	if !pos.IsValid() {
		return token.Position{}
	}
	return c.fset.PositionFor(pos, false)
}

// gosec runs gosec and takes its issues.
func (c *collector) gosec(ctx context.Context) error {
	if err := c.pass.run(ctx, buildssa.Analyzer); err != nil {
		return err
	}
	issues, err := runGosec(c.unit, c.pass)
	for _, i := range issues {
		if f := secFinding(i); len(i.Suppressions) > 0 {
			c.result.suppress(f, byNosec, i.Suppressions[0].Justification)
		} else {
			c.add(f)
		}
	}
	return err
}

// add takes a finding, unless the code itself switches it off.
func (c *collector) add(f sarif.Finding) {
	if c.generated[f.Location.Path] && f.Stage == lintStage { // whoever wrote it, it must be safe
		c.result.leave(f.Stage, "", 1)
		return
	}
	if by, reason := c.directives.suppressed(f); by != "" {
		c.result.suppress(f, by, reason)
		return
	}
	c.result.Findings = append(c.result.Findings, f)
}

func (c *collector) unusedDirectives() {
	for _, f := range c.directives.unused() {
		c.add(f)
	}
}

// format checks the format of all the package's files, those too that build
// constraints leave out.
func (c *collector) format() error {
	for _, path := range append(c.unit.goFiles(), c.unit.ignoredFiles()...) {
		if filepath.Ext(path) != ".go" {
			continue
		}
		text, ok := c.unit.texts[path]
		if !ok {
			var err error
			if text, err = readBounded(path, maxSource); err != nil {
				return err
			}
		}
		if f := checkFormat(path, text); f != nil {
			c.result.Findings = append(c.result.Findings, *f)
		}
	}
	return nil
}

// compileErrors makes findings of what keeps the package from compiling, unless
// it may only follow from what is wrong with another.
func (c *collector) compileErrors() {
	if c.unit.culprit != nil || c.unit.notRun != nil {
		return
	}
	for _, d := range c.unit.defects {
		c.result.Findings = append(c.result.Findings, sarif.Finding{
			Rule: "compile", Class: "compile", Tool: compilerTool, Stage: lintStage, Message: d.msg, Severity: sarif.High,
			Location: sarif.Location{Path: d.pos.Filename, Line: d.pos.Line, Column: d.pos.Column},
		})
	}
}

// lintSeverity: what is likely wrong blocks by default, what is only a matter of
// style does not.
func lintSeverity(tool, rule string) sarif.Severity {
	if tool == staticcheckTool && (len(rule) < 2 || rule[:2] != "SA") {
		return sarif.Low
	}
	return sarif.Medium
}
