package sandbox

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// handOver installs a filter that asks the parent's overseer about every
// connect, and gives it the descriptor to answer by. Where the kernel has no
// such filter (before Linux 5.7) the network is not held.
func handOver(r Request) (Level, error) {
	defer unix.Close(r.Overseer)
	f := callFilter(func(f *filter) { overseen(f, r.Access.Network) })
	const flags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_TSYNC | unix.SECCOMP_FILTER_FLAG_TSYNC_ESRCH
	// A connect that a signal interrupts would be tried, and answered, twice.
	fd, err := f.install(flags | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)
	if errors.Is(err, unix.EINVAL) {
		fd, err = f.install(flags) // before Linux 5.19
	}
	if errors.Is(err, unix.EINVAL) {
		r.Overseer = 0
		return filterCalls(r, 0)
	}
	if err != nil {
		return None, err // EBUSY: it is overseen already, and NetworkHeld does not say so
	}
	defer unix.Close(fd)
	if err := unix.Sendmsg(r.Overseer, []byte{0}, unix.UnixRights(fd), nil, 0); err != nil {
		return None, fmt.Errorf("telling the overseer: %w", err)
	}
	return Partial, nil
}

// overseen leaves the sockets that say nothing before they are connected, and
// has the overseer connect them. A datagram could name any address, as could the
// first message by TCP fast open; MPTCP, refused as by a kernel without it, adds
// addresses by itself. Listening on any address is allowed: nothing goes out by it.
func overseen(f *filter, network Network) {
	f.equal(unix.SYS_CONNECT, func() { f.answer(ask) })
	f.equal(unix.SYS_SOCKET, func() {
		f.load(firstArg)
		f.equal(unix.AF_UNIX, f.connected)
		if network == Loopback || network == Machine {
			f.equal(unix.AF_INET, f.tcp)
			f.equal(unix.AF_INET6, f.tcp)
			f.equal(unix.AF_NETLINK, func() { // by which programs list interfaces
				f.load(thirdArg)
				f.equal(unix.NETLINK_ROUTE, func() { f.answer(allow) })
				f.answer(refuse(unix.EACCES))
			})
		}
		f.answer(refuse(unix.EACCES))
	})
	f.equal(unix.SYS_SOCKETPAIR, f.connected)
	for call, flags := range map[uint32]uint32{unix.SYS_SENDTO: fourthArg, unix.SYS_SENDMSG: thirdArg, unix.SYS_SENDMMSG: fourthArg} {
		f.equal(call, func() {
			f.load(flags)
			f.bits(unix.MSG_FASTOPEN, func() { f.answer(refuse(unix.EACCES)) })
			f.answer(allow)
		})
	}
	f.equal(unix.SYS_SETSOCKOPT, f.routes)
}

// connected allows the types of socket of which each message goes to the one
// other side.
func (f *filter) connected() {
	f.load(secondArg)
	f.code = append(f.code, unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: 0xf}) // without SOCK_CLOEXEC and SOCK_NONBLOCK
	f.equal(unix.SOCK_STREAM, func() { f.answer(allow) })
	f.equal(unix.SOCK_SEQPACKET, func() { f.answer(allow) })
	f.answer(refuse(unix.EACCES))
}

func (f *filter) tcp() {
	f.load(thirdArg)
	f.equal(0, f.connected)
	f.equal(unix.IPPROTO_TCP, f.connected)
	f.answer(refuse(unix.EPROTONOSUPPORT))
}

// routes refuses the socket options by which what is addressed to loopback
// leaves the machine all the same, and that by which a message connects.
func (f *filter) routes() {
	f.load(secondArg)
	for level, options := range map[uint32][]uint32{
		unix.SOL_SOCKET:   {unix.SO_BINDTODEVICE, unix.SO_BINDTOIFINDEX},
		unix.IPPROTO_IP:   {unix.IP_OPTIONS},
		unix.IPPROTO_IPV6: {unix.IPV6_RTHDR, unix.IPV6_2292PKTOPTIONS},
		unix.IPPROTO_TCP:  {unix.TCP_FASTOPEN_CONNECT},
	} {
		f.equal(level, func() {
			f.load(thirdArg)
			for _, option := range options {
				f.equal(option, func() { f.answer(refuse(unix.EPERM)) })
			}
			f.answer(allow)
		})
	}
	f.answer(allow)
}
