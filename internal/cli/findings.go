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
		Use:     "explain ID|RULE",
		Short:   "Say what a finding or a rule of the last run means and what to do",
		Example: "  sluice explain 3f2a91bc\n  sluice explain G201",
		Args:    cobra.ExactArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return a.explain(args[0]) },
	}
}

func (a *app) explain(name string) error {
	_, log, _, err := lastRun(".")
	if err != nil {
		return err
	}
	matches := slices.DeleteFunc(slices.Clone(log.Findings), func(f sarif.Finding) bool {
		byID := len(name) >= 4 && strings.HasPrefix(f.Fingerprint(), strings.ToLower(name))
		return !byID && !strings.EqualFold(f.Rule, name) && !slices.Contains(f.Aliases, name)
	})
	if len(matches) == 0 {
		return usage(hint.With(fmt.Errorf("the last run has no finding and no rule %q", name), "sluice findings lists them"))
	}
	if a.json {
		return a.printJSON(map[string]any{"findings": matches})
	}
	for _, f := range matches {
		a.style.Finding(a.Stdout, f, log.Rules)
	}
	return nil
}
