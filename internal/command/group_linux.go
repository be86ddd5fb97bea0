package command

import (
	"os/exec"
	"syscall"
)

// ownGroup makes the program the head of a process group, which is killed as a
// whole when the context ends, and at the latest when this process does.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
