package cloudrunlocal

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"

	"github.com/sluice-ci/sluice/internal/hint"
)

// readyFile is the number of the file that a supervisor tells on how its start went.
const readyFile = 3

// instanceArg is the argument by which a supervisor starts this program for a
// service's process to begin as.
const instanceArg = "instance"

// options are what a supervisor is started with.
type options struct {
	dir             string
	name, directory string
	port            int
	limits          Limits
	ready           bool
}

// args writes the options as parse reads them.
func (o options) args() []string {
	return []string{
		"--state", o.dir, "--name", o.name, "--directory", o.directory, "--port", fmt.Sprint(o.port), fmt.Sprintf("--ready=%t", o.ready),
		"--start-limit", o.limits.Start.String(), "--stop-limit", o.limits.Stop.String(), "--drain-limit", o.limits.Drain.String(),
		"--linger", o.limits.Linger.String(), "--backoff", o.limits.Backoff.String(),
	}
}

func parse(args []string, usage io.Writer) (options, error) {
	o, d := options{}, DefaultLimits()
	set := flag.NewFlagSet("supervise", flag.ContinueOnError)
	set.SetOutput(usage)
	set.StringVar(&o.dir, "state", "", "the folder of the service's state")
	set.StringVar(&o.name, "name", "", "the service's name")
	set.StringVar(&o.directory, "directory", "", "the service's folder")
	set.IntVar(&o.port, "port", 0, "the service's port; 0 is the one that it had, or any free one")
	set.BoolVar(&o.ready, "ready", false, "tell on file 3 how the start went")
	set.DurationVar(&o.limits.Start, "start-limit", d.Start, "how long a process may take to answer")
	set.DurationVar(&o.limits.Stop, "stop-limit", d.Stop, "how long a process may take to end")
	set.DurationVar(&o.limits.Drain, "drain-limit", d.Drain, "how long open requests may take")
	set.DurationVar(&o.limits.Linger, "linger", d.Linger, "how long a revision is kept without traffic")
	set.DurationVar(&o.limits.Backoff, "backoff", d.Backoff, "how long before a process that died is restarted")
	if err := set.Parse(args); err != nil {
		return o, err
	}
	if !filepath.IsAbs(o.dir) || set.NArg() > 0 {
		err := errors.New("supervise needs --state with an absolute path, and no argument")
		fmt.Fprintln(usage, err)
		return o, err
	}
	return o, nil
}

// Main is the hidden command that a supervisor is: it keeps one service
// running until it is told to end, and returns the exit status.
func Main(ctx context.Context, args []string) int {
	if slices.Equal(args, []string{instanceArg}) {
		return instanceMain()
	}
	o, err := parse(args, os.Stderr)
	if err != nil {
		return 2
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	tell := func(error) {}
	if o.ready {
		syscall.CloseOnExec(readyFile) // the services must not keep it open
		tell = tellOn(os.NewFile(readyFile, "ready"))
	}
	if err := supervise(ctx, o, tell); err != nil {
		tell(err)
		fmt.Fprintln(os.Stderr, "supervise:", err)
		return 1
	}
	return 0
}

// tellOn tells once, on a pipe, how the start went.
func tellOn(f *os.File) func(error) {
	told := false
	return func(err error) {
		if told {
			return
		}
		told = true
		var fail failure
		if err != nil {
			fail = newFailure(err)
		}
		_ = json.NewEncoder(f).Encode(fail) // whoever waited may be gone
		_ = f.Close()
	}
}

func supervise(ctx context.Context, o options, tell func(error)) error {
	dir := state(o.dir)
	if err := dir.make(); err != nil {
		return err
	}
	unlock, ok, err := tryLock(dir.supervisorLock())
	if err != nil {
		return err
	}
	if !ok {
		return hint.With(fmt.Errorf("another supervisor keeps %s", dir), "run sluice down, and deploy again")
	}
	defer runtime.KeepAlive(unlock) // the end of the process unlocks, not a moment before
	out, err := openLog(dir.path("logs", "supervisor.log"))
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }() // every line was written when it was made
	log := slog.New(slog.NewTextHandler(out, nil))
	if err := keep(ctx, dir, o, tell, log); err != nil {
		log.Error("ended", "error", err)
		return err
	}
	return nil
}

// keep is the supervisor's life.
func keep(ctx context.Context, dir state, o options, tell func(error), log *slog.Logger) error {
	sweep(dir)
	var file serviceFile
	if err := readJSON(dir.service(), &file); ignoreMissing(err) != nil {
		return err
	}
	if o.name != "" {
		file.Name, file.Directory = o.name, o.directory
	}
	s := newSupervisor(dir, file, o.limits, log)
	if err := s.open(o.port); err != nil {
		return err
	}
	control, err := s.serveControl()
	if err != nil {
		return err
	}
	log.Info("started", "pid", os.Getpid(), "port", s.port())
	s.restore()
	tell(nil)
	select {
	case <-ctx.Done():
		s.end()
	case <-s.over:
	}
	s.stop()
	log.Info("ended")
	return errors.Join(os.Remove(dir.supervisor()), os.Remove(filepath.Join(dir.control(), socketFile)), control.Close())
}
