// Package cli is the command line: one command a file, and the wiring of all
// other packages.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/report"
)

// Process is what a command gets of the process that it runs in.
type Process struct {
	Args   []string // without the program's name
	Stdin  *os.File
	Stdout io.Writer
	Stderr io.Writer
	Getenv func(string) string
}

// Exit statuses.
const (
	ExitPassed  = 0
	ExitFailed  = 1 // a gate failed, whatever else could not run
	ExitUsage   = 2 // the command or a file is wrong
	ExitMissing = 3 // something could not run
)

// exitError is an error that decides the exit status. A nil err has been told
// already.
type exitError struct {
	err  error
	code int
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit status %d", e.code)
	}
	return e.err.Error()
}
func (e *exitError) Unwrap() error { return e.err }

// usage marks an error as one of the command or a file.
func usage(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{err, ExitUsage}
}

// told is the exit status of a command that has said why.
func told(code int) error {
	if code == ExitPassed {
		return nil
	}
	return &exitError{nil, code}
}

// app is a command's surroundings.
type app struct {
	Process
	style report.Style // of Stdout
	json  bool         // --json was given
}

// Main runs a command line and returns the exit status.
func Main(p Process) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second Ctrl-C ends the program at once.
	context.AfterFunc(ctx, stop)
	a := &app{Process: p}
	a.style = report.Style{Colour: a.colour(p.Stdout)}
	root := a.root()
	root.SetArgs(p.Args)
	return a.exit(root.ExecuteContext(ctx))
}

// exit tells an error, with its remedy on a line of its own, and chooses the
// exit status.
func (a *app) exit(err error) int {
	if err == nil {
		return ExitPassed
	}
	code := ExitMissing
	var exit *exitError
	if errors.As(err, &exit) {
		if exit.err == nil {
			return exit.code
		}
		code = exit.code
	}
	var wrong config.Errors
	switch {
	case errors.As(err, &wrong):
		fmt.Fprintln(a.Stderr, wrong)
	default:
		fmt.Fprintln(a.Stderr, "sluice:", err)
	}
	if remedy := remedyFor(err); remedy != "" {
		fmt.Fprintln(a.Stderr, "remedy:", remedy)
	}
	return code
}

// remedyFor is the remedy of an error, also of those of the machine that may
// come from anywhere.
func remedyFor(err error) string {
	switch remedy := hint.Remedy(err); {
	case remedy != "":
		return remedy
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "free some disk space, or set SLUICE_CACHE to a folder on a larger disk"
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return "run in a folder that you may write to, and see that SLUICE_CACHE names one"
	}
	return ""
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "sluice",
		Short: "Take a web service from a commit to a running, verified deployment",
		Long: `Sluice takes a web service from a commit to a running, verified deployment,
through a gate at every stage: the same on a laptop as in CI.`,
		Example: `  sluice run                     check, build and deploy the service in this folder
  sluice run --until image-scan  the same, without deploying
  sluice run --only lint,test    two stages, and what they need
  sluice status                  what is deployed on this machine
  sluice findings                what the last run found`,
		SilenceErrors: true, SilenceUsage: true,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetOut(a.Stdout)
	root.SetErr(a.Stderr)
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print the result as JSON")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage(hint.With(err, c.CommandPath()+" --help lists the flags"))
	})
	for _, command := range []func() *cobra.Command{
		a.runCommand, a.planCommand, a.findingsCommand, a.explainCommand, a.exceptCommand, a.baselineCommand, a.reportCommand, a.replayCommand, a.diffCommand, a.buildCommand, a.releaseCommand,
		a.statusCommand, a.logsCommand, a.rollbackCommand, a.downCommand, a.dastCommand, a.toolsCommand, a.schemaCommand, a.versionCommand,
		a.stageCommand, a.superviseCommand, a.grantCommand,
	} {
		c := command()
		c.Args = wrongUsage(c.Args)
		root.AddCommand(c)
	}
	root.Args = wrongUsage(func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return hint.With(fmt.Errorf("unknown command %q", args[0]), "sluice --help lists the commands")
	})
	return root
}

// wrongUsage has mistakes in the arguments exit with the status for them.
func wrongUsage(check cobra.PositionalArgs) cobra.PositionalArgs {
	if check == nil {
		check = cobra.NoArgs
	}
	return func(c *cobra.Command, args []string) error { return usage(check(c, args)) }
}
