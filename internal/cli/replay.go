package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/verdict"
)

func (a *app) replayCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "replay [RUN|FOLDER|FILE]",
		Short: "Judge a run's evidence again, offline, and compare",
		Long: `Replay judges the evidence in a run's verdict.json again, by the policy and at
the moment that are written there. It needs neither the source nor a network.
The exit status is that of the run; when the evidence comes to another outcome
than was written down, it is 1 and the difference is told.`,
		Example: `  sluice replay                          the last run
  sluice replay 20270131T101500Z-3f2a91  a run by its id
  sluice replay handover/                a folder that a run left with --out`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return a.replay(args) },
	}
}

func (a *app) replay(args []string) error {
	file, err := verdictFile(args)
	if err != nil {
		return err
	}
	v, err := readVerdict(file)
	if err != nil {
		return usage(err)
	}
	results, differences := v.Replay()
	if a.json {
		err = a.printJSON(map[string]any{"run": v.Run, "decided": v.Decided, "outcome": pipeline.Conclude(results), "results": results, "differences": append([]string{}, differences...)})
	} else {
		a.tellReplay(v, results)
	}
	if len(differences) > 0 {
		return hint.With(&exitError{errors.New("the evidence does not come to what was written down: " + strings.Join(differences, "; ")), ExitFailed}, "trust neither; run the pipeline again")
	}
	return errors.Join(err, told(statusOf(v.Outcome)))
}

func (a *app) tellReplay(v verdict.Verdict, results []pipeline.Result) {
	fmt.Fprintf(a.Stdout, "run %s of sluice %s, judged as at %s\n\n", v.Run, v.Sluice, v.Decided.Format(time.RFC3339))
	var rules []sarif.Rule
	for _, r := range results {
		rules = append(rules, r.Report.Rules...)
		fmt.Fprintf(a.Stdout, "  %-12s %-14s %s\n", r.Stage, r.Outcome, firstLine(r.Reason))
	}
	for _, f := range blockingOf(results) {
		a.style.Finding(a.Stdout, f, rules)
	}
	fmt.Fprintf(a.Stdout, "\nthe evidence comes to: %s\n", pipeline.Conclude(results))
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// blockingOf are the findings that shut a gate, merged.
func blockingOf(results []pipeline.Result) (blocking []sarif.Finding) {
	for _, r := range results {
		blocking = append(blocking, r.Blocking...)
	}
	return sarif.Merge(blocking)
}

// verdictFile finds the verdict that the argument names: a file, a folder that
// has one, or a run of this repository. Without one it is the last run's.
func verdictFile(args []string) (string, error) {
	if len(args) == 0 {
		_, _, folder, err := lastRun(".")
		return filepath.Join(folder, verdict.Name), err
	}
	switch info, err := os.Stat(args[0]); {
	case err == nil && info.IsDir():
		return filepath.Join(args[0], verdict.Name), nil
	case err == nil:
		return args[0], nil
	case !errors.Is(err, fs.ErrNotExist) || !filepath.IsLocal(args[0]) || strings.ContainsAny(args[0], `/\\`):
		return "", usage(err)
	}
	root, err := rootOf(".")
	if err != nil {
		return "", err
	}
	file := filepath.Join(root, pipeline.StateDir, "runs", args[0], verdict.Name)
	if _, err := os.Stat(file); err != nil {
		return "", usage(hint.With(fmt.Errorf("there is no run %q here with a verdict", args[0]), "ls .sluice/runs lists the runs that are kept"))
	}
	return file, nil
}

func readVerdict(file string) (v verdict.Verdict, err error) {
	f, err := os.Open(file)
	if err != nil {
		return v, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return verdict.Read(f)
}
