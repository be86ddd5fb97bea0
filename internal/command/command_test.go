package command

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func sh(script string) Spec {
	return Spec{Path: "/bin/sh", Args: []string{"-c", script}, Env: []string{"PATH=/usr/bin:/bin"}}
}

func TestOutput(t *testing.T) {
	t.Parallel()
	s := sh("cat; echo $LEFT_OUT; pwd")
	s.Stdin, s.Dir = strings.NewReader("in "), "/"
	out, err := Output(t.Context(), s)
	if err != nil || string(out) != "in \n/\n" {
		t.Errorf("%q, %v", out, err)
	}
}

func TestExitErrorTellsWhatTheProgramSaid(t *testing.T) {
	t.Parallel()
	_, err := Output(t.Context(), sh("echo no such luck >&2; exit 7"))
	var exit *ExitError
	if !errors.As(err, &exit) || exit.Code != 7 || !strings.Contains(err.Error(), "no such luck") {
		t.Errorf("error %v", err)
	}
}

func TestTooMuchOutputKills(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"1", "2"} {
		s := sh("while :; do echo yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy; done >&" + where)
		s.MaxOutput = 1 << 20
		var out bytes.Buffer
		s.Stdout, s.Stderr = &out, &out
		if err := Run(t.Context(), s); !errors.Is(err, ErrTooMuchOutput) || out.Len() != 1<<20 {
			t.Errorf("descriptor %s: %d bytes, %v", where, out.Len(), err)
		}
	}
}

func TestCancelKillsTheGroup(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	fifo := filepath.Join(t.TempDir(), "started")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	pid := make(chan int, 1)
	go func() {
		text, _ := os.ReadFile(fifo) // until the program has said that it runs
		n, _ := strconv.Atoi(strings.TrimSpace(string(text)))
		pid <- n
		cancel()
	}()
	if err := Run(ctx, sh("sleep 98765 & echo $! > "+fifo+"; wait")); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	n := <-pid
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 2000 {
		if syscall.Kill(n, 0) != nil {
			return
		}
		<-tick.C
	}
	t.Errorf("process %d of the group is still there", n)
}

func TestProgramThatIsNotThere(t *testing.T) {
	t.Parallel()
	if err := Run(t.Context(), Spec{Path: "/no/such/program"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}
