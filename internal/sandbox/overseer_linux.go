package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Overseer makes the connections of a confined process that has no network
// namespace, and refuses those that it may not have: all but TCP to loopback,
// where that was granted, and Unix sockets below what it may write. The process
// itself cannot connect. Abstract Unix sockets are refused, for nothing tells
// whose they are, and so are paths through /proc.
type Overseer struct {
	tcp    bool
	write  []string // real paths
	conn   *net.UnixConn
	theirs *os.File
	ended  context.Context
	end    context.CancelFunc
}

// Oversee gives a command that is yet to start an overseer, if what is asked for
// needs one, and says so in the request. It adds to the end of cmd.ExtraFiles. A
// parent that could not connect for it oversees nothing, and the network is then
// not held.
func Oversee(cmd *exec.Cmd, r *Request) (*Overseer, error) {
	o := &Overseer{tcp: r.Access.Network == Loopback || r.Access.Network == Machine}
	o.ended, o.end = context.WithCancel(context.Background())
	r.Overseer = 0
	if r.alone() || r.NetworkHeld > None || r.Access.Network == Outside || !canConnect() {
		return o, nil
	}
	for _, path := range append([]string{r.Temp}, r.Access.Write...) {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			o.write = append(o.write, real)
		}
	}
	var err error
	if o.conn, o.theirs, err = pair(); err != nil {
		return nil, fmt.Errorf("preparing to oversee a process: %w", err)
	}
	r.Overseer = 3 + len(cmd.ExtraFiles)
	cmd.ExtraFiles = append(cmd.ExtraFiles, o.theirs)
	return o, nil
}

// canConnect tells whether this process may look into one that it started, and copy
// its sockets. The filter of a container may refuse the calls (Docker 20.10's does
// without CAP_SYS_PTRACE), and so may Yama's stricter settings.
func canConnect() bool {
	fd, err := unix.PidfdOpen(os.Getpid(), 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	same, err := unix.PidfdGetfd(fd, fd, 0)
	if err != nil {
		return false
	}
	defer unix.Close(same)
	var from, to [1]byte
	local := []unix.Iovec{{Base: &to[0], Len: 1}}
	remote := []unix.RemoteIovec{{Base: uintptr(unsafe.Pointer(&from[0])), Len: 1}} // #nosec G103 -- the system call takes an address
	if _, err := unix.ProcessVMReadv(os.Getpid(), local, remote, 0); err != nil {
		return false
	}
	scope, err := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope")
	return err != nil || os.Geteuid() == 0 || string(scope) < "2"
}

// pair makes the two ends over which the descriptor comes.
func pair() (*net.UnixConn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	theirs := os.NewFile(uintptr(fds[1]), "overseer")
	ours := os.NewFile(uintptr(fds[0]), "overseer")
	conn, err := net.FileConn(ours)
	if err = errors.Join(err, ours.Close()); err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	return conn.(*net.UnixConn), theirs, nil
}

// Run serves the process, once the command has started, until the last process
// that it started has ended, or Close is called.
func (o *Overseer) Run() error {
	if o.conn == nil {
		return nil
	}
	_ = o.theirs.Close() // so that reading ends with the process; Close may have done it
	listener, err := o.receive()
	if err != nil || listener == nil {
		return err
	}
	defer context.AfterFunc(o.ended, func() { _ = listener.Close() })()
	defer listener.Close()
	if err := o.serve(listener); o.ended.Err() == nil {
		return err
	}
	return nil
}

// Close ends the overseer. A process that is still there cannot connect any more.
func (o *Overseer) Close() error {
	o.end()
	if o.conn == nil {
		return nil
	}
	_ = o.theirs.Close() // Run may have done it
	return o.conn.Close()
}

// receive waits for the descriptor to answer by; nil means that the process
// ended without one, or its kernel has none.
func (o *Overseer) receive() (*os.File, error) {
	control := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := o.conn.ReadMsgUnix(make([]byte, 1), control)
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("overseeing: %w", err)
	}
	fds, err := descriptors(control[:n])
	if err != nil || len(fds) != 1 {
		return nil, errors.Join(errors.New("overseeing: a message without a descriptor"), err)
	}
	if err := unix.SetNonblock(fds[0], true); err != nil {
		return nil, errors.Join(err, unix.Close(fds[0]))
	}
	return os.NewFile(uintptr(fds[0]), "seccomp"), nil
}

func descriptors(control []byte) ([]int, error) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil || len(messages) != 1 {
		return nil, err
	}
	return unix.ParseUnixRights(&messages[0])
}

// atOnce is how many connections may be waited for.
const atOnce = 64

// serve answers each question by itself, since a connect may block.
func (o *Overseer) serve(listener *os.File) error {
	raw, err := listener.SyscallConn()
	if err != nil {
		return err
	}
	places := make(chan struct{}, atOnce)
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		for {
			var n notification
			var ready bool
			if ready, failed = n.receive(fd); failed != nil || !ready {
				return failed != nil
			}
			select {
			case places <- struct{}{}:
			case <-o.ended.Done():
				return true
			}
			go func() {
				defer func() { <-places }()
				o.answer(call{n, raw})
			}()
		}
	})
	if errors.Is(failed, errAllEnded) {
		return nil
	}
	return errors.Join(failed, err)
}

// notification is struct seccomp_notif of the kernel's: a call that waits.
type notification struct {
	ID           uint64
	Thread       uint32
	_            uint32
	_            int32
	_            uint32
	_            uint64
	FD           uint64
	Address, Len uint64
	_            [3]uint64
}

var errAllEnded = errors.New("all processes have ended")

// receive takes the next call, if one waits.
func (n *notification) receive(fd uintptr) (ready bool, err error) {
	for {
		events := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}} // #nosec G115 -- a descriptor
		if _, err := unix.Poll(events, 0); err != nil && err != unix.EINTR {
			return false, err
		}
		if events[0].Revents&unix.POLLIN == 0 {
			if events[0].Revents != 0 {
				return false, errAllEnded
			}
			return false, nil
		}
		switch err := control(fd, unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(n)); err { // #nosec G103 -- the system call takes a pointer
		case nil:
			return true, nil
		case unix.EINTR, unix.ENOENT: // who asked is gone
		default:
			return false, fmt.Errorf("overseeing: %w", err)
		}
	}
}

func control(fd, request uintptr, argument unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, fd, request, uintptr(argument)); errno != 0 {
		return errno
	}
	return nil
}
