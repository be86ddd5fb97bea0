//go:build unix && !linux

package pipeline

import (
	"os/exec"
	"syscall"
)

// ownGroup keeps the terminal's signals from the child: its parent tells it.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// Only Linux lets a process adopt its descendants. Elsewhere what left its
// process group on purpose stays.
func adoptOrphans() {}
func killOrphans()  {}

func killTree(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }
