package testexec

import (
	"fmt"
	"os"
	"syscall"
	"unsafe"
)

// System calls (landlock(7)), the same number on every architecture.
const (
	sysCreateRuleset = 444
	sysAddRule       = 445
	sysRestrictSelf  = 446
)

// Rights to write, by bit (landlock_create_ruleset(2)).
const (
	writeFile = 1 << 1
	changes   = writeFile | 1<<4 | 1<<5 | 1<<6 | 1<<7 | 1<<8 | 1<<9 | 1<<10 | 1<<11 | 1<<12 // remove and make
	refer     = 1 << 13                                                                     // from version 2
	truncate  = 1 << 14                                                                     // from version 3
	scopes    = 1<<0 | 1<<1                                                                 // from version 6: abstract sockets, signals
)

// devices are the places of the machine's that every program may write to.
var devices = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/shm", "/dev/tty"}

// restrictWriting has the kernel refuse this thread, and all that it starts, to
// write anywhere but to these files and folders, and to send signals to those
// outside. A kernel without Landlock refuses nothing, which the stage's level
// of confinement says.
func restrictWriting(paths []string) error {
	version, _, errno := syscall.Syscall(sysCreateRuleset, 0, 0, 1)
	if errno != 0 {
		return nil
	}
	attr := [3]uint64{changes, 0, 0} // file system, network, scopes
	size := uintptr(8)
	if version >= 2 {
		attr[0] |= refer
	}
	if version >= 3 {
		attr[0] |= truncate
	}
	if version >= 6 {
		attr[2], size = scopes, 24
	}
	rules, _, errno := syscall.Syscall(sysCreateRuleset, uintptr(unsafe.Pointer(&attr[0])), size, 0) // #nosec G103 -- the system call takes a pointer
	if errno != 0 {
		return fmt.Errorf("making rules: %w", errno)
	}
	for _, path := range append(paths, devices...) {
		if err := grant(int(rules), path, attr[0]); err != nil {
			return fmt.Errorf("granting %s: %w", path, err)
		}
	}
	const noNewPrivileges = 38 // PR_SET_NO_NEW_PRIVS
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, noNewPrivileges, 1, 0); errno != 0 {
		return fmt.Errorf("giving up privileges: %w", errno)
	}
	if _, _, errno := syscall.RawSyscall(sysRestrictSelf, rules, 0, 0); errno != 0 {
		return fmt.Errorf("restricting: %w", errno)
	}
	return syscall.Close(int(rules))
}

// grant lets a file or folder be written to. One that is not there grants nothing.
func grant(rules int, path string, rights uint64) error {
	const openPath = 0x200000 // O_PATH
	fd, err := syscall.Open(path, openPath|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer func() { _ = syscall.Close(fd) }() // nothing was written to it
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		rights &= writeFile | truncate
	}
	beneath := struct { // struct landlock_path_beneath_attr, packed
		low, high uint32
		fd        int32
	}{uint32(rights), uint32(rights >> 32), int32(fd)} // #nosec G115 -- two halves of a number, and a descriptor
	_, _, errno := syscall.Syscall6(sysAddRule, uintptr(rules), 1, uintptr(unsafe.Pointer(&beneath)), 0, 0, 0) // #nosec G103 -- the system call takes a pointer
	if errno != 0 {
		return errno
	}
	return nil
}

// withParent has a process end when the thread ends that started it.
func withParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
