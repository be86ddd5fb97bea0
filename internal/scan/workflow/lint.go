package workflow

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rhysd/actionlint"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// lint has actionlint look at the workflow. Its rules get no configuration, no
// folder to read other files from, and no program to start.
func (c *checker) lint() error {
	actions, flows := actionlint.NewLocalActionsCache(nil, nil), actionlint.NewLocalReusableWorkflowCache(nil, "", nil)
	all := []actionlint.Rule{
		actionlint.NewRuleMatrix(),
		actionlint.NewRuleCredentials(),
		actionlint.NewRuleShellName(),
		actionlint.NewRuleRunnerLabel(),
		actionlint.NewRuleEvents(),
		actionlint.NewRuleJobNeeds(),
		actionlint.NewRuleAction(actions),
		actionlint.NewRuleEnvVar(),
		actionlint.NewRuleID(),
		actionlint.NewRuleGlob(),
		actionlint.NewRulePermissions(),
		actionlint.NewRuleWorkflowCall("", flows),
		actionlint.NewRuleExpression(actions, flows),
		actionlint.NewRuleDeprecatedCommands(),
		actionlint.NewRuleIfCond(),
	}
	v := actionlint.NewVisitor()
	for _, r := range all {
		v.AddPass(r)
	}
	if err := v.Visit(c.flow); err != nil {
		return fmt.Errorf("actionlint broke off: %w", err)
	}
	errs := c.errs
	for _, r := range all {
		errs = append(errs, r.Errs()...)
	}
	for _, e := range errs {
		c.linted(e)
	}
	return nil
}

// linted makes a finding of what actionlint says, once.
func (c *checker) linted(e *actionlint.Error) {
	message, _, _ := strings.Cut(e.Message, ". see https://")
	message, _, _ = strings.Cut(message, ". available labels are ")
	message = bounded(message)
	f := sarif.Finding{
		Rule: e.Kind, Tool: linter, Stage: Stage, Severity: lintSeverity(e), Message: message, CWE: rules()[e.Kind].CWE,
		Location: sarif.Location{Path: c.path, Line: max(e.Line, 1), Column: e.Column},
		Identity: message,
	}
	// An alias shows the same twice, and what may be injected is a rule of our own,
	// which sees more.
	again := slices.ContainsFunc(c.findings, func(g sarif.Finding) bool {
		return g.Rule == f.Rule && g.Message == f.Message && g.Location == f.Location
	})
	if !again && !strings.Contains(message, "potentially untrusted") {
		c.findings = append(c.findings, f)
	}
}

// lintSeverity is low for what may be meant: a runner of somebody's own has any
// label. A password in the file is more than a mistake.
func lintSeverity(e *actionlint.Error) sarif.Severity {
	switch {
	case e.Kind == "credentials":
		return sarif.High
	case e.Kind == "runner-label" && strings.Contains(e.Message, "is unknown"), e.Kind == "matrix",
		e.Kind == "events" && strings.Contains(e.Message, "also required"), e.Kind == "if-cond" && strings.HasPrefix(e.Message, "constant expression"):
		return sarif.Low
	}
	return sarif.Medium
}
