package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/report"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/verdict"
)

// formats are the files of a run that a report is.
var formats = map[string]string{"sarif": "results.sarif", "junit": "junit.xml", "json": "run.json"}

func (a *app) reportCommand() *cobra.Command {
	var format string
	c := &cobra.Command{
		Use:     "report [DIR]",
		Short:   "Print the last run's report",
		Example: "  sluice report\n  sluice report --format sarif > results.sarif\n  sluice report --format openvex",
		Args:    cobra.MaximumNArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return a.report(dirOf(args), format) },
	}
	c.Flags().StringVar(&format, "format", "text", "text, sarif, junit, openvex or json")
	return c
}

func (a *app) report(dir, format string) error {
	rec, log, folder, err := lastRun(dir)
	if err != nil {
		return err
	}
	if a.json {
		format = "json"
	}
	if format == "text" {
		a.style.Rows(a.Stdout, rec.Results)
		a.style.Write(a.Stdout, report.Summary{Record: rec, Blocking: blockingIn(rec, log, folder), Rules: log.Rules, Folder: shorten(folder)})
		return nil
	}
	if format == "openvex" {
		return report.OpenVEX(a.Stdout, rec, imageDigest(folder), log.Findings)
	}
	file, ok := formats[format]
	if !ok {
		return usage(hint.With(fmt.Errorf("there is no format %q", format), "the formats are text, sarif, junit, openvex and json"))
	}
	f, err := os.Open(filepath.Join(folder, file))
	if err != nil {
		return hint.With(fmt.Errorf("the last run left no %s report: %w", format, err), "sluice run --only test")
	}
	defer f.Close()
	_, err = io.Copy(a.Stdout, f)
	return err
}

// imageDigest is the digest of the image that a run built; "" when it built none.
func imageDigest(folder string) string {
	v, err := readVerdict(filepath.Join(folder, verdict.Name))
	if err != nil {
		return ""
	}
	for _, s := range v.Stages {
		if s.Report.Stage == buildJob {
			return s.Report.Values["digest"]
		}
	}
	return ""
}

// blockingIn are the findings that shut a gate, by the run's verdict; without
// one, all of the stages whose gate is shut.
func blockingIn(rec pipeline.Record, log sarif.Log, folder string) []sarif.Finding {
	if v, err := readVerdict(filepath.Join(folder, verdict.Name)); err == nil {
		results, _ := v.Replay()
		return blockingOf(results)
	}
	shut := map[string]bool{}
	for _, r := range rec.Results {
		shut[r.Stage] = r.Outcome == pipeline.Failed
	}
	return slices.DeleteFunc(slices.Clone(log.Findings), func(f sarif.Finding) bool { return !shut[f.Stage] })
}
