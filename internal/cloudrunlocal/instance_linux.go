package cloudrunlocal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sluice-ci/sluice/internal/mask"
	"github.com/sluice-ci/sluice/internal/sandbox"
)

// instance is a running process of a revision, the head of a process group.
// It dies with the supervisor, however that ends.
type instance struct {
	cmd      *exec.Cmd
	port     int
	confined sandbox.Enforced // how strictly
	group    *sandbox.Group
	ended    chan struct{} // closed when it has ended and its group is gone
	how      string        // it ended; to be read after that

	mu     sync.Mutex // held where its number must still be its own
	reaped bool
}

// startInstance starts a program with a port to listen on, as strictly confined
// as the kernel grants. What it prints goes to log.
func startInstance(p program, log *mask.Writer) (*instance, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	i, err := begin(p.order(port, true), log)
	if errors.Is(err, errRefused) {
		i, err = begin(p.order(port, false), log)
	}
	if err != nil {
		return nil, err
	}
	i.port = port
	return i, nil
}

// begin starts a process and returns when it has become what was ordered.
func begin(o order, log *mask.Writer) (*instance, error) {
	ours, theirs, err := converse()
	if err != nil {
		return nil, err
	}
	defer ours.Close()
	defer theirs.Close()
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	i := &instance{cmd: o.command(), group: sandbox.NewGroup(o.Confine.Limits), ended: make(chan struct{})}
	i.cmd.Stdout, i.cmd.Stderr, i.cmd.ExtraFiles = in, in, []*os.File{theirs}
	o.Confine.LimitsHeld = i.group.Level()
	if err := i.cmd.Start(); err != nil {
		if o.Confine.Namespaces && sandbox.Refused(err) {
			err = fmt.Errorf("%w: %w", errRefused, err)
		}
		return nil, errors.Join(err, i.group.Close(), out.Close())
	}
	_ = theirs.Close() // what is left of it is the process's, and tells of its end
	_ = in.Close()
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		copyLog(log, out) // ends when the last of the group has closed it
	}()
	go i.reap(out, copied)
	if err = i.group.Add(i.cmd.Process.Pid); err == nil {
		i.confined, err = o.become(ours)
	}
	if err != nil {
		i.stop(0)
		return nil, err
	}
	return i, nil
}

// converse makes two files that are connected with each other.
func converse() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("making a pair of sockets: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "orders"), os.NewFile(uintptr(fds[1]), "answers"), nil // #nosec G115 -- descriptors
}

// idle is how long a process must have been silent for what may be the beginning
// of a secret to be logged.
const idle = 200 * time.Millisecond

// copyLog logs what a process prints. Writing to a log never fails.
func copyLog(log *mask.Writer, out *os.File) {
	piece := make([]byte, 32<<10)
	for {
		deadline := time.Time{}
		if log.Held() {
			deadline = time.Now().Add(idle)
		}
		_ = out.SetReadDeadline(deadline) // a pipe has deadlines
		n, err := out.Read(piece)
		_, _ = log.Write(piece[:n])
		if err != nil {
			_ = log.Flush()
		}
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
	}
}

// classify tells an image that cannot be executed from a machine that cannot
// execute it.
func classify(err error) error {
	for _, of := range []error{syscall.ENOENT, syscall.ENOEXEC, syscall.ELIBBAD, syscall.EISDIR, syscall.ENOTDIR} {
		if errors.Is(err, of) {
			return fmt.Errorf("%w: %w", errImage, err)
		}
	}
	return err
}

// reap waits for the process to end and takes the rest of its group along. The
// group is killed before its head is reaped, while its number cannot be anybody else's.
func (i *instance) reap(out io.Closer, copied <-chan struct{}) {
	pid := i.cmd.Process.Pid
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	i.mu.Lock()
	_ = syscall.Kill(-pid, syscall.SIGKILL) // an empty group is as good
	if err := i.cmd.Wait(); err != nil && i.cmd.ProcessState == nil {
		i.how = err.Error()
	} else {
		i.how = i.cmd.ProcessState.String()
	}
	i.reaped = true
	i.mu.Unlock()
	_ = i.group.Close() // what is left is in it, and is seen to when the next group is made
	select {
	case <-copied:
	case <-time.After(time.Second): // somebody left the group and keeps it open
	}
	_ = out.Close()
	<-copied
	close(i.ended)
}

// signal sends to the process, or to its whole group.
func (i *instance) signal(s syscall.Signal, group bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.reaped {
		return
	}
	pid := i.cmd.Process.Pid
	if group {
		pid = -pid
	}
	_ = syscall.Kill(pid, s) // it has not been reaped, so it exists
}

// stop asks the process to end, and kills its group after a limit.
func (i *instance) stop(limit time.Duration) {
	i.signal(syscall.SIGTERM, false)
	if !i.heeds(syscall.SIGTERM) {
		limit = 0
	}
	select {
	case <-i.ended:
		return
	case <-time.After(limit):
	}
	i.signal(syscall.SIGKILL, true)
	<-i.ended
}

// heeds tells whether the process has a signal do anything: of those that process 1
// of a namespace does not handle the kernel keeps it free (pid_namespaces(7)).
func (i *instance) heeds(s syscall.Signal) bool {
	if i.confined.Processes < sandbox.Full {
		return true
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.reaped || catches(i.cmd.Process.Pid, s)
}

// listens tells whether it is this instance that listens on its port.
func (i *instance) listens() bool { return groupListens(i.cmd.Process.Pid, i.port) }
