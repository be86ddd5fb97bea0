package mariadbtest

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// process is a program that does not outlive the one that started it.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

// startProcess has the system kill the program with the thread that started
// it, so that thread is kept for as long as the program runs.
func startProcess(cmd *exec.Cmd) (*process, error) {
	cmd.SysProcAttr = attributes()
	p := &process{cmd: cmd, ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // it is killed as a rule; the log tells if not
			close(p.ended)
		}
	}()
	return p, <-started
}

// signal sends a signal; one that has ended already needs no other.
func (p *process) signal(s syscall.Signal) error {
	err := p.cmd.Process.Signal(s)
	if s == syscall.SIGKILL && errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}
