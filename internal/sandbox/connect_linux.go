package sandbox

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// call is a connect that waits for the overseer.
type call struct {
	notification
	listener syscall.RawConn
}

// response is struct seccomp_notif_resp of the kernel's.
type response struct {
	ID    uint64
	_     int64
	Error int32
	_     uint32
}

// answer connects, or refuses to, and lets the process go on.
func (o *Overseer) answer(c call) {
	r := response{ID: c.ID}
	if err := o.connect(c); err != nil {
		r.Error = -int32(unix.EACCES)
		if number := unix.Errno(0); errors.As(err, &number) {
			r.Error = -int32(number) // #nosec G115 -- error numbers are small
		}
	}
	_ = c.tell(unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&r)) // #nosec G103 -- the system call takes a pointer; who asked may be gone
}

// tell says something of the call to the kernel.
func (c call) tell(request uintptr, argument unsafe.Pointer) error {
	var err error
	return errors.Join(c.listener.Control(func(fd uintptr) { err = control(fd, request, argument) }), err)
}

// connect decides on a copy of the address, and connects a copy of the socket:
// what the process changes meanwhile has no effect.
func (o *Overseer) connect(c call) error {
	address, err := c.address()
	if err != nil {
		return err
	}
	to, err := o.destination(c, address)
	if err != nil {
		return err
	}
	defer to.release()
	socket, err := c.socket()
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	if err := c.tell(unix.SECCOMP_IOCTL_NOTIF_ID_VALID, unsafe.Pointer(&c.ID)); err != nil { // #nosec G103 -- the system call takes a pointer
		return err // what was read may be of another process, by the same number
	}
	return unix.Connect(socket, to.address)
}

// address reads the address that the process wants to connect to.
func (c call) address() ([]byte, error) {
	if c.Len < 2 || c.Len > unix.SizeofSockaddrAny {
		return nil, unix.EINVAL
	}
	text := make([]byte, c.Len)
	local := []unix.Iovec{{Base: &text[0], Len: c.Len}}
	remote := []unix.RemoteIovec{{Base: uintptr(c.Address), Len: int(c.Len)}} // #nosec G115 -- it is short
	n, err := unix.ProcessVMReadv(int(c.Thread), local, remote, 0)
	if err == nil && n != len(text) {
		err = unix.EFAULT
	}
	return text, err
}

// socket is a copy of the process's socket.
func (c call) socket() (int, error) {
	pid, err := c.process()
	if err != nil {
		return -1, err
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return -1, err
	}
	defer unix.Close(fd)
	return unix.PidfdGetfd(fd, int(c.FD), 0) // #nosec G115 -- the kernel refuses what is no descriptor
}

// process is that of the thread.
func (c call) process() (pid int, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.Thread))
	if err != nil {
		return 0, err
	}
	_, rest, _ := bytes.Cut(text, []byte("\nTgid:"))
	_, err = fmt.Sscan(string(rest), &pid)
	return pid, err
}

// destination is what may be connected to. A Unix socket is held open, so that
// it stays the one that was looked at.
type destination struct {
	address unix.Sockaddr
	release func()
}

// destination finds out where an address leads, and whether that is granted.
func (o *Overseer) destination(c call, address []byte) (destination, error) {
	to := destination{release: func() {}}
	family, rest := binary.NativeEndian.Uint16(address), address[2:]
	switch {
	case family == unix.AF_UNIX:
		return o.unixSocket(c, rest)
	case o.tcp && family == unix.AF_INET && len(rest) >= 6:
		ip, err := loopback(netip.AddrFrom4([4]byte(rest[2:6])))
		to.address = &unix.SockaddrInet4{Port: port(rest), Addr: ip.As4()}
		return to, err
	case o.tcp && family == unix.AF_INET6 && len(rest) >= 22:
		ip, err := loopback(netip.AddrFrom16([16]byte(rest[6:22])))
		to.address = &unix.SockaddrInet6{Port: port(rest), Addr: ip.As16()}
		return to, err
	}
	return to, unix.EACCES
}

func port(rest []byte) int { return int(binary.BigEndian.Uint16(rest)) }

// loopback lets addresses of the loopback interface pass. The unspecified one
// means loopback too, but on a socket that is bound to another address it would
// mean that, so it is replaced.
func loopback(ip netip.Addr) (netip.Addr, error) {
	switch {
	case ip.IsLoopback() || ip.Unmap().IsLoopback():
		return ip, nil
	case ip == netip.IPv4Unspecified():
		return netip.AddrFrom4([4]byte{127, 0, 0, 1}), nil
	case ip == netip.IPv6Unspecified():
		return netip.IPv6Loopback(), nil
	}
	return netip.IPv4Unspecified(), unix.EACCES
}

// unixSocket finds a Unix socket by the path, as the process sees it.
func (o *Overseer) unixSocket(c call, name []byte) (destination, error) {
	name, _, _ = bytes.Cut(name, []byte{0})
	if len(name) == 0 {
		return destination{}, unix.EPERM // it is abstract
	}
	dir, err := unix.Open(fmt.Sprintf("/proc/%d/cwd", c.Thread), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return destination{}, err
	}
	defer unix.Close(dir)
	// The links of /proc lead elsewhere for the process than they do here.
	fd, err := unix.Openat2(dir, string(name), &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_MAGICLINKS})
	if err != nil {
		return destination{}, err
	}
	at := fmt.Sprintf("/proc/self/fd/%d", fd)
	to := destination{&unix.SockaddrUnix{Name: at}, func() { _ = unix.Close(fd) }}
	if real, err := os.Readlink(at); err != nil || !o.mayWrite(real) {
		to.release()
		return destination{}, unix.EACCES
	}
	return to, nil
}

// mayWrite tells whether a path is one that the process may write, or below.
func (o *Overseer) mayWrite(path string) bool {
	for _, granted := range o.write {
		if path == granted || strings.HasPrefix(path, strings.TrimSuffix(granted, "/")+"/") {
			return true
		}
	}
	return false
}
