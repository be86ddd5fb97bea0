package sandbox

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// filter is a program that the kernel runs on each system call (seccomp(2)).
type filter struct{ code []unix.SockFilter }

// Offsets in struct seccomp_data, bytes; of an argument its lower half.
const (
	numberAt  = 0
	archAt    = 4
	firstArg  = 16
	secondArg = 24
	thirdArg  = 32
	fourthArg = 40
)

// What a filter answers.
const (
	allow = unix.SECCOMP_RET_ALLOW
	ask   = unix.SECCOMP_RET_USER_NOTIF // the overseer
	kill  = unix.SECCOMP_RET_KILL_PROCESS
)

func refuse(e unix.Errno) uint32 {
	return unix.SECCOMP_RET_ERRNO | uint32(e) // #nosec G115 -- error numbers are small
}

func (f *filter) load(offset uint32) {
	f.code = append(f.code, unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset})
}

func (f *filter) answer(what uint32) {
	f.code = append(f.code, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: what})
}

// when has what follows in block done only if the comparison holds.
func (f *filter) when(comparison uint16, k uint32, block func()) {
	at := len(f.code)
	f.code = append(f.code, unix.SockFilter{Code: unix.BPF_JMP | comparison | unix.BPF_K, K: k})
	block()
	f.code[at].Jf = uint8(len(f.code) - at - 1) // #nosec G115 -- blocks are short; a test loads every filter
}

func (f *filter) equal(k uint32, block func()) { f.when(unix.BPF_JEQ, k, block) }
func (f *filter) bits(k uint32, block func())  { f.when(unix.BPF_JSET, k, block) }

// privileged are calls that no build, test or scanner needs: they change what
// this machine is, or have been ways out of namespaces.
var privileged = []uint32{
	unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_MOVE_MOUNT, unix.SYS_OPEN_TREE, unix.SYS_FSOPEN, unix.SYS_FSCONFIG,
	unix.SYS_FSMOUNT, unix.SYS_FSPICK, unix.SYS_MOUNT_SETATTR, unix.SYS_UNSHARE, unix.SYS_SETNS,
	unix.SYS_BPF, unix.SYS_PERF_EVENT_OPEN, unix.SYS_USERFAULTFD, unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY,
	unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
	unix.SYS_OPEN_BY_HANDLE_AT, unix.SYS_PIDFD_GETFD, unix.SYS_KCMP, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV,
	unix.SYS_KEXEC_LOAD, unix.SYS_KEXEC_FILE_LOAD, unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE,
	unix.SYS_REBOOT, unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_ACCT, unix.SYS_QUOTACTL, unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME,
	unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_ADJTIMEX, unix.SYS_CLOCK_ADJTIME,
}

// newNamespaces are the flags of clone(2) that make some.
const newNamespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

// callFilter refuses privileged calls, new namespaces, calls by another
// architecture's numbers, and what rules adds.
func callFilter(rules func(*filter)) filter {
	var f filter
	f.load(archAt)
	f.equal(architecture, func() {
		f.load(numberAt)
		if x32 != 0 {
			f.bits(x32, func() { f.answer(kill) })
		}
		for _, call := range privileged {
			f.equal(call, func() { f.answer(refuse(unix.EPERM)) })
		}
		f.equal(unix.SYS_CLONE3, func() { f.answer(refuse(unix.ENOSYS)) }) // its flags are out of a filter's sight; all fall back to clone
		f.equal(unix.SYS_CLONE, func() {
			f.load(firstArg)
			f.bits(newNamespaces, func() { f.answer(refuse(unix.EPERM)) })
			f.answer(allow)
		})
		f.equal(unix.SYS_PRLIMIT64, func() { // of oneself only: another's limits can end it
			f.load(firstArg)
			f.equal(0, func() { f.answer(allow) })
			f.answer(refuse(unix.EPERM))
		})
		rules(&f)
		f.answer(allow)
	})
	f.answer(kill)
	return f
}

// anySocket adds nothing.
func anySocket(*filter) {}

// localSockets refuses those that no namespace holds: of the hypervisor's, say.
func localSockets(f *filter) {
	f.equal(unix.SYS_SOCKET, func() {
		f.load(firstArg)
		for _, family := range []uint32{unix.AF_UNIX, unix.AF_INET, unix.AF_INET6, unix.AF_NETLINK} {
			f.equal(family, func() { f.answer(allow) })
		}
		f.answer(refuse(unix.EAFNOSUPPORT))
	})
}

// noneOfThisMachine refuses sockets that are files or have names on this machine;
// pairs of them can be made.
func noneOfThisMachine(f *filter) {
	f.equal(unix.SYS_SOCKET, func() {
		f.load(firstArg)
		f.equal(unix.AF_UNIX, func() { f.answer(refuse(unix.EAFNOSUPPORT)) })
		f.answer(allow)
	})
}

// noPeers leaves only sockets that are of no use but between processes that one
// has made itself, by socketpair(2): none can be connected.
func noPeers(f *filter) {
	f.equal(unix.SYS_CONNECT, func() { f.answer(refuse(unix.EACCES)) })
	f.equal(unix.SYS_SOCKET, func() {
		f.load(firstArg)
		f.equal(unix.AF_UNIX, f.connected)
		f.answer(refuse(unix.EACCES))
	})
	f.equal(unix.SYS_SOCKETPAIR, f.connected)
}

// filterCalls installs the filter in all threads, and says how strictly it
// keeps the process from the network.
func filterCalls(r Request, landlock int) (Level, error) {
	if r.Overseer != 0 {
		return handOver(r)
	}
	rules, held := anySocket, r.NetworkHeld
	switch r.Access.Network {
	case NoNetwork:
		rules, held = noPeers, max(held, Partial)
	case Loopback:
		rules = localSockets
	case Outside:
		// Whoever listens on a socket of this machine's, a session's bus say, does what
		// it is asked outside. Landlock scopes abstract ones from its version 6.
		if r.Image != nil && (!r.Namespaces || landlock < 6) {
			rules = noneOfThisMachine
		}
	}
	_, err := callFilter(rules).install(unix.SECCOMP_FILTER_FLAG_TSYNC)
	if r.Access.Network == Outside || r.alone() {
		return Full, err // where it may reach outside, nothing was to be kept from it
	}
	return held, err
}

// install has all threads be held to the filter. It returns the descriptor by
// which it asks, where the flags want one.
func (f filter) install(flags uintptr) (int, error) {
	program := unix.SockFprog{Len: uint16(len(f.code)), Filter: &f.code[0]}                                                // #nosec G115 -- it is short
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&program))) // #nosec G103 -- the system call takes a pointer
	if errno != 0 {
		return -1, fmt.Errorf("seccomp: %w", errno)
	}
	if flags&unix.SECCOMP_FILTER_FLAG_NEW_LISTENER == 0 && fd != 0 {
		return -1, errors.New("seccomp: a thread is under another filter")
	}
	return int(fd), nil // #nosec G115 -- a descriptor
}
