package cloudrunlocal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sluice-ci/sluice/internal/sandbox"
)

// A service's process begins as this program, which confines itself, tells the
// supervisor how far it could, and becomes the service.

// orderFile is the number of the file on which it is told what to become, and
// answers. It is closed when it has become that.
const orderFile = 3

// order is what a process is to become.
type order struct {
	Confine sandbox.Request `json:"confine"`
	Path    string          `json:"path"`
	Args    []string        `json:"args"`
	Env     []string        `json:"env"`
}

// reply is what came of an order; two of them when the second one tells of a failure.
type reply struct {
	Enforced *sandbox.Enforced `json:"enforced,omitempty"`
	Error    string            `json:"error,omitempty"`
	Errno    syscall.Errno     `json:"errno,omitempty"`    // the system's reason; 0 is another one
	Refused  bool              `json:"refused,omitempty"`  // the kernel confines less
	Executed bool              `json:"executed,omitempty"` // it is the execution that failed
}

// covered is the folder on which a process mounts what it may see. An image has
// no say in what is there.
const covered = "/sys"

// dataPath is where a service sees its data in a file system of its own.
const dataPath = "/data"

// instanceLimits are on what an instance and all that it starts may take together.
func instanceLimits() sandbox.Limits {
	return sandbox.Limits{Processes: 4096, Memory: sandbox.Memory() / 4 * 3}
}

// order is what a process must do to become the program.
func (p program) order(port int, namespaces bool) order {
	root, data, temp := "/", dataPath, "/tmp"
	if !namespaces {
		root, data, temp = p.root, p.data, p.temp
	}
	request := sandbox.Request{
		Access:     sandbox.Access{Network: sandbox.Outside, Dir: filepath.Join(root, p.dir)},
		Namespaces: namespaces, Root: covered, Temp: p.temp, Limits: instanceLimits(),
		Image: &sandbox.Image{Root: p.root, Write: map[string]string{dataPath: p.data}},
	}
	if p.user != nil {
		request.User = &sandbox.User{UID: int(p.user.uid), GID: int(p.user.gid)}
	}
	env := append(slices.Clone(p.env), "DATA_DIR="+data, "TMPDIR="+temp, "PORT="+strconv.Itoa(port))
	slices.Sort(env)
	return order{Confine: request, Path: filepath.Join(root, p.path), Args: p.args, Env: env}
}

// command is this program, about to be told what to become.
func (o order) command() *exec.Cmd {
	cmd := &exec.Cmd{Path: "/proc/self/exe", Args: []string{os.Args[0], "supervise", instanceArg}, Dir: "/", Env: []string{}}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if o.Confine.Namespaces {
		sandbox.Prepare(cmd, o.Confine.Access.Network)
	}
	return cmd
}

// enterLimit is how long it may take until a process has become the service.
const enterLimit = 30 * time.Second

// errRefused is a kernel that does not let a process confine itself so far.
var errRefused = errors.New("the kernel refuses to confine the service")

// become tells a process what to be, and returns when it is.
func (o order) become(conn *os.File) (e sandbox.Enforced, err error) {
	if err := conn.SetDeadline(time.Now().Add(enterLimit)); err != nil {
		return e, err
	}
	if err := json.NewEncoder(conn).Encode(o); err != nil {
		return e, fmt.Errorf("telling a process what to be: %w", err)
	}
	confined := false
	for d := json.NewDecoder(io.LimitReader(conn, maxMessage)); ; {
		var a reply
		err := d.Decode(&a)
		switch {
		case errors.Is(err, io.EOF) && confined:
			return e, nil // its end was closed when it was executed
		case err != nil:
			return e, fmt.Errorf("a process did not become the service: %w", err)
		case a.Error != "":
			return e, a.err()
		case a.Enforced == nil:
			return e, errors.New("a process did not become the service, and does not say why")
		}
		e, confined = *a.Enforced, true
	}
}

// err is the failure that a reply tells of.
func (a reply) err() error {
	err := errors.New(a.Error)
	if a.Errno != 0 {
		err = fmt.Errorf("%w: %w", err, a.Errno)
	}
	switch {
	case a.Refused:
		return fmt.Errorf("%w: %w", errRefused, err)
	case a.Executed:
		return classify(err)
	}
	return err
}

// instanceMain is the process that becomes a service. It returns only when it
// cannot, with the exit status.
func instanceMain() int {
	runtime.LockOSThread() // what ends it with the supervisor is kept by the thread that executes the service
	syscall.CloseOnExec(orderFile)
	conn := os.NewFile(orderFile, "orders")
	_ = json.NewEncoder(conn).Encode(carryOut(conn)) // nobody is there when the supervisor has ended
	return 1
}

func carryOut(conn *os.File) reply {
	var o order
	if err := json.NewDecoder(io.LimitReader(conn, maxMessage)).Decode(&o); err != nil {
		return failed("reading what to become", err)
	}
	e, err := sandbox.Enter(o.Confine)
	if err != nil {
		a := failed("confining the service", err)
		a.Refused = sandbox.Refused(err)
		return a
	}
	if err := stayWith(); err != nil {
		return failed("staying with the supervisor", err)
	}
	if err := json.NewEncoder(conn).Encode(reply{Enforced: &e}); err != nil {
		return failed("answering", err)
	}
	a := failed("executing "+o.Args[0], syscall.Exec(o.Path, o.Args, o.Env)) // #nosec G204 -- what the image says is to be run
	a.Executed = true
	return a
}

func failed(what string, err error) reply {
	a := reply{Error: what + ": " + err.Error()}
	if errors.As(err, &a.Errno) {
		a.Error = what
	}
	return a
}

// stayWith has this process end when the supervisor does: becoming another user
// has undone that. One that has ended already has let go of its end of the connection.
func stayWith() error {
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0, 0, 0); err != nil {
		return err
	}
	supervisor := []unix.PollFd{{Fd: orderFile}}
	if _, err := unix.Poll(supervisor, 0); err != nil && !errors.Is(err, unix.EINTR) {
		return err
	}
	if supervisor[0].Revents&unix.POLLHUP != 0 {
		return errors.New("it has ended")
	}
	return nil
}
