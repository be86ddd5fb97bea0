package cli

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/internal/dast"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/policy"
	"github.com/sluice-ci/sluice/internal/sarif"
)

func (a *app) dastCommand() *cobra.Command {
	fail := "medium"
	c := &cobra.Command{
		Use:   "dast URL",
		Short: "Check a running service by requests: headers, cookies, forms",
		Long: `Dast checks a running service by requests: that it answers, its security
headers, and that its forms refuse what comes without the right token. It
submits forms, which may leave entries that say "sluice dast check".`,
		Example: "  sluice dast http://127.0.0.1:8000\n  sluice dast https://staging.example.com --fail high --json",
		Args:    cobra.ExactArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return a.dast(c.Context(), args[0], fail) },
	}
	c.Flags().StringVar(&fail, "fail", fail, "the least `severity` for which the exit status is 1")
	return c
}

func (a *app) dast(ctx context.Context, address, fail string) error {
	base, err := url.Parse(address)
	if err != nil || base.Host == "" {
		return usage(hint.With(fmt.Errorf("%q is no URL of a service", address), "give one like http://127.0.0.1:8000"))
	}
	severity, err := sarif.ParseSeverity(fail)
	if err != nil {
		return usage(fmt.Errorf("--fail: %w", err))
	}
	report, err := dast.Check(ctx, base, dast.Options{Version: version()})
	if err != nil {
		return err
	}
	blocking := policy.Gate{Fail: severity}.Decide(policy.Evidence{Findings: report.Findings}, time.Now(), true).Blocking
	if a.json {
		err = a.printJSON(report)
	} else {
		a.tellDast(report)
	}
	switch {
	case err != nil:
		return err
	case len(blocking) > 0:
		return told(ExitFailed)
	case report.NotRun != "":
		return told(ExitMissing)
	}
	return nil
}

func (a *app) tellDast(r pipeline.Report) {
	for _, f := range r.Findings {
		a.style.Finding(a.Stdout, f, r.Rules)
	}
	if r.NotRun != "" {
		fmt.Fprintln(a.Stdout, "not run:", r.NotRun)
	}
	for _, n := range r.Notes {
		fmt.Fprintln(a.Stdout, "to know:", n)
	}
	for i, c := range r.Examined {
		sep := ", "
		if i == len(r.Examined)-1 {
			sep = "\n"
		}
		fmt.Fprintf(a.Stdout, "%d %s%s", c.N, c.What, sep)
	}
}
