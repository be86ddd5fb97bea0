package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/internal/atomicfile"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/policy"
	"github.com/sluice-ci/sluice/internal/verdict"
)

func (a *app) baselineCommand() *cobra.Command {
	var owner, expires string
	c := &cobra.Command{
		Use:   "baseline",
		Short: "Let be, until a day, what the last run found: for a project that begins",
		Long: `Baseline writes what the last run found in lint, sast, deps, licenses and
workflow into ` + config.BaselineName + `, to be checked in. Until its last day those findings do not
shut a gate, wherever they move to; new ones do. It has an owner, and lasts for
a year at most. Tests, secrets and the image have no baseline.`,
		Example: `  sluice run --until image-scan
  sluice baseline --owner platform-team --expires 2027-01-31`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.baseline(owner, expires) },
	}
	c.Flags().StringVar(&owner, "owner", "", "who answers for it")
	c.Flags().StringVar(&expires, "expires", "", "the last day on which it counts, as 2027-01-31")
	return c
}

func (a *app) baseline(owner, expires string) error {
	if owner == "" || expires == "" {
		return usage(hint.With(errors.New("a baseline has an owner and a last day: --owner or --expires is missing"), "sluice baseline --help has an example"))
	}
	root, err := rootOf(".")
	if err != nil {
		return err
	}
	file, err := verdictFile(nil)
	if err != nil {
		return err
	}
	v, err := readVerdict(file)
	if err != nil {
		return usage(err)
	}
	b := config.Baseline{Owner: owner, Expires: expires, Commit: v.Commit, Stages: known(v)}
	text, err := b.Text()
	if err != nil {
		return err
	}
	if _, err := config.ParseBaseline(text, time.Now()); err != nil {
		return usage(err)
	}
	file = filepath.Join(root, config.BaselineName)
	if err := atomicfile.Write(file, text, 0o644); err != nil {
		return err
	}
	return a.tellBaseline(file, b, v)
}

// known are the findings of the stages that have a baseline and were run.
func known(v verdict.Verdict) map[string][]policy.Known {
	stages := map[string][]policy.Known{}
	for _, s := range v.Stages {
		if policy.Comparable(s.Report.Stage) && (s.Outcome == pipeline.Passed || s.Outcome == pipeline.Failed) {
			stages[s.Report.Stage] = policy.Know(s.Report.Findings)
		}
	}
	return stages
}

func (a *app) tellBaseline(file string, b config.Baseline, v verdict.Verdict) error {
	if a.json {
		return a.printJSON(map[string]any{"file": file, "expires": b.Expires, "stages": b.Stages})
	}
	total := 0
	for _, s := range v.Stages {
		list, ok := b.Stages[s.Report.Stage]
		total += len(list)
		if policy.Comparable(s.Report.Stage) && !ok {
			fmt.Fprintf(a.Stdout, "%s was %s, and is not in it\n", s.Report.Stage, s.Outcome)
		}
	}
	_, err := fmt.Fprintf(a.Stdout, "%s: %d findings are let be until %s; check it in\n", shorten(file), total, b.Expires)
	return err
}
