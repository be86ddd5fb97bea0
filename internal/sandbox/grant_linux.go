package sandbox

import (
	"errors"
	"fmt"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
	"kernel.org/pub/linux/libs/security/libcap/psx"
)

// needed are the capabilities that namespaces are made and furnished with.
var needed = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_NET_ADMIN}

// neededBits are the same, as capset(2) has them.
const neededBits = 1<<unix.CAP_SYS_ADMIN | 1<<unix.CAP_NET_ADMIN

// Granted tells whether this process is an ordinary user's who may make
// namespaces nevertheless: it was started by Grant.
func Granted() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var has [2]unix.CapUserData
	err := unix.Capget(&header, &has[0])
	return err == nil && unix.Geteuid() != 0 && has[0].Effective&neededBits == neededBits
}

// Grant has root's process become a user's, in no group but gid, who keeps the
// power to make namespaces, and be replaced by a program. It returns only where
// that fails.
func Grant(uid, gid int, path string, args, env []string) error {
	if uid <= 0 || gid <= 0 {
		return errors.New("the user and his group must not be root's")
	}
	runtime.LockOSThread() // capabilities are a thread's
	if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("keeping capabilities: %w", err)
	}
	if err := errors.Join(syscall.Setgroups(nil), syscall.Setresgid(gid, gid, gid), syscall.Setresuid(uid, uid, uid)); err != nil {
		return fmt.Errorf("becoming user %d: %w", uid, err)
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	keep := [2]unix.CapUserData{{Effective: neededBits, Permitted: neededBits, Inheritable: neededBits}}
	if err := unix.Capset(&header, &keep[0]); err != nil {
		return fmt.Errorf("keeping the power to make namespaces: %w", err)
	}
	for _, c := range needed {
		if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, c, 0, 0); err != nil {
			return fmt.Errorf("keeping the power to make namespaces: %w", err)
		}
	}
	return fmt.Errorf("starting %s: %w", path, syscall.Exec(path, args, env)) // #nosec G204 -- it is this program
}

// Withhold keeps what this process was granted from the programs that it starts,
// but for those of Prepare.
func Withhold() error {
	if _, _, errno := psx.Syscall6(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}
