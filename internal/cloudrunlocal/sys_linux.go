package cloudrunlocal

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// detach makes a command the head of a session of its own, with no file of
// this process but those it is given. This process may itself have been given
// files by its parent, which waits for their end.
func detach(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, f := range open {
		if fd, err := strconv.Atoi(f.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

// withSocket calls do with a name of the control socket that is short enough
// for an address (108 bytes: unix(7)), wherever the folder is.
func withSocket(dir state, do func(path string) error) error {
	f, err := os.Open(dir.control())
	if err != nil {
		return err
	}
	defer f.Close()
	return do(fmt.Sprintf("/proc/self/fd/%d/%s", f.Fd(), socketFile))
}

// awaitExit waits for the end of a process, whosever child it is: until then
// its files and ports may still be in use (pidfd_open(2)).
func awaitExit(pid int, start string, limit time.Duration) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("waiting for process %d: %w", pid, err)
	}
	defer unix.Close(fd)
	if s, err := readStat(pid); err != nil || !strings.HasSuffix(start, "/"+s.start) {
		return nil // the number is another's by now
	}
	files := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}} // #nosec G115 -- a descriptor's number is small
	for deadline := time.Now().Add(limit); ; {
		n, err := unix.Poll(files, int(max(0, time.Until(deadline).Milliseconds())))
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("waiting for process %d: %w", pid, err)
		case n == 0:
			return fmt.Errorf("waiting for process %d: it has not ended after %s", pid, limit)
		}
		return nil
	}
}
