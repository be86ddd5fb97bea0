package gocode

import (
	"go/ast"
	"go/token"
	"path/filepath"
	"slices"
	"strings"

	"honnef.co/go/tools/analysis/lint"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// The comments by which code switches findings off.
const (
	byNosec      = "#nosec"
	byNolint     = "nolint"
	byLintIgnore = "lint:ignore"
)

// directives are the comments of one package that switch findings off.
type directives struct {
	nolint  map[string][]nolintRange // by file
	ignores []*lintIgnore
	vague   []vagueComment
}

func newDirectives(fset *token.FileSet, files []*ast.File) *directives {
	d := &directives{nolint: map[string][]nolintRange{}}
	for _, f := range files {
		if ranges := nolintRanges(fset, f); len(ranges) > 0 {
			d.nolint[fset.File(f.FileStart).Name()] = ranges
		}
		d.vague = append(d.vague, vagueComments(f)...)
	}
	d.addLintIgnores(fset, files)
	return d
}

// suppressed says which kind of comment, if any, switches a finding off, and the
// reason that it gives.
func (d *directives) suppressed(f sarif.Finding) (by, reason string) {
	if f.Tool == staticcheckTool {
		for _, i := range d.ignores {
			if i.covers(f) {
				i.used = true
				by, reason = byLintIgnore, i.reason
			}
		}
	}
	for _, r := range d.nolint[f.Location.Path] {
		if by == "" && r.covers(f) {
			by, reason = byNolint, r.reason
		}
	}
	return by, reason
}

// nolintRange is where a "//nolint" comment holds, as golangci-lint reads it:
// on its lines, and in the node that starts below it in the same column.
type nolintRange struct {
	from, to, column int
	linters          []string // none is all
	reason           string
}

// nolintTools are golangci-lint's names for the tools.
var nolintTools = map[string][]string{
	vetTool:         {"govet", "vet", "vetshadow"},
	staticcheckTool: {"staticcheck", "gosimple", "stylecheck", "megacheck"},
	gosecTool:       {"gosec", "gas"},
	gofmtTool:       {"gofmt"},
}

func (r nolintRange) covers(f sarif.Finding) bool {
	if f.Location.Line < r.from || f.Location.Line > r.to || f.Tool == compilerTool {
		return false
	}
	if len(r.linters) == 0 {
		return true
	}
	return slices.ContainsFunc(nolintTools[f.Tool], func(name string) bool { return slices.Contains(r.linters, name) })
}

func nolintRanges(fset *token.FileSet, f *ast.File) []nolintRange {
	var inline []nolintRange
	for _, group := range f.Comments {
		for _, c := range group.List {
			n, ok := parseNolint(c)
			if !ok {
				continue
			}
			start := fset.PositionFor(group.Pos(), false)
			inline = append(inline, nolintRange{
				from: start.Line, to: fset.PositionFor(group.End(), false).Line, column: start.Column, linters: n.names, reason: n.reason,
			})
		}
	}
	if len(inline) == 0 {
		return nil
	}
	return append(inline, expand(fset, f, inline)...)
}

// nolint is what a "//nolint" comment says.
type nolint struct {
	names  []string // of linters; none is all
	reason string
}

func parseNolint(c *ast.Comment) (nolint, bool) {
	text := strings.TrimLeft(c.Text, "/ ")
	rest, ok := strings.CutPrefix(text, "nolint")
	if !ok || (rest != "" && rest[0] != ' ' && rest[0] != ':') {
		return nolint{}, false
	}
	_, reason, _ := strings.Cut(rest, "//")
	return nolint{names: nolintNames(text), reason: strings.TrimSpace(reason)}, true
}

// nolintNames are the linters that a comment names; none means all.
func nolintNames(text string) []string {
	rest, ok := strings.CutPrefix(text, "nolint:")
	if !ok || strings.HasPrefix(rest, "all") {
		return nil
	}
	rest, _, _ = strings.Cut(rest, "//")
	var names []string
	for name := range strings.SplitSeq(rest, ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		if name == "all" {
			return nil
		}
		names = append(names, name)
	}
	return names
}

// expand lets comments that stand above a node hold for the whole of it.
func expand(fset *token.FileSet, f *ast.File, inline []nolintRange) []nolintRange {
	above := map[[2]int]nolintRange{} // by the line and column of the node below
	for _, r := range inline {
		above[[2]int{r.to + 1, r.column}] = r
	}
	var expanded []nolintRange
	ast.Inspect(f, func(n ast.Node) bool {
		if n == nil {
			return true
		}
		start := fset.PositionFor(n.Pos(), false)
		if r, ok := above[[2]int{start.Line, start.Column}]; ok {
			r.to = max(r.to, fset.PositionFor(n.End(), false).Line)
			expanded = append(expanded, r)
		}
		return true
	})
	return expanded
}

// lintIgnore is a "//lint:ignore" or "//lint:file-ignore" comment of staticcheck.
type lintIgnore struct {
	file    string
	line    int // 0 for the whole file
	rules   []string
	reason  string
	at      token.Position
	used    bool
	foreign bool // names only rules that are not run here
}

func (i *lintIgnore) covers(f sarif.Finding) bool {
	if f.Location.Path != i.file || (i.line != 0 && i.line != f.Location.Line) {
		return false
	}
	return slices.ContainsFunc(i.rules, func(pattern string) bool {
		ok, err := filepath.Match(pattern, strings.ToLower(f.Rule))
		return err == nil && ok
	})
}

func (d *directives) addLintIgnores(fset *token.FileSet, files []*ast.File) {
	known := map[string]bool{}
	for _, a := range staticcheckAnalyzers() {
		known[strings.ToLower(a.Analyzer.Name)] = true
	}
	for _, parsed := range lint.ParseDirectives(withDirectives(files), fset) {
		if parsed.Command != "ignore" && parsed.Command != "file-ignore" {
			continue
		}
		at := fset.PositionFor(parsed.Directive.Pos(), false)
		if len(parsed.Arguments) < 2 {
			continue // without a reason it has no effect
		}
		i := &lintIgnore{
			file: at.Filename, at: at, rules: strings.Split(strings.ToLower(parsed.Arguments[0]), ","), reason: strings.Join(parsed.Arguments[1:], " "),
		}
		if parsed.Command == "ignore" {
			i.line = fset.PositionFor(parsed.Node.Pos(), false).Line
		}
		i.foreign = !slices.ContainsFunc(i.rules, func(r string) bool { return known[r] })
		d.ignores = append(d.ignores, i)
	}
}

// withDirectives are the files that have such comments at all.
func withDirectives(files []*ast.File) []*ast.File {
	return slices.DeleteFunc(slices.Clone(files), func(f *ast.File) bool {
		for _, g := range f.Comments {
			for _, c := range g.List {
				if strings.HasPrefix(c.Text, "//lint:") {
					return false
				}
			}
		}
		return true
	})
}

// unused are findings for the comments that switched nothing off.
func (d *directives) unused() []sarif.Finding {
	var findings []sarif.Finding
	for _, i := range d.ignores {
		if !i.used && !i.foreign && i.line != 0 {
			findings = append(findings, directiveFinding(i.at, "this linter directive matches no finding"))
		}
	}
	return findings
}

func directiveFinding(at token.Position, message string) sarif.Finding {
	return sarif.Finding{
		Rule: "staticcheck", Tool: staticcheckTool, Stage: lintStage, Message: message, Severity: sarif.Low,
		Location: sarif.Location{Path: at.Filename, Line: at.Line, Column: at.Column},
	}
}
