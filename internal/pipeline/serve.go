package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"

	"github.com/sluice-ci/sluice/internal/cache"
	"github.com/sluice-ci/sluice/internal/sandbox"
)

// Child is the main function of a child process: it does one job on the
// descriptors that Processes gave it, in a temporary folder of its own, and
// ends every process that the work left behind, unless the job may leave one.
// It returns the exit status.
func Child(ctx context.Context, workers map[string]Worker) int {
	keepFiles()
	messages := os.NewFile(messageFD, "messages")
	task, rest, err := readTask(os.Stdin)
	if err != nil || messages == nil {
		fmt.Fprintln(os.Stderr, "this command is for sluice itself: reading the task:", err)
		return 2
	}
	worker := workers[task.Job]
	if worker == nil {
		fmt.Fprintf(os.Stderr, "there is no worker for %q\n", task.Job)
		return 2
	}
	syscall.CloseOnExec(messageFD)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // a parent that is gone must not end this before it has cleaned up
	giveWay(task.Nice)
	if !task.Access.Detaches {
		adoptOrphans()
		defer killOrphans()
	}
	lock, err := cache.Hold(task.Lock)
	if err != nil {
		fmt.Fprintln(os.Stderr, "holding the work folder:", err)
		return 2
	}
	defer lock.Close()
	tmp, err := task.ownTemp()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	defer func() { _ = os.RemoveAll(tmp) }() // the system clears what stays
	task.Log = os.Stderr
	return confine(ctx, worker, task, rest, messages)
}

// ownTemp is a temporary folder that goes with the process; "" where it is to see
// a /tmp of its own.
func (t *Task) ownTemp() (tmp string, err error) {
	switch {
	case t.Confine == nil:
		tmp, err = os.MkdirTemp("", "sluice-")
	case t.Confine.Namespaces:
		return "", nil
	default:
		tmp = t.Confine.Temp
	}
	if err != nil {
		return "", err
	}
	return tmp, os.Setenv("TMPDIR", tmp)
}

// confine has this process confine itself, and tells how far, before the job is
// done.
func confine(ctx context.Context, worker Worker, task Task, in io.Reader, out io.Writer) int {
	e, err := task.enter()
	if err == nil {
		err = task.Access.suffices(e, task.Least)
	}
	told := message{Enforced: &e}
	switch {
	case err != nil && sandbox.Refused(err):
		told = message{Refused: err.Error()}
	case err != nil:
		told = answered(Answer{}, err)
	}
	if sendErr := sender(out)(told); sendErr != nil {
		fmt.Fprintln(os.Stderr, "telling how it is confined:", sendErr)
		return 2
	}
	if err != nil {
		return 0 // told
	}
	return serve(ctx, worker, task, in, out)
}

func readTask(in io.Reader) (t Task, rest io.Reader, err error) {
	dec := json.NewDecoder(io.LimitReader(in, maxTask))
	if err := dec.Decode(&t); err != nil {
		return t, nil, err
	}
	return t, io.MultiReader(dec.Buffered(), in), nil
}

// serve does one job: the answer goes to out. It ends the work when in ends,
// since then the parent is gone. The exit status is 0 when an answer or an
// error was told.
func serve(ctx context.Context, worker Worker, task Task, in io.Reader, out io.Writer) int {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, in) // ends when the parent does, or says so
		cancel()
	}()
	send := sender(out)
	task.Progress = func(text string) { _ = send(message{Progress: strings.ToValidUTF8(text, "?")}) } // a parent that is gone is noticed by cancel
	answer, err := guard(ctx, worker, task)
	if err := send(answered(answer, err)); err != nil {
		fmt.Fprintln(task.Log, "sending the answer:", err)
		return 2
	}
	return 0
}

// guard keeps a worker that panics from looking like anything but a failure.
func guard(ctx context.Context, w Worker, t Task) (a Answer, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it crashed: %v", p)
			fmt.Fprintf(t.Log, "panic: %v\n%s\n", p, debug.Stack())
		}
	}()
	return w(ctx, t)
}

// sender returns a function that writes messages, from any goroutine.
func sender(out io.Writer) func(message) error {
	var mu sync.Mutex
	return func(m message) error {
		var line bytes.Buffer
		if err := json.NewEncoder(&line).Encode(m); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		_, err := out.Write(line.Bytes())
		return err
	}
}
