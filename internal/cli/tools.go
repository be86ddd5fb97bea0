package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/tool"
)

func (a *app) toolsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "tools",
		Short: "List, install and verify the programs of others that stages start",
		Long: `Most checks are part of this program. Those that are programs of others are pinned
by version and checksum in a lock that this program carries, and installed below
SLUICE_CACHE by sluice tools install; a run downloads none. Without that, tools of
Python are taken from PATH when their versions will do: they are not pinned then,
and a strict run does not count that they found nothing.`,
		Example: "  sluice tools list\n  sluice tools install trivy\n  sluice tools verify",
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	for _, sub := range []*cobra.Command{a.toolsListCommand(), a.toolsInstallCommand(), a.toolsVerifyCommand()} {
		sub.Args = wrongUsage(sub.Args)
		c.AddCommand(sub)
	}
	return c
}

func (a *app) toolsListCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "Show each tool, the version that the lock names and the one that would be used",
		Example: "  sluice tools list\n  sluice tools list --json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			all, err := a.toolStatus(c.Context(), nil, false)
			if err != nil {
				return err
			}
			return a.tellTools(all)
		},
	}
}

func (a *app) toolsVerifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify [TOOL…]",
		Short: "Hold every file of the installed tools to what was installed",
		Long: `Verify reads every file of the installed tools, or of those that are named, and
says which are not what was installed, and what the lock of tools does not name.

Exit status: 0 all is as it was installed; 1 something is not; 3 a tool that was
named is not installed.`,
		Example: "  sluice tools verify\n  sluice tools verify trivy",
		Args:    cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			all, err := a.toolStatus(c.Context(), args, true)
			if err == nil {
				err = a.tellTools(all)
			}
			if err != nil {
				return err
			}
			return told(verified(all, len(args) > 0))
		},
	}
}

// verified is the exit status of verifying.
func verified(all []tool.Status, named bool) int {
	code := ExitPassed
	for _, s := range all {
		switch {
		case s.State == tool.Broken:
			return ExitFailed
		case s.State != tool.Installed && named:
			code = ExitMissing
		}
	}
	return code
}

// toolStatus is how the named tools stand, or all.
func (a *app) toolStatus(ctx context.Context, names []string, verify bool) (all []tool.Status, err error) {
	cache, err := a.cacheDir()
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		if names, err = tool.Names(); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		s, err := a.tools(cache).Status(ctx, name, verify, a.stageEnv(pipeline.Access{}))
		if err != nil {
			return nil, usage(err)
		}
		all = append(all, s)
	}
	return all, nil
}

func (a *app) tellTools(all []tool.Status) error {
	if a.json {
		return a.printJSON(map[string]any{"tools": all})
	}
	fmt.Fprintf(a.Stdout, "%-8s %-7s %-9s %-10s %-9s %s\n", "tool", "kind", "pinned", "state", "version", "where")
	for _, s := range all {
		fmt.Fprintf(a.Stdout, "%-8s %-7s %-9s %-10s %-9s %s\n", s.Name, s.Kind, orDash(s.Pinned), s.State, orDash(s.Version), where(s))
		for _, line := range s.Differences {
			fmt.Fprintln(a.Stdout, "  "+line)
		}
		if s.Remedy != "" {
			fmt.Fprintln(a.Stdout, "  remedy: "+s.Remedy)
		}
	}
	return nil
}

func where(s tool.Status) string {
	parts := []string{s.Path, s.Source, s.Problem}
	if s.State == tool.InPath {
		parts[1] = "not pinned"
	}
	return strings.Join(strings.FieldsFunc(strings.Join(parts, "\n"), func(r rune) bool { return r == '\n' }), "; ")
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func (a *app) toolsInstallCommand() *cobra.Command {
	var i tool.Installer
	c := &cobra.Command{
		Use:   "install [TOOL…]",
		Short: "Install the tools that the lock names, or those of them that are named",
		Long: `Install puts tools below SLUICE_CACHE, each in a folder of its own, by the versions and
checksums of the lock that this program carries. A tool of Go is the program that its
project publishes, or where that cannot be had is built from its module, which
takes some minutes; a tool of Python is wheels in an environment of its own, and no
source distribution. It can be interrupted: a tool is there whole or not at all.`,
		Example: `  sluice tools install
  sluice tools install trivy --build
  sluice tools install flake8 bandit --index https://pypi.example.com/simple`,
		Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error { return a.installTools(c.Context(), i, args) },
	}
	c.Flags().StringVar(&i.Index, "index", tool.PyPI, "the index of Python packages, or a folder of wheels")
	c.Flags().BoolVar(&i.Build, "build", false, "build tools of Go from source, also where a program is published")
	return c
}

func (a *app) installTools(ctx context.Context, i tool.Installer, names []string) error {
	cache, err := a.cacheDir()
	if err != nil {
		return err
	}
	if !strings.Contains(i.Index, "://") {
		if i.Index, err = filepath.Abs(i.Index); err != nil {
			return usage(err)
		}
	}
	all, err := a.toolStatus(ctx, names, false)
	if err != nil {
		return err
	}
	i.Box, i.Env, i.HTTP = a.tools(cache), a.stageEnv(pipeline.Access{Network: pipeline.Outside}), http.DefaultClient
	i.Say = func(text string) { fmt.Fprintln(a.Stderr, text) }
	for n, s := range all {
		_, err := i.Install(ctx, s.Name)
		if len(names) == 0 && errors.Is(err, tool.ErrUnpinned) {
			continue // it was not asked for by name
		}
		if err != nil {
			return err
		}
		if all[n], err = i.Status(ctx, s.Name, false, nil); err != nil {
			return err
		}
	}
	return a.tellTools(all)
}
