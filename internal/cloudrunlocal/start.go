package cloudrunlocal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"time"

	"github.com/sluice-ci/sluice/internal/hint"
)

// endLimit is how long a supervisor may take to end, besides what it gives
// its processes.
const endLimit = stopDrain + 5*time.Second

// Start starts the supervisor of a service, detached from this process, and
// returns when it has taken the service's port and started again what had the
// traffic last.
func (c Client) Start(ctx context.Context, name, directory string, port int) error {
	args := c.Command
	if len(args) == 0 {
		exe, err := os.Executable()
		if err != nil {
			return fmt.Errorf("finding this program: %w", err)
		}
		args = []string{exe, "supervise"}
	}
	o := options{dir: c.State, name: name, directory: directory, port: port, limits: c.Limits.orDefault(), ready: true}
	cmd := exec.Command(args[0], append(args[1:len(args):len(args)], o.args()...)...) // #nosec G204 -- this program
	cmd.Dir, cmd.Env = "/", []string{}
	return c.launch(ctx, cmd)
}

func (c Client) launch(ctx context.Context, cmd *exec.Cmd) error {
	if err := state(c.State).make(); err != nil {
		return err
	}
	crash, err := openOwn(state(c.State).crashLog(), os.O_CREATE|os.O_TRUNC|os.O_WRONLY)
	if err != nil {
		return fmt.Errorf("starting the supervisor: %w", err)
	}
	defer crash.Close()
	ready, tell, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("starting the supervisor: %w", err)
	}
	defer ready.Close()
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = crash, crash, []*os.File{tell}
	err = errors.Join(detach(cmd), cmd.Start())
	_ = tell.Close() // the supervisor has its own; without it this end would never close
	if err != nil {
		return fmt.Errorf("starting the supervisor: %w", err)
	}
	go func() { _ = cmd.Wait() }() // so that it leaves no zombie should it end before us
	stop := context.AfterFunc(ctx, func() { _ = ready.Close() })
	defer stop()
	if err := c.started(ready); err != nil {
		_ = cmd.Process.Kill() // it has told that it ends, or will never tell
		if ctx.Err() != nil {
			return fmt.Errorf("starting the supervisor: %w", context.Cause(ctx))
		}
		return err
	}
	return nil
}

// started reads what the supervisor tells of its start.
func (c Client) started(ready io.Reader) error {
	data, err := io.ReadAll(io.LimitReader(ready, maxMessage))
	if err != nil {
		return fmt.Errorf("starting the supervisor: %w", err)
	}
	var f failure
	if err := json.Unmarshal(data, &f); err != nil {
		return hint.With(fmt.Errorf("the supervisor ended before it was ready: %s", tail(state(c.State).crashLog())), "see "+state(c.State).logs())
	}
	if f.Message != "" {
		return f.err()
	}
	return nil
}

func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	for _, f := range []struct{ field, value *time.Duration }{
		{&l.Start, &d.Start}, {&l.Stop, &d.Stop}, {&l.Drain, &d.Drain}, {&l.Linger, &d.Linger}, {&l.Backoff, &d.Backoff},
	} {
		if *f.field <= 0 {
			*f.field = *f.value
		}
	}
	return l
}

// ensure sees to it that the service has a supervisor that can be talked to.
// The caller holds the deploys' lock.
func (c Client) ensure(ctx context.Context, r Release) (status, error) {
	dir := state(c.State)
	if st, err := statusOf(ctx, dir); err == nil && st.Protocol == protocol {
		return st, nil
	}
	if err := end(ctx, dir, c.Limits); err != nil {
		return status{}, err
	}
	if err := c.Start(ctx, r.Service, r.Directory, r.Port); err != nil {
		return status{}, err
	}
	return statusOf(ctx, dir)
}

// end ends a service's supervisor, if there is one, and returns when it is
// gone: when its lock is free. One that does not listen is killed, and its
// processes with it.
func end(ctx context.Context, dir state, l Limits) error {
	info, _ := supervisorOf(dir)
	limit := time.Second // for one that is gone, or does not listen
	if err := askToEnd(ctx, dir); err == nil {
		limit = endLimit + l.orDefault().Stop
	}
	unlock, err := lockWithin(ctx, dir.supervisorLock(), limit)
	if err != nil && ctx.Err() == nil && killSupervisor(info) {
		unlock, err = lockWithin(ctx, dir.supervisorLock(), endLimit)
	}
	if err != nil {
		return fmt.Errorf("ending the supervisor in %s: %w", dir, err)
	}
	defer unlock()
	if info.PID == 0 {
		return nil
	}
	return awaitExit(info.PID, info.Start, endLimit)
}

func askToEnd(ctx context.Context, dir state) error {
	ctx, cancel := context.WithTimeout(ctx, statusLimit)
	defer cancel()
	return call(ctx, dir, http.MethodPost, stopPath, nil, &struct{}{})
}

func lockWithin(ctx context.Context, path string, limit time.Duration) (func(), error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return lock(ctx, path)
}

// supervisorOf reads who a service's supervisor is, and whether it still runs.
func supervisorOf(dir state) (supervisorFile, bool) {
	var f supervisorFile
	if err := readJSON(dir.supervisor(), &f); err != nil || f.Start == "" {
		return f, false
	}
	return f, processStart(f.PID) == f.Start
}

// killSupervisor kills the process that says that it is the supervisor, if it
// still is that process.
func killSupervisor(f supervisorFile) bool {
	if f.PID <= 1 {
		return false
	}
	p, err := os.FindProcess(f.PID) // a handle first, so that the number cannot change hands
	if err != nil {
		return false
	}
	defer func() { _ = p.Release() }()
	return processStart(f.PID) == f.Start && p.Kill() == nil
}
