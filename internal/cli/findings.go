package cli

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
)

var errNoRun = hint.With(errors.New("there has been no run here yet"), "sluice run")

// lastRun reads what the newest finished run in a folder left.
func lastRun(dir string) (rec pipeline.Record, log sarif.Log, folder string, err error) {
	root, err := rootOf(dir)
	if err != nil {
		return rec, log, "", err
	}
	if rec, folder, err = pipeline.Latest(root); err != nil {
		return rec, log, "", noRun(err)
	}
	f, err := os.Open(filepath.Join(folder, "results.sarif"))
	if err != nil {
		return rec, log, "", noRun(err)
	}
	defer f.Close()
	log, err = sarif.Read(f)
	return rec, log, folder, err
}

func (a *app) findingsCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "findings [DIR]",
		Short:   "Show what the last run found, the worst first",
		Example: "  sluice findings\n  sluice findings --json",
		Args:    cobra.MaximumNArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return a.findings(dirOf(args)) },
	}
}

func (a *app) findings(dir string) error {
	_, log, _, err := lastRun(dir)
	if err != nil {
		return err
	}
	slices.SortStableFunc(log.Findings, func(x, y sarif.Finding) int { return cmp.Compare(y.Severity, x.Severity) })
	if a.json {
		if log.Findings == nil {
			log.Findings = []sarif.Finding{}
		}
		return a.printJSON(map[string]any{"findings": log.Findings, "notRun": append([]string{}, log.NotRun...)})
	}
	for _, f := range log.Findings {
		a.style.Finding(a.Stdout, f, log.Rules)
	}
	if len(log.Findings) == 0 {
		fmt.Fprintln(a.Stdout, "the last run found nothing")
	}
	for _, why := range log.NotRun {
		fmt.Fprintln(a.Stdout, "not run:", why)
	}
	return nil
}

func (a *app) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain [ID|RULE]",
		Short: "Say what a finding of the last run or a rule means and what to do",
		Long: `Explain says what a finding of the last run means, or a rule, and what to do about
it. Without an argument it lists the rules by stage and tool.`,
		Example: "  sluice explain 3f2a91bc\n  sluice explain G201\n  sluice explain",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.listRules()
			}
			return a.explain(args[0])
		},
	}
}

func (a *app) explain(name string) error {
	_, log, _, err := lastRun(".")
	if rule, ok := ruleNamed(name); err != nil && ok {
		return a.explainRule(rule)
	}
	if err != nil {
		return err
	}
	matches := slices.DeleteFunc(slices.Clone(log.Findings), func(f sarif.Finding) bool {
		byID := len(name) >= 4 && strings.HasPrefix(f.Fingerprint(), strings.ToLower(name))
		return !byID && !strings.EqualFold(f.Rule, name) && !slices.Contains(f.Aliases, name)
	})
	if rule, ok := ruleNamed(name); len(matches) == 0 && ok {
		return a.explainRule(rule)
	}
	if len(matches) == 0 {
		return usage(hint.With(fmt.Errorf("the last run has no finding %q, and there is no such rule", name), "sluice findings lists what was found, sluice explain the rules"))
	}
	if a.json {
		return a.printJSON(map[string]any{"findings": matches})
	}
	for _, f := range matches {
		a.style.Finding(a.Stdout, f, log.Rules)
	}
	return nil
}
