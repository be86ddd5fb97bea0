package mariadbtest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// attributes keep a test's signals from the server, and end it with the test.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// stopped waits until all threads stand still, which takes a moment after the signal.
func (p *process) stopped() error {
	deadline := time.Now().Add(patience)
	for !p.allStopped() {
		if time.Now().After(deadline) {
			return fmt.Errorf("process %d does not stop", p.cmd.Process.Pid)
		}
		time.Sleep(time.Millisecond) // between looks
	}
	return nil
}

// allStopped reads each thread's state, which follows the name in parentheses.
func (p *process) allStopped() bool {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.cmd.Process.Pid))
	if err != nil || len(files) == 0 {
		return false
	}
	for _, file := range files {
		stat, err := os.ReadFile(file) // #nosec G304 -- of /proc
		if err != nil || !bytes.HasPrefix(stat[bytes.LastIndexByte(stat, ')')+1:], []byte(" T")) {
			return false
		}
	}
	return true
}
