package gocode

import (
	"slices"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/appends"
	"golang.org/x/tools/go/analysis/passes/asmdecl"
	"golang.org/x/tools/go/analysis/passes/assign"
	"golang.org/x/tools/go/analysis/passes/atomic"
	"golang.org/x/tools/go/analysis/passes/bools"
	"golang.org/x/tools/go/analysis/passes/buildtag"
	"golang.org/x/tools/go/analysis/passes/cgocall"
	"golang.org/x/tools/go/analysis/passes/composite"
	"golang.org/x/tools/go/analysis/passes/copylock"
	"golang.org/x/tools/go/analysis/passes/ctrlflow"
	"golang.org/x/tools/go/analysis/passes/defers"
	"golang.org/x/tools/go/analysis/passes/directive"
	"golang.org/x/tools/go/analysis/passes/errorsas"
	"golang.org/x/tools/go/analysis/passes/framepointer"
	"golang.org/x/tools/go/analysis/passes/hostport"
	"golang.org/x/tools/go/analysis/passes/httpresponse"
	"golang.org/x/tools/go/analysis/passes/ifaceassert"
	"golang.org/x/tools/go/analysis/passes/loopclosure"
	"golang.org/x/tools/go/analysis/passes/lostcancel"
	"golang.org/x/tools/go/analysis/passes/nilfunc"
	"golang.org/x/tools/go/analysis/passes/printf"
	"golang.org/x/tools/go/analysis/passes/shift"
	"golang.org/x/tools/go/analysis/passes/sigchanyzer"
	"golang.org/x/tools/go/analysis/passes/slog"
	"golang.org/x/tools/go/analysis/passes/stdmethods"
	"golang.org/x/tools/go/analysis/passes/stdversion"
	"golang.org/x/tools/go/analysis/passes/stringintconv"
	"golang.org/x/tools/go/analysis/passes/structtag"
	"golang.org/x/tools/go/analysis/passes/testinggoroutine"
	"golang.org/x/tools/go/analysis/passes/tests"
	"golang.org/x/tools/go/analysis/passes/timeformat"
	"golang.org/x/tools/go/analysis/passes/unmarshal"
	"golang.org/x/tools/go/analysis/passes/unreachable"
	"golang.org/x/tools/go/analysis/passes/unsafeptr"
	"golang.org/x/tools/go/analysis/passes/unusedresult"
	"golang.org/x/tools/go/analysis/passes/waitgroup"
	"honnef.co/go/tools/analysis/facts/deprecated"
	"honnef.co/go/tools/analysis/facts/nilness"
	"honnef.co/go/tools/analysis/facts/purity"
	"honnef.co/go/tools/analysis/lint"
	scconfig "honnef.co/go/tools/config"
	"honnef.co/go/tools/quickfix"
	"honnef.co/go/tools/simple"
	"honnef.co/go/tools/staticcheck"
	"honnef.co/go/tools/staticcheck/sa5012"
	"honnef.co/go/tools/stylecheck"
)

// The tools, as findings name them.
const (
	gofmtTool       = "gofmt"
	compilerTool    = "compiler"
	vetTool         = "vet"
	staticcheckTool = "staticcheck"
	gosecTool       = "gosec"
	sluiceTool      = "sluice"
)

// vetAnalyzers are those of "go vet" in Go 1.26 (cmd/vet, suite).
func vetAnalyzers() []*analysis.Analyzer {
	return []*analysis.Analyzer{
		appends.Analyzer, asmdecl.Analyzer, assign.Analyzer, atomic.Analyzer, bools.Analyzer, buildtag.Analyzer,
		cgocall.Analyzer, composite.Analyzer, copylock.Analyzer, defers.Analyzer, directive.Analyzer, errorsas.Analyzer,
		framepointer.Analyzer, httpresponse.Analyzer, hostport.Analyzer, ifaceassert.Analyzer, loopclosure.Analyzer,
		lostcancel.Analyzer, nilfunc.Analyzer, printf.Analyzer, shift.Analyzer, sigchanyzer.Analyzer, slog.Analyzer,
		stdmethods.Analyzer, stdversion.Analyzer, stringintconv.Analyzer, structtag.Analyzer, tests.Analyzer,
		testinggoroutine.Analyzer, timeformat.Analyzer, unmarshal.Analyzer, unreachable.Analyzer, unsafeptr.Analyzer,
		unusedresult.Analyzer, waitgroup.Analyzer,
	}
}

// staticcheckAnalyzers are those of staticcheck that are on by default, with the
// quick fixes. Unused code (U1000) is not among them: it is judged over whole
// programs, not packages.
func staticcheckAnalyzers() []*lint.Analyzer {
	all := slices.Concat(staticcheck.Analyzers, simple.Analyzers, stylecheck.Analyzers, quickfix.Analyzers)
	return slices.DeleteFunc(all, func(a *lint.Analyzer) bool { return a.Doc.NonDefault })
}

// lintAnalyzers are all analyzers of the lint stage, by the tool that they are of.
func lintAnalyzers() map[*analysis.Analyzer]string {
	tools := map[*analysis.Analyzer]string{}
	for _, a := range vetAnalyzers() {
		tools[a] = vetTool
	}
	for _, a := range staticcheckAnalyzers() {
		tools[a.Analyzer] = staticcheckTool
	}
	return tools
}

// factAnalyzers are those that make facts for the importers of a package. They
// are run first, so that importers need not wait for the rest.
func factAnalyzers() []*analysis.Analyzer {
	return []*analysis.Analyzer{
		ctrlflow.Analyzer, printf.Analyzer, deprecated.Analyzer, purity.Analyzer, nilness.Analysis, sa5012.Analyzer,
	}
}

// settled are results that do not depend on the package: staticcheck's
// configuration is its default, whatever files the repository has.
func settled() map[*analysis.Analyzer]any {
	config := scconfig.DefaultConfig
	return map[*analysis.Analyzer]any{scconfig.Analyzer: &config}
}

// sameDefect gives one name to defects that several tools know by rules of their own.
var sameDefect = map[string]string{
	"printf": "printf", "SA5009": "printf",
	"structtag": "struct-tag", "SA5008": "struct-tag",
	"unmarshal": "unmarshal-target", "SA1014": "unmarshal-target",
	"sigchanyzer": "signal-channel", "SA1017": "signal-channel",
	"testinggoroutine": "test-goroutine", "SA2002": "test-goroutine",
	"waitgroup": "waitgroup-add", "SA2000": "waitgroup-add",
	"ifaceassert": "impossible-assertion", "SA5010": "impossible-assertion",
	"httpresponse": "deferred-close", "SA5001": "deferred-close",
	"assign": "self-assignment", "SA4018": "self-assignment",
	"bools": "identical-operands", "SA4000": "identical-operands",
	"nilfunc": "function-is-never-nil", "SA4022": "function-is-never-nil",
	"unusedresult": "unused-result", "SA4017": "unused-result",
	"timeformat": "time-layout", "SA1002": "time-layout",
	"hostport": "host-port", "SA1020": "host-port",
	"G601": "loop-variable", "loopclosure": "loop-variable",
	"G201": "sql-injection", "G202": "sql-injection", "G701": "sql-injection",
	"G204": "command-injection", "G702": "command-injection",
	"G304": "path-traversal", "G703": "path-traversal",
	"G107": "ssrf", "G704": "ssrf",
	"G203": "xss", "G705": "xss",
}
