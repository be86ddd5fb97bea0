package gocode

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// unexplainedRule is that a comment which switches findings off says which and
// why. No comment and no setting switches it off in turn.
const unexplainedRule = "suppression-unexplained"

// vagueComment is a comment that switches findings off and does not say which,
// or does not say why.
type vagueComment struct {
	pos    token.Pos
	kind   string
	lacks  string
	stages []string
}

// unexplained makes findings of such comments. Where code was generated, nothing
// is told of lint that they could hide.
func (c *collector) unexplained() {
	for _, v := range c.directives.vague {
		at := c.place(v.pos)
		for _, stage := range v.stages {
			if c.generated[at.Filename] && stage == lintStage {
				continue
			}
			c.result.Findings = append(c.result.Findings, sarif.Finding{
				Rule: unexplainedRule, Tool: sluiceTool, Stage: stage, Severity: sarif.Medium, Class: unexplainedRule,
				Message:  "this " + v.kind + " comment " + v.lacks,
				Location: sarif.Location{Path: at.Filename, Line: at.Line, Column: at.Column},
			})
		}
	}
}

// vagueComments finds them in a file.
func vagueComments(f *ast.File) (all []vagueComment) {
	add := func(pos token.Pos, kind string, named bool, reason string, stages ...string) {
		if l := lacks(named, reason); l != "" && len(stages) > 0 {
			all = append(all, vagueComment{pos: pos, kind: kind, lacks: l, stages: stages})
		}
	}
	for _, group := range f.Comments {
		if n, ok := parseNosec(group); ok {
			add(n.pos, byNosec, n.named, n.reason, sastStage)
		}
		for _, c := range group.List {
			if n, ok := parseNolint(c); ok {
				add(c.Pos(), byNolint, n.names != nil, n.reason, n.stages()...)
			}
			if rules, reason, ok := parseLintIgnore(c); ok {
				add(c.Pos(), byLintIgnore, rules != "" && !strings.ContainsAny(rules, "*?["), reason, lintStage)
			}
		}
	}
	return all
}

// lacks says what a comment does not say; "" when nothing is missing.
func lacks(named bool, reason string) string {
	switch {
	case !named && reason == "":
		return "names no rule and gives no reason"
	case !named:
		return "names no rule"
	case reason == "":
		return "gives no reason"
	}
	return ""
}

// stages are those whose findings the comment can switch off: none when it is
// for linters that are not run here.
func (n nolint) stages() (stages []string) {
	names := func(tools ...string) bool {
		return len(n.names) == 0 || slices.ContainsFunc(tools, func(tool string) bool {
			return slices.ContainsFunc(nolintTools[tool], func(name string) bool { return slices.Contains(n.names, name) })
		})
	}
	if names(vetTool, staticcheckTool) {
		stages = append(stages, lintStage)
	}
	if names(gosecTool) {
		stages = append(stages, sastStage)
	}
	return stages
}

// parseLintIgnore reads what staticcheck's directives say.
func parseLintIgnore(c *ast.Comment) (rules, reason string, ok bool) {
	text, ok := strings.CutPrefix(c.Text, "//lint:")
	words := strings.Fields(text)
	if !ok || len(words) == 0 || (words[0] != "ignore" && words[0] != "file-ignore") {
		return "", "", false
	}
	if len(words) > 1 {
		rules, reason = words[1], strings.Join(words[2:], " ")
	}
	return rules, reason, true
}

// nosec is what a comment says by which gosec switches findings off.
type nosec struct {
	pos    token.Pos
	named  bool
	reason string
}

// parseNosec reads such a comment as gosec does: it starts a line of its group,
// and all that follows in the group belongs to it.
func parseNosec(group *ast.CommentGroup) (nosec, bool) {
	for i, c := range group.List {
		_, ok := nosecArgs((&ast.CommentGroup{List: group.List[i : i+1]}).Text())
		args, _ := nosecArgs((&ast.CommentGroup{List: group.List[i:]}).Text())
		if after, directive := strings.CutPrefix(c.Text, "//gosec:disable"); directive && (after == "" || after[0] == ' ') {
			args, ok = after, true
		}
		if ok {
			rules, reason, _ := strings.Cut(args, "--")
			return nosec{pos: c.Pos(), named: gosecRule().MatchString(rules), reason: strings.TrimSpace(strings.TrimLeft(reason, "-"))}, true
		}
	}
	return nosec{}, false
}

// nosecArgs are what follows the tag in the first line that starts with it, and
// below it.
func nosecArgs(text string) (string, bool) {
	for text != "" {
		text = strings.TrimLeft(text, " \t")
		if args, ok := strings.CutPrefix(text, byNosec); ok {
			return args, true
		}
		_, text, _ = strings.Cut(text, "\n")
	}
	return "", false
}

func gosecRule() *regexp.Regexp { return regexp.MustCompile(`G\d{3}`) }
