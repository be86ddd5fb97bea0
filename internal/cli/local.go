package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/internal/cloudrunlocal"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/report"
)

// services lists what is deployed on this machine, all of it or one by name.
func (a *app) services(ctx context.Context, name string) ([]cloudrunlocal.Service, error) {
	root, err := cloudrunlocal.Root(a.Getenv)
	if err != nil {
		return nil, err
	}
	all, err := cloudrunlocal.List(ctx, root)
	if err != nil || name == "" {
		return all, err
	}
	var named []cloudrunlocal.Service
	for _, s := range all {
		if s.Name == name {
			named = append(named, s)
		}
	}
	if len(named) == 0 {
		return nil, usage(hint.With(fmt.Errorf("no service %q is deployed on this machine", name), "sluice status lists those that are"))
	}
	return named, nil
}

// service is the one service that a command is about: the named one, or the
// only one there is.
func (a *app) service(ctx context.Context, args []string) (s cloudrunlocal.Service, err error) {
	name := ""
	if len(args) > 0 {
		name = args[0]
	}
	found, err := a.services(ctx, name)
	switch {
	case err != nil:
		return s, err
	case len(found) == 0:
		return s, usage(hint.With(errors.New("nothing is deployed on this machine"), "sluice run"))
	case len(found) > 1 && name == "":
		return s, usage(hint.With(fmt.Errorf("%d services are deployed on this machine", len(found)), "name one of them; sluice status lists them"))
	case len(found) > 1:
		return inThisFolder(found)
	}
	return found[0], nil
}

// inThisFolder picks, of services with one name, the one that was deployed from
// here.
func inThisFolder(found []cloudrunlocal.Service) (s cloudrunlocal.Service, err error) {
	wd, err := os.Getwd()
	if err != nil {
		return s, err
	}
	for _, f := range found {
		if strings.HasPrefix(f.Directory+string(filepath.Separator), wd+string(filepath.Separator)) || strings.HasPrefix(wd+string(filepath.Separator), f.Directory+string(filepath.Separator)) {
			return f, nil
		}
	}
	return s, usage(hint.With(fmt.Errorf("%d services are named %s", len(found), found[0].Name), "run the command in the folder of the one that is meant"))
}

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "status [SERVICE]",
		Short: "Show the services on this machine",
		Long: `Status shows the services that are deployed on this machine. The exit status is
1 when one of them is not healthy.`,
		Example: "  sluice status\n  sluice status --json",
		Args:    cobra.MaximumNArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return a.status(c.Context(), args) },
	}
}

func (a *app) status(ctx context.Context, args []string) error {
	found, err := a.services(ctx, strings.Join(args, ""))
	if err != nil {
		return err
	}
	code := ExitPassed
	for _, s := range found {
		if !s.Healthy {
			code = ExitFailed
		}
	}
	if a.json {
		if found == nil {
			found = []cloudrunlocal.Service{}
		}
		return errors.Join(a.printJSON(map[string]any{"services": found}), told(code))
	}
	if len(found) == 0 {
		fmt.Fprintln(a.Stdout, "nothing is deployed on this machine")
	}
	for _, s := range found {
		state := "healthy"
		if !s.Healthy {
			state = "not healthy: " + s.Reason
		}
		fmt.Fprintf(a.Stdout, "%s  %s  %s\n  revision %s, image %s\n  from %s, since %s\n", s.Name, s.URL, state, s.Revision, s.Image, s.Directory, s.Since.Local().Format("2006-01-02 15:04:05"))
	}
	return told(code)
}

func (a *app) logsCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "logs [SERVICE]",
		Short:   "Print what a service on this machine has logged",
		Example: "  sluice logs todo",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := a.service(c.Context(), args)
			if err != nil {
				return err
			}
			f, err := os.Open(s.Log)
			if err != nil {
				return fmt.Errorf("reading the log of %s: %w", s.Name, err)
			}
			defer f.Close()
			if a.terminal(a.Stdout) {
				return report.CopyPlain(a.Stdout, f)
			}
			_, err = io.Copy(a.Stdout, f)
			return err
		},
	}
}

func (a *app) rollbackCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "rollback [SERVICE]",
		Short:   "Give the traffic back to the revision before",
		Example: "  sluice rollback todo",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := a.service(c.Context(), args)
			if err != nil {
				return err
			}
			rev, err := cloudrunlocal.Client{State: s.State}.Rollback(c.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(rev)
			}
			_, err = fmt.Fprintf(a.Stdout, "%s has the traffic of %s again, at %s\n", rev.Name, s.Name, rev.ServiceURL)
			return err
		},
	}
}

func (a *app) downCommand() *cobra.Command {
	var data bool
	c := &cobra.Command{
		Use:     "down [SERVICE]",
		Short:   "End the services on this machine, or one of them",
		Example: "  sluice down\n  sluice down todo --data",
		Args:    cobra.MaximumNArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return a.down(c.Context(), args, data) },
	}
	c.Flags().BoolVar(&data, "data", false, "remove what the service has stored, too")
	return c
}

func (a *app) down(ctx context.Context, args []string, data bool) error {
	found, err := a.services(ctx, strings.Join(args, ""))
	if err != nil {
		return err
	}
	names := []string{}
	for _, s := range found {
		if err := cloudrunlocal.Down(ctx, s.State, cloudrunlocal.DownOptions{Data: data}); err != nil {
			return err
		}
		names = append(names, s.Name)
		if !a.json {
			fmt.Fprintf(a.Stdout, "%s is down\n", s.Name)
		}
	}
	if a.json {
		return a.printJSON(map[string]any{"down": names})
	}
	if len(names) == 0 {
		fmt.Fprintln(a.Stdout, "nothing is deployed on this machine")
	}
	return nil
}

func (a *app) superviseCommand() *cobra.Command {
	return &cobra.Command{
		Use:                "supervise",
		Short:              "Own a service's port; for sluice itself",
		Hidden:             true,
		DisableFlagParsing: true,
		Args:               cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			return told(cloudrunlocal.Main(context.WithoutCancel(c.Context()), args))
		},
	}
}
