// Package command runs other programs: always with a context, a limit on what
// they may print, an environment that is spelt out, and a process group that
// dies as a whole.
package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// DefaultMaxOutput bounds what a program may write to standard output, bytes.
const DefaultMaxOutput = 256 << 20

// tailSize is how much of standard error is kept for the message of an error.
const tailSize = 8 << 10

// killDelay is how long a program may take to end once it was told to.
const killDelay = 5 * time.Second

// ErrTooMuchOutput is returned (wrapped) for a program that printed more than
// it may; it was killed.
var ErrTooMuchOutput = errors.New("printed more than it may")

// Spec is one run of a program.
type Spec struct {
	Path      string // a name looked up in PATH, or a path
	Args      []string
	Dir       string
	Env       []string // the whole environment; nil is an empty one
	Stdin     io.Reader
	Stdout    io.Writer // nil: discarded (but still counted)
	Stderr    io.Writer // nil: discarded; its end is kept for the error
	MaxOutput int64     // bytes of standard output; 0 is DefaultMaxOutput
}

// ExitError is a program that ran and ended with a status other than 0.
type ExitError struct {
	Program string
	Code    int    // -1 when a signal ended it
	State   string // "exit status 3", "signal: killed"
	Stderr  string // the end of its standard error
}

func (e *ExitError) Error() string {
	msg := fmt.Sprintf("%s: %s", e.Program, e.State)
	if s := strings.TrimSpace(e.Stderr); s != "" {
		msg += ": " + s
	}
	return msg
}

// Run runs a program to its end. The error is an *ExitError when it ran and
// failed, the context's cause when that ended it, or what kept it from running.
func Run(ctx context.Context, s Spec) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	max := s.MaxOutput
	if max == 0 {
		max = DefaultMaxOutput
	}
	tail := &tailWriter{}
	cmd := exec.CommandContext(ctx, s.Path, s.Args...) // #nosec G204 -- running programs is what this package is for
	cmd.Dir, cmd.Stdin = s.Dir, s.Stdin
	cmd.Env = append([]string{}, s.Env...)
	cmd.Stdout = &limitWriter{w: orDiscard(s.Stdout), left: max, over: func() { cancel(ErrTooMuchOutput) }}
	cmd.Stderr = io.MultiWriter(tail, &limitWriter{w: orDiscard(s.Stderr), left: max, over: func() { cancel(ErrTooMuchOutput) }})
	cmd.WaitDelay = killDelay
	ownGroup(cmd)
	name := filepath.Base(s.Path)
	err := cmd.Run()
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%s: %w", name, cause)
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return &ExitError{Program: name, Code: exit.ExitCode(), State: exit.String(), Stderr: tail.String()}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// Output runs a program and returns what it printed.
func Output(ctx context.Context, s Spec) ([]byte, error) {
	var out bytes.Buffer
	s.Stdout = &out
	err := Run(ctx, s)
	return out.Bytes(), err
}

func orDiscard(w io.Writer) io.Writer {
	if w == nil {
		return io.Discard
	}
	return w
}

// limitWriter passes on the first bytes and calls over when there are more.
// What is over is dropped, not refused, so that the program's own error is
// about being killed and not about a broken pipe.
type limitWriter struct {
	w    io.Writer
	left int64
	over func()
	done atomic.Bool
}

func (l *limitWriter) Write(p []byte) (int, error) {
	n := len(p)
	if int64(n) > l.left {
		p = p[:l.left]
		if l.done.CompareAndSwap(false, true) {
			l.over()
		}
	}
	l.left -= int64(len(p))
	if _, err := l.w.Write(p); err != nil {
		return 0, err
	}
	return n, nil
}

// tailWriter keeps the end of what is written to it.
type tailWriter struct{ buf []byte }

func (t *tailWriter) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - tailSize; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

func (t *tailWriter) String() string { return string(t.buf) }
