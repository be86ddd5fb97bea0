package scantest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// runUntilHanging runs the worker until its deadline, which is when a tool has
// written into the pipe "hanging" of its folder that it hangs. The tool and what
// it started, which all hold the pipe "alive" open, must be gone after that.
func (b *bench) runUntilHanging(ctx context.Context, state string) verdict {
	told, err := openPipe(filepath.Join(state, "hanging"), os.O_RDWR) // so that closing it ends the reading
	if err != nil {
		return b.broken(err)
	}
	alive, err := openPipe(filepath.Join(state, "alive"), os.O_RDONLY)
	if err != nil {
		return b.broken(err)
	}
	defer alive.Close()
	ctx, deadline := context.WithCancel(ctx)
	defer deadline()
	go func() {
		if n, _ := told.Read(make([]byte, 100)); n > 0 { // nothing when the run ended without
			deadline()
		}
	}()
	v := b.run(ctx)
	_ = told.Close()
	if err := gone(alive); err != nil {
		return b.broken(err)
	}
	return v
}

func openPipe(path string, flag int) (*os.File, error) {
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		return nil, err
	}
	return os.OpenFile(path, flag|syscall.O_NONBLOCK, 0)
}

// broken is a run that must not be taken for one that did right.
func (b *bench) broken(err error) verdict { return verdict{left: err} }

// settle is how long the system may take to end a process that was killed.
const settle = 5 * time.Second

// gone waits for all processes to be gone that hold the other end of a pipe open.
func gone(alive *os.File) error {
	if err := alive.SetReadDeadline(time.Now().Add(settle)); err != nil {
		return err
	}
	if _, err := alive.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		return fmt.Errorf("a process was left running: %w", err)
	}
	return nil
}
