package cloudrunlocal

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"

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
