package gocode

import (
	"bytes"
	"errors"
	"fmt"
	"log"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/securego/gosec/v2"
	"github.com/securego/gosec/v2/analyzers"
	"github.com/securego/gosec/v2/issue"
	"github.com/securego/gosec/v2/rules"
	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/buildssa"
	"golang.org/x/tools/go/packages"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// runGosec runs gosec's rules over a package, on the SSA form that the driver
// has built. gosec itself passes over a rule or an analyzer that fails; here
// that is an error, because the package was then not examined.
func runGosec(u *unit, p *pass) (issues []*issue.Issue, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("gosec crashed on %s: %v\n%s", u.ImportPath, r, debug.Stack())
		}
	}()
	var complaints bytes.Buffer
	sec := gosec.NewAnalyzer(gosec.NewConfig(), true, false, true, 1, log.New(&complaints, "", 0))
	sec.LoadRules(rules.Generate(false).RulesInfo())
	guard := &crashGuard{}
	definitions, suppressed := analyzers.Generate(false).AnalyzersInfo()
	sec.LoadAnalyzers(guard.wrap(definitions), suppressed)

	pkg := &packages.Package{Name: u.Name, Fset: p.known.fset, Syntax: u.files, Types: u.types, TypesInfo: u.info, TypesSizes: p.sizes()}
	sec.CheckRules(pkg)
	sec.CheckAnalyzersWithSSA(pkg, p.results[buildssa.Analyzer].(*buildssa.SSA))
	issues, _, _ = sec.Report() // those that a comment switches off too, with their suppressions
	return issues, errors.Join(guard.err(), ruleErrors(complaints.String()))
}

// ruleErrors finds in gosec's log the rules that failed.
func ruleErrors(logged string) error {
	for line := range strings.Lines(logged) {
		if strings.HasPrefix(line, "Rule error: ") {
			return errors.New(strings.ToLower(strings.TrimSpace(line)))
		}
	}
	return nil
}

// crashGuard notes which of gosec's analyzers failed: gosec runs each in a
// goroutine of its own, where a panic would end the process, and drops errors.
type crashGuard struct{ failed []error }

func (g *crashGuard) err() error { return errors.Join(g.failed...) }

func (g *crashGuard) wrap(definitions map[string]analyzers.AnalyzerDefinition) map[string]analyzers.AnalyzerDefinition {
	wrapped := map[string]analyzers.AnalyzerDefinition{}
	for id, d := range definitions {
		create := d.Create
		d.Create = func(id, description string) *analysis.Analyzer {
			a := *create(id, description)
			run := a.Run
			a.Run = func(pass *analysis.Pass) (any, error) { return g.run(id, run, pass) }
			return &a
		}
		wrapped[id] = d
	}
	return wrapped
}

// run runs one of gosec's analyzers. gosec runs them one at a time, as its
// concurrency was set to 1.
func (g *crashGuard) run(id string, run func(*analysis.Pass) (any, error), pass *analysis.Pass) (result any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("rule %s crashed: %v\n%s", id, r, debug.Stack())
		}
		if err != nil {
			g.failed = append(g.failed, err)
		}
	}()
	return run(pass)
}

// secFinding turns gosec's issue into a finding.
func secFinding(i *issue.Issue) sarif.Finding {
	from, to, _ := strings.Cut(i.Line, "-")
	f := sarif.Finding{
		Rule: i.RuleID, Tool: gosecTool, Stage: sastStage, Message: i.What, Severity: secSeverity(i),
		Location: sarif.Location{Path: i.File, Line: number(from), Column: number(i.Col), EndLine: number(to)},
		Class:    sameDefect[i.RuleID],
	}
	if i.Cwe != nil {
		if n := number(i.Cwe.ID); n > 0 {
			f.CWE = []int{n}
		}
	}
	return f
}

func secSeverity(i *issue.Issue) sarif.Severity {
	switch i.Severity {
	case issue.High:
		return sarif.High
	case issue.Medium:
		return sarif.Medium
	}
	return sarif.Low
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0
	}
	return n
}
