package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// outside is the address that stands for the outside: of the test's own network.
const outside = "192.0.2.1"

// openNetwork makes the network namespace, in which this process was started, a
// small world: loopback, and an address beside it at which somebody listens.
func openNetwork(v *victim) error {
	if err := errors.Join(raiseLoopback(), addAddress()); err != nil {
		return fmt.Errorf("making a network: %w", err)
	}
	v.Abstract = fmt.Sprintf("@sandbox-%d", os.Getpid())
	for address, at := range map[*string][2]string{&v.TCP: {"tcp", outside + ":0"}, &v.Abstract: {"unix", v.Abstract}} {
		l, err := net.Listen(at[0], at[1])
		if err != nil {
			return err
		}
		go thank(l)
		*address = l.Addr().String()
	}
	for address, reply := range map[*string]func([]byte){&v.UDP: func([]byte) {}, &v.DNS: noSuchName} {
		c, err := net.ListenPacket("udp", outside+":0")
		if err != nil {
			return err
		}
		go echo(c, reply)
		*address = c.LocalAddr().String()
	}
	return nil
}

func addAddress() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo:1")
	if err != nil {
		return err
	}
	ip := netip.MustParseAddr(outside).As4()
	return errors.Join(request.SetInet4Addr(ip[:]), unix.IoctlIfreq(fd, unix.SIOCSIFADDR, request))
}

// thank answers what it is told.
func thank(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = c.Read(make([]byte, 64))
		_, _ = c.Write([]byte("thanks"))
		_ = c.Close()
	}
}

func echo(c net.PacketConn, reply func([]byte)) {
	buffer := make([]byte, 512)
	for {
		n, from, err := c.ReadFrom(buffer)
		if err != nil {
			return
		}
		reply(buffer[:n])
		_, _ = c.WriteTo(buffer[:n], from)
	}
}

// noSuchName makes a question of DNS its answer.
func noSuchName(message []byte) {
	if len(message) > 3 {
		message[2] |= 0x80
		message[3] = 3
	}
}

func askDNS(server string) error {
	r := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", server)
	}}
	_, err := r.LookupHost(context.Background(), "secret.example.")
	if problem := (*net.DNSError)(nil); errors.As(err, &problem) && problem.IsNotFound {
		return nil // that is what it was told
	}
	return err
}

// stream makes a TCP socket, and the address to connect it to.
func stream(address string, protocol int) (int, *unix.SockaddrInet4, error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return -1, nil, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, protocol)
	return fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}, err
}

func sendMPTCP(address string) error {
	fd, to, err := stream(address, unix.IPPROTO_MPTCP)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Connect(fd, to)
}

// sendMapped sends to an IPv4 address in the form of IPv6.
func sendMapped(address string) error {
	fd, to, err := stream(address, 0)
	if err != nil {
		return err
	}
	if err := unix.Close(fd); err != nil {
		return err
	}
	if fd, err = unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Connect(fd, &unix.SockaddrInet6{Port: to.Port, Addr: netip.AddrFrom4(to.Addr).As16()})
}

func fastOpen(address string) error {
	fd, to, err := stream(address, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Sendto(fd, []byte("secret"), unix.MSG_FASTOPEN, to)
}

// changingAddress changes the address while the kernel, or whoever else, looks
// at it.
func changingAddress(address string) error {
	fd, to, err := stream(address, 0)
	if err != nil {
		return err
	}
	if err := unix.Close(fd); err != nil {
		return err
	}
	raw := unix.RawSockaddrInet4{Family: unix.AF_INET, Port: uint16(to.Port>>8 | to.Port<<8)}
	ip := (*uint32)(unsafe.Pointer(&raw.Addr))
	var stop atomic.Bool
	defer stop.Store(true)
	began := make(chan struct{})
	go func() {
		close(began)
		for inside := [4]byte{127, 0, 0, 1}; !stop.Load(); {
			atomic.StoreUint32(ip, *(*uint32)(unsafe.Pointer(&inside)))
			atomic.StoreUint32(ip, *(*uint32)(unsafe.Pointer(&to.Addr)))
		}
	}()
	<-began
	err = errors.New("nothing was tried")
	for range 5000 { // on a busy machine the two take turns
		if fd, _, err = stream(address, 0); err != nil {
			return err
		}
		_, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&raw)), unix.SizeofSockaddrInet4)
		_ = unix.Close(fd)
		if errno == 0 {
			return nil
		}
		err = errno
	}
	return err
}

// noAddress connects to the unspecified address, which is that which the socket
// was bound to.
func noAddress(address string) error {
	fd, to, err := stream(address, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: to.Addr}); err != nil {
		return err
	}
	to.Addr = [4]byte{}
	return unix.Connect(fd, to)
}

// chooseRoute has a socket of an outside address go by ways of its own.
func chooseRoute(address string) error {
	fd, to, err := stream(address, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: to.Addr}); err != nil {
		return err
	}
	hop := string([]byte{1, 0x83, 7, 4}) + string(to.Addr[:])
	route := unix.SetsockoptString(fd, unix.IPPROTO_IP, unix.IP_OPTIONS, hop)
	device := unix.SetsockoptString(fd, unix.SOL_SOCKET, unix.SO_BINDTODEVICE, "lo")
	if route != nil && device != nil {
		return errors.Join(route, device)
	}
	return nil
}

func reachByLink(socket string) error {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		return err
	}
	link := filepath.Join(dir, "socket")
	return errors.Join(os.Symlink(socket, link), say("unix", link))
}

func reachFromFolder(socket string) error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	path, err := filepath.Rel(dir, socket)
	if err != nil {
		return err
	}
	return say("unix", path)
}

func sendDatagram(path string) error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	err = unix.Sendto(pair[0], []byte("secret"), 0, &unix.SockaddrUnix{Name: path})
	return errors.Join(err, unix.Close(pair[0]), unix.Close(pair[1]))
}

func serveHTTP() error {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	r, err := s.Client().Get(s.URL)
	if err != nil {
		return err
	}
	return r.Body.Close()
}

// inNetwork has a command start in a network of its own, as a user who may set
// it up.
func inNetwork(uid int) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}
	switch os.Geteuid() {
	case uid:
		if uid == 0 {
			return a
		}
		a.Cloneflags |= unix.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}}
	default:
		a.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}
	}
	a.AmbientCaps = []uintptr{unix.CAP_NET_ADMIN}
	return a
}
