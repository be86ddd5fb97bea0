package pipeline

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// ownGroup keeps the terminal's signals from the child: its parent tells it.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// keepFiles keeps what this process was given open from those that it will start:
// whoever started the run may have left files of his own open.
func keepFiles() {
	if err := unix.CloseRange(messageFD, ^uint(0), unix.CLOSE_RANGE_CLOEXEC); err == nil {
		return
	}
	files, err := os.ReadDir("/proc/self/fd") // a kernel before 5.11
	if err != nil {
		fmt.Fprintln(os.Stderr, "looking at open files:", err)
	}
	for _, f := range files {
		if fd, err := strconv.Atoi(f.Name()); err == nil && fd >= messageFD {
			unix.CloseOnExec(fd)
		}
	}
}

// giveWay lowers the priority of all threads of this process, and so of what it
// starts. Where that cannot be done, it is only in others' way.
func giveWay(nice int) {
	raw, err := syscall.Getpriority(syscall.PRIO_PROCESS, 0)
	if nice > 0 && err == nil {
		now := 20 - raw // the system call's form of it (getpriority(2), "C library/kernel differences")
		_ = syscall.Setpriority(syscall.PRIO_PGRP, 0, now+nice)
	}
}

// adoptOrphans makes this process the parent of every process below it whose
// own parent ends, so that none can slip away (prctl(2), PR_SET_CHILD_SUBREAPER).
func adoptOrphans() {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		fmt.Fprintln(os.Stderr, "adopting orphans:", err) // then only process groups are ended
	}
}

// killOrphans ends all processes below this one, over and over until there is
// none: a process may start another while it is being looked at.
func killOrphans() {
	for range 100 {
		children := childrenOf(os.Getpid())
		if len(children) == 0 {
			return
		}
		for _, pid := range children {
			killTree(pid)
		}
		if !reap() {
			return
		}
	}
}

// reap collects ended children, waiting for one; false when there is nothing
// left to wait for.
func reap() bool {
	_, err := syscall.Wait4(-1, nil, 0, nil)
	return err == nil || err == syscall.EINTR
}

// killTree stops a process, then its children, then kills them all: a stopped
// process cannot start another one meanwhile.
func killTree(pid int) {
	if syscall.Kill(pid, syscall.SIGSTOP) != nil {
		return // gone
	}
	for _, c := range childrenOf(pid) {
		killTree(c)
	}
	_ = syscall.Kill(pid, syscall.SIGKILL) // it was there a moment ago
}

// childrenOf lists the children of all threads of a process.
func childrenOf(pid int) (pids []int) {
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return nil
	}
	for _, task := range tasks {
		list, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		if err != nil {
			continue
		}
		for _, f := range strings.Fields(string(list)) {
			if n, err := strconv.Atoi(f); err == nil {
				pids = append(pids, n)
			}
		}
	}
	return pids
}
