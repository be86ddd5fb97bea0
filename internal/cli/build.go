package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) buildCommand() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use:   "build [DIR]",
		Short: "Build the image alone, and say its digest",
		Long: `Build makes the service's image without checking anything, and writes it as an
OCI layout. The same source gives the same digest wherever it is built.`,
		Example: "  sluice build --out dist\n  sluice build --json",
		Args:    cobra.MaximumNArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return a.build(c.Context(), dirOf(args), out) },
	}
	c.Flags().StringVar(&out, "out", "", "write the image to this new `folder`, below image")
	return c
}

func (a *app) build(ctx context.Context, dir, out string) error {
	r, err := a.newRun(ctx, dir, selection{only: []string{buildJob}, out: out})
	if err != nil {
		return err
	}
	err = r.do(ctx)
	if digest := digestOf(r.results); digest != "" && !a.json {
		fmt.Fprintln(a.Stdout, digest)
	}
	return err
}
