package gocode

import (
	"context"
	"fmt"
	"go/ast"
	"go/token"
	"path/filepath"
	"runtime"
	"sync"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/buildssa"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// result is what the analysis of one package came to; it is kept between runs.
type result struct {
	Key        string          `json:"key"`
	Findings   []sarif.Finding `json:"findings,omitempty"`   // paths are absolute
	Suppressed map[string]int  `json:"suppressed,omitempty"` // by what kind of comment
	Generated  int             `json:"generated,omitempty"`  // findings in generated files, left out
	Files      int             `json:"files"`
	Facts      []byte          `json:"facts,omitempty"`
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
	failures map[*unit]map[string]error // by stage: why a package was not analysed
}

func newAnalyst(p *program, k *knowledge, progress func(string)) *analyst {
	return &analyst{
		program: p, known: k, lint: lintAnalyzers(), progress: progress,
		results: map[*unit]*result{}, failures: map[*unit]map[string]error{},
	}
}

// analyse analyses units, which are in the order of their imports.
func (a *analyst) analyse(ctx context.Context, units []*unit) {
	a.total = len(units)
	waits := factOrder(units)
	told := map[*unit]chan struct{}{}
	for _, u := range units {
		told[u] = make(chan struct{})
	}
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	var all sync.WaitGroup
	for _, u := range units {
		all.Go(func() {
			tell := sync.OnceFunc(func() { close(told[u]) })
			defer tell()
			for _, dep := range waits[u] {
				<-told[dep]
			}
			slots <- struct{}{}
			defer func() { <-slots }()
			a.one(ctx, u, tell)
		})
	}
	all.Wait()
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

// one analyses one package, and tells when its facts are known.
func (a *analyst) one(ctx context.Context, u *unit, tell func()) {
	a.mu.Lock()
	a.started++
	a.progress(fmt.Sprintf("analysing %s (%d/%d)", u.Name, a.started, a.total))
	a.mu.Unlock()

	r := &result{Key: u.key, Suppressed: map[string]int{}, Files: len(u.goFiles())}
	c := &collector{program: a.program, unit: u, result: r, tools: a.lint}
	c.format()
	if !u.sound() {
		c.compileErrors()
		a.finish(u, r, nil)
		return
	}
	c.directives = newDirectives(a.fset, u.files)
	c.generated = generatedFiles(a.fset, u.files)
	p := newPass(a.known, u, settled(), c.diagnostic)
	failed := map[string]error{}
	for _, analyzer := range factAnalyzers() {
		if err := p.run(ctx, analyzer); err != nil {
			failed[lintStage] = err
		}
	}
	facts := p.facts()
	a.known.add(u.path(), facts)
	tell()
	for analyzer := range a.lint {
		if err := p.run(ctx, analyzer); err != nil {
			failed[lintStage] = err
		}
	}
	if err := c.gosec(ctx, p); err != nil {
		failed[sastStage] = err
	}
	c.unusedDirectives()
	var err error
	if r.Facts, err = facts.encode(); err != nil {
		failed[lintStage] = err
	}
	a.finish(u, r, failed)
	u.files, u.info = nil, nil // as large as all the rest; nobody needs them any more
}

func (a *analyst) finish(u *unit, r *result, failed map[string]error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.results[u] = r
	if len(failed) > 0 {
		a.failures[u] = failed
	}
}

// sound tells whether a package and all that it is made of compiles.
func (u *unit) sound() bool { return len(u.defects) == 0 && u.notRun == nil && u.culprit() == nil }

// culprit is an imported package that does not compile or could not be loaded,
// or nil.
func (u *unit) culprit() *unit {
	for _, dep := range u.imports {
		if dep.source && !dep.sound() {
			return dep
		}
	}
	return nil
}

// generatedFiles are the files whose header says so, as golang.org/s/generatedcode
// wants it.
func generatedFiles(fset *token.FileSet, files []*ast.File) map[string]bool {
	generated := map[string]bool{}
	for _, f := range files {
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
	directives *directives
	generated  map[string]bool
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

// place is a position in the file as it was written: line directives count only
// in what cgo made of a file.
func (c *collector) place(pos token.Pos) token.Position {
	if !pos.IsValid() {
		return token.Position{}
	}
	return c.fset.PositionFor(pos, len(c.unit.CompiledGoFiles) > 0)
}

// gosec runs gosec and takes its issues.
func (c *collector) gosec(ctx context.Context, p *pass) error {
	if err := p.run(ctx, buildssa.Analyzer); err != nil {
		return err
	}
	sec, err := runGosec(c.unit, p)
	if sec.suppressed > 0 {
		c.result.Suppressed[byNosec] += sec.suppressed
	}
	for _, i := range sec.issues {
		c.add(secFinding(i))
	}
	return err
}

// add takes a finding, unless the code itself switches it off.
func (c *collector) add(f sarif.Finding) {
	if c.generated[f.Location.Path] {
		c.result.Generated++
		return
	}
	if by := c.directives.suppressed(f); by != "" {
		c.result.Suppressed[by]++
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
func (c *collector) format() {
	for _, path := range append(c.unit.goFiles(), c.unit.ignoredFiles()...) {
		text, ok := c.unit.texts[path]
		if filepath.Ext(path) != ".go" {
			continue
		}
		if !ok {
			var err error
			if text, err = readBounded(path, maxSource); err != nil {
				continue // the loader has read it before, or has said why not
			}
		}
		if f := checkFormat(path, text); f != nil {
			c.result.Findings = append(c.result.Findings, *f)
		}
	}
}

// compileErrors makes findings of what keeps the package from compiling, unless
// it may only follow from what is wrong with another.
func (c *collector) compileErrors() {
	if c.unit.culprit() != nil || c.unit.notRun != nil {
		return
	}
	for _, d := range c.unit.defects {
		c.result.Findings = append(c.result.Findings, sarif.Finding{
			Rule: "compile", Tool: compilerTool, Stage: lintStage, Message: d.msg, Severity: sarif.High,
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
