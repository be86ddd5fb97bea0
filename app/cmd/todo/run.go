package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// Exit statuses.
const (
	exitOK     = 0
	exitFailed = 1 // the service, or its health check, failed
	exitUsage  = 2 // an argument or a setting is wrong
)

// run is the command, with all that it touches as parameters. It ends when the
// context does.
func run(ctx context.Context, args []string, env func(string) string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("todo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { usage(stderr) }
	show := flags.Bool("version", false, "print the version and exit")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return exitOK
		}
		return exitUsage
	}
	if *show {
		say(stdout, "todo "+version()+" "+runtime.Version())
		return exitOK
	}
	c, err := readConfig(env)
	if err != nil {
		say(stderr, "todo: "+err.Error())
		return exitUsage
	}
	return command(ctx, flags.Args(), env, c, stdout, stderr)
}

// garbage is how much the heap may grow before it is collected, in percent of
// what is alive. That is so little here that collecting at every doubling, Go's
// default, takes a third of the requests.
const garbage = 150

// command does what the arguments after the flags ask for.
func command(ctx context.Context, args []string, env func(string) string, c config, stdout, stderr io.Writer) int {
	switch {
	case len(args) == 0:
		if env("GOGC") == "" {
			debug.SetGCPercent(garbage)
		}
		return serve(ctx, c, newLogger(stdout, c.level, c.project))
	case len(args) == 1 && args[0] == "healthcheck":
		return status(healthcheck(ctx, c), stderr)
	case len(args) == 1 && args[0] == "migrate":
		return status(migrate(ctx, c), stderr)
	}
	say(stderr, fmt.Sprintf("todo: unknown arguments %q; todo -help lists what there is", args))
	return exitUsage
}

// status is the exit status for an error, which it says.
func status(err error, stderr io.Writer) int {
	if err != nil {
		say(stderr, "todo: "+err.Error())
		return exitFailed
	}
	return exitOK
}

func usage(w io.Writer) {
	say(w, `todo serves to-do lists over HTTP.

  todo              serve until SIGTERM
  todo migrate      bring the database's tables up to date, and end
  todo healthcheck  ask the service on this machine whether it can serve
  todo -version     print the version

Environment:`)
	for _, v := range variables {
		say(w, fmt.Sprintf("  %-32s %s", v.name, v.use))
	}
}

// version names the build, where the build knows it.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return info.Main.Version
	}
	return "(unknown)"
}

// say writes a line for a person. There is nobody to tell when it cannot be written.
func say(w io.Writer, line string) { _, _ = fmt.Fprintln(w, line) }
