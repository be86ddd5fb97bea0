//go:build unix && !linux

package pipeline

import (
	"os/exec"
	"syscall"
)

// ownGroup keeps the terminal's signals from the child: its parent tells it.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// giveWay lowers the priority of this process, and so of what it starts.
func giveWay(nice int) {
	if nice > 0 {
		_ = syscall.Setpriority(syscall.PRIO_PGRP, 0, nice)
	}
}

// Only Linux lets a process adopt its descendants. Elsewhere what left its
// process group on purpose stays.
func adoptOrphans() {}
func killOrphans()  {}

func killTree(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }

// keepFiles does nothing: only Linux can tell what is open.
func keepFiles() {}
