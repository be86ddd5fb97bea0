package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/verdict"
)

func (a *app) diffCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "diff RUN RUN",
		Short: "Say why two runs differ: which inputs, findings and gates",
		Long: `Diff compares two runs, each named by its id, its folder or its verdict.json:
for each stage the outcomes, the inputs whose hashes differ, and the findings
that only one of them has, and what of the policy differs.`,
		Example: "  sluice diff 20270131T101500Z-3f2a91 20270131T104200Z-9c01d4\n  sluice diff handover/ .sluice/latest",
		Args:    cobra.ExactArgs(2),
		RunE:    func(_ *cobra.Command, args []string) error { return a.diff(args[0], args[1]) },
	}
}

func (a *app) diff(before, after string) error {
	var v [2]verdict.Verdict
	for i, name := range []string{before, after} {
		file, err := verdictFile([]string{name})
		if err != nil {
			return err
		}
		if v[i], err = readVerdict(file); err != nil {
			return usage(err)
		}
	}
	d := verdict.Diff(v[0], v[1])
	if a.json {
		return a.printJSON(d)
	}
	a.tellDiff(d)
	return nil
}

func (a *app) tellDiff(d verdict.Difference) {
	if len(d.Stages) == 0 && len(d.Policy) == 0 {
		fmt.Fprintln(a.Stdout, "the runs do not differ")
		return
	}
	for _, s := range d.Stages {
		fmt.Fprintf(a.Stdout, "%s: %s\n", s.Stage, change(s))
		for _, name := range s.Inputs {
			fmt.Fprintln(a.Stdout, "  input    "+name)
		}
		a.tellFindings("new", s.New)
		a.tellFindings("gone", s.Gone)
	}
	if len(d.Policy) > 0 {
		fmt.Fprintln(a.Stdout, "policy:", strings.Join(d.Policy, ", "))
	}
}

func (a *app) tellFindings(word string, findings []sarif.Finding) {
	for _, f := range findings {
		fmt.Fprintf(a.Stdout, "  %-8s %s  %s %s  %s\n", word, f.Location, f.Tool, f.Rule, firstLine(f.Message))
	}
}

// change is the outcomes of a stage, in words.
func change(s verdict.StageDiff) string {
	switch {
	case s.Before == "":
		return s.After.String() + ", only in the second"
	case s.After == "":
		return s.Before.String() + ", only in the first"
	case s.Before == s.After:
		return s.After.String() + ", as before"
	}
	return s.Before.String() + ", then " + s.After.String()
}
