package pipeline

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/sluice-ci/sluice/internal/atomicfile"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/sandbox"
)

// Processes launches each job in a child process: this program, executed again
// with Args, in which Serve does the work.
type Processes struct {
	Exe  string
	Args []string
	Env  func(Access) []string // the child's whole environment
	Logs string                // folder of JOB.log
	// Confine has each process confined to what its job declares, but for those
	// that start what outlives the run.
	Confine bool
}

// maxLog bounds the log of a job, bytes.
const maxLog = 16 << 20

// grace is how long a child may take to end by itself when it is told to.
const grace = 3 * time.Second

// Launch is a Launcher.
func (p Processes) Launch(ctx context.Context, t Task, progress func(string)) (Answer, error) {
	if err := ctx.Err(); err != nil {
		return Answer{}, err
	}
	if err := os.MkdirAll(p.Logs, 0o755); err != nil {
		return Answer{}, fmt.Errorf("making the folder of logs: %w", err)
	}
	told := filepath.Join(p.Logs, t.Job+".log") // where it is when the run has ended
	log, err := os.OpenFile(cmp.Or(t.LogFile, told), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return Answer{}, err
	}
	answer, err := p.confined(ctx, t, &boundedLog{w: log, left: maxLog}, progress)
	if closeErr := log.Close(); err == nil {
		err = closeErr
	}
	return answer, withLog(err, told)
}

// confined does a task as strictly confined as the kernel grants.
func (p Processes) confined(ctx context.Context, t Task, log io.Writer, progress func(string)) (a Answer, err error) {
	if t.Access.Detaches || !p.Confine {
		return p.once(ctx, t, log, progress)
	}
	for _, dir := range t.Access.Write {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return a, fmt.Errorf("making a folder that it writes to: %w", err)
		}
	}
	t.Scratch = t.Out + ".tmp" // where the next run removes what a killed one left
	if err := os.MkdirAll(t.Scratch, 0o700); err != nil {
		return a, fmt.Errorf("making a temporary folder: %w", err)
	}
	defer func() { err = errors.Join(err, atomicfile.RemoveAll(t.Scratch)) }()
	if t.Confine, err = p.request(t, true); err != nil {
		return a, err
	}
	a, err = p.once(ctx, t, log, progress)
	if refused := (errRefused{}); errors.As(err, &refused) {
		fmt.Fprintln(log, "without namespaces:", refused.reason)
		return p.inSight(ctx, t, log, progress)
	}
	return a, err
}

// inSight does a task without namespaces. Its temporary folder is where the
// system has them: the paths of sockets in it must be short.
func (p Processes) inSight(ctx context.Context, t Task, log io.Writer, progress func(string)) (a Answer, err error) {
	if t.Confine, err = p.request(t, false); err != nil {
		return a, err
	}
	if t.Confine.Temp, err = os.MkdirTemp("", "sluice-"); err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, atomicfile.RemoveAll(t.Confine.Temp)) }()
	return p.once(ctx, t, log, progress)
}

// once starts a process and has it do a task.
func (p Processes) once(ctx context.Context, t Task, log io.Writer, progress func(string)) (a Answer, err error) {
	t.Program = p.Exe
	k := newKeeper(&t)
	defer func() { err = errors.Join(err, k.close()) }()
	c, err := p.start(&t, log, k)
	if err != nil && t.Confine != nil && t.Confine.Namespaces && sandbox.Refused(err) {
		return a, errRefused{err.Error()}
	}
	if err != nil {
		return a, fmt.Errorf("starting %s: %w", t.Job, err)
	}
	task, err := json.Marshal(t)
	if err != nil {
		c.kill()
		return a, errors.Join(err, c.wait())
	}
	return c.converse(ctx, task, progress)
}

// child is a process that does a job.
type child struct {
	cmd      *exec.Cmd
	lifeline io.WriteCloser // its standard input; closing it tells it to end
	messages io.ReadCloser
	alone    bool // what it started may outlive it
}

// kill ends the child and, unless that may outlive it, all that it started.
func (c *child) kill() {
	if c.alone {
		_ = c.cmd.Process.Kill() // it was there a moment ago
		return
	}
	killTree(c.cmd.Process.Pid)
}

func (p Processes) start(t *Task, log io.Writer, k *keeper) (*child, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer w.Close()
	cmd := exec.Command(p.Exe, p.Args...) // #nosec G204 -- it is this program
	cmd.Env = p.Env(t.Access)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.ExtraFiles = []*os.File{w}
	cmd.WaitDelay = time.Second // what it leaves behind must not hold its log open
	ownGroup(cmd)
	if err := k.prepare(cmd, t.Confine); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	c := &child{cmd: cmd, lifeline: in, messages: r, alone: t.Access.Detaches}
	if err := k.watch(cmd.Process.Pid); err != nil {
		c.kill()
		return nil, errors.Join(err, c.wait(), r.Close())
	}
	return c, nil
}

// converse hands the task over and takes the answer. When ctx ends, the child
// is told, and killed with all that it started if it does not end by itself.
func (c *child) converse(ctx context.Context, task []byte, progress func(string)) (Answer, error) {
	stop := make(chan struct{})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		select {
		case <-stop:
			return
		case <-ctx.Done():
		}
		_ = c.lifeline.Close() // ends the child; if it is gone already, so much the better
		select {
		case <-stop:
		case <-time.After(grace):
			c.kill()
		}
	}()
	_, err := c.lifeline.Write(append(task, '\n'))
	answer, receiveErr := receive(c.messages, progress)
	_ = c.lifeline.Close() // no more is to be done: it may end
	waitErr := c.wait()
	close(stop)
	<-stopped
	_ = c.messages.Close()
	switch {
	case errors.Is(receiveErr, errSilent) && waitErr != nil:
		return Answer{}, fmt.Errorf("its process broke off: %w", waitErr)
	case receiveErr != nil:
		return Answer{}, receiveErr
	case err != nil:
		return Answer{}, fmt.Errorf("handing the task over: %w", err)
	case waitErr != nil:
		return Answer{}, fmt.Errorf("its process broke off after its answer: %w", waitErr)
	}
	return answer, nil
}

// wait waits for the child, and kills it when it does not end after its answer.
func (c *child) wait() error {
	timer := time.AfterFunc(2*grace, c.kill)
	defer timer.Stop()
	err := c.cmd.Wait()
	if errors.Is(err, exec.ErrWaitDelay) {
		return nil // somebody that it started keeps its log open
	}
	return err
}

// withLog names the log in the remedy of an error that has none.
func withLog(err error, log string) error {
	if err == nil || hint.Remedy(err) != "" {
		return err
	}
	return hint.With(err, "see "+log)
}

// boundedLog writes the beginning of a log and says when the rest is left out.
type boundedLog struct {
	w    io.Writer
	left int
}

func (b *boundedLog) Write(p []byte) (int, error) {
	n := len(p)
	if b.left <= 0 {
		return n, nil
	}
	part := p[:min(n, b.left)]
	b.left -= len(part)
	if _, err := b.w.Write(part); err != nil {
		return 0, err
	}
	if b.left <= 0 {
		_, err := io.WriteString(b.w, "\n[the rest of the log is left out]\n")
		return n, err
	}
	return n, nil
}
