package scantest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// runUntilHanging runs the worker until its deadline, which is when a tool has
// written into the pipe that it hangs. The tool and what it started must be
// gone after that.
func (b *bench) runUntilHanging(ctx context.Context, pipe string) verdict {
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		return b.broken(err)
	}
	told, err := os.OpenFile(pipe, os.O_RDWR|syscall.O_NONBLOCK, 0) // so that closing it ends the reading
	if err != nil {
		return b.broken(err)
	}
	ctx, deadline := context.WithCancel(ctx)
	defer deadline()
	processes := make(chan string, 1)
	go func() {
		defer close(processes)
		text := make([]byte, 100)
		n, _ := told.Read(text) // nothing when the run ended without
		processes <- string(text[:n])
		if n > 0 {
			deadline()
		}
	}()
	v := b.run(ctx)
	_ = told.Close()
	for _, pid := range strings.Fields(<-processes) {
		if err := gone(pid); err != nil {
			return b.broken(err)
		}
	}
	return v
}

// broken is a run that must not be taken for one that did right.
func (b *bench) broken(err error) verdict { return verdict{left: err} }

// settle is how long the system may take to end a process that was killed.
const settle = 10 * time.Second

// gone waits for a process to be gone, or dead and not buried yet: that is up to
// whoever adopted it.
func gone(pid string) error {
	n, err := strconv.Atoi(pid)
	if err != nil {
		return err
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(settle); time.Now().Before(deadline); <-tick.C {
		if syscall.Kill(n, 0) != nil || dead(n) {
			return nil
		}
	}
	return fmt.Errorf("process %d was left running", n)
}

// dead tells whether a process is a zombie (proc(5), /proc/PID/stat).
func dead(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(text[bytes.LastIndexByte(text, ')')+1:]), " ")
	return strings.HasPrefix(state, "Z") || strings.HasPrefix(state, "X")
}
