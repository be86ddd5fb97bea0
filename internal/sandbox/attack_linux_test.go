package sandbox

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// attacks are what hostile code tries, each of which works when nobody stops
// it. An error says that it was stopped, or what of it was.
func attacks(v victim) map[string]func() error {
	read := func(path string) func() error {
		return func() error { _, err := os.ReadFile(path); return err }
	}
	write := func(path string) func() error {
		return func() error { return os.WriteFile(path, []byte("changed"), 0o644) }
	}
	dial := func(network, address string) func() error {
		return func() error { return say(network, address) }
	}
	return map[string]func() error{
		"read a key in the home folder": read(filepath.Join(v.Secrets, "id_ed25519")),
		"list the home folder":          func() error { _, err := os.ReadDir(v.Secrets); return err },
		"kill another process":          func() error { return syscall.Kill(v.PID, 0) },
		"read the keys of the cloud":    read(filepath.Join(v.Secrets, ".config", "gcloud", "credentials.json")),
		"read the environments of all":  environments,
		"read another's memory":         func() error { return memory(v.PID) },
		"trace another process":         func() error { return attach(v.PID) },
		"write into the build cache":    write(filepath.Join(v.Secrets, ".cache", "go-build", "a")),
		"write into the module cache":   write(filepath.Join(v.Source, "modules", "a")),
		"write into .sluice":            write(filepath.Join(v.Source, ".sluice", "results.sarif")),
		"replace the toolchain":         write(filepath.Join(v.Programs, "go")),
		"become another user":           func() error { return become(v.SetUID) },
		"fork without end":              forkMany,
		"fill the disk by one file":     func() error { return fill(1, 2*mostBytes) },
		"fill the disk by many files":   func() error { return fill(8, mostBytes/4) },
		"take all memory": func() error {
			return exec.Command("/bin/sh", "-c", "head -c 268435456 /dev/zero | tail >/dev/null").Run()
		},
		outlive:                             func() error { return outlast(v.Gate) },
		"write into the declared source":    write(filepath.Join(v.Source, "main.go")),
		"write a git hook":                  write(filepath.Join(v.Source, ".git", "hooks", "pre-commit")),
		"replace a program in PATH":         write(filepath.Join(v.Programs, "tool")),
		"send by TCP":                       dial("tcp", v.TCP),
		"send by UDP":                       dial("udp", v.UDP),
		"reach a Unix socket":               dial("unix", v.Socket),
		"reach an abstract Unix socket":     dial("unix", v.Abstract),
		"send by TCP over IPv6":             func() error { return sendMapped(v.TCP) },
		"send by MPTCP":                     func() error { return sendMPTCP(v.TCP) },
		"send by TCP fast open":             func() error { return fastOpen(v.TCP) },
		"ask DNS":                           func() error { return askDNS(v.DNS) },
		"reach out by a changing address":   func() error { return changingAddress(v.TCP) },
		"reach out by no address":           func() error { return noAddress(v.TCP) },
		"choose a route outside":            func() error { return chooseRoute(v.TCP) },
		"reach a Unix socket by a link":     func() error { return reachByLink(v.Socket) },
		"reach a Unix socket from a folder": func() error { return reachFromFolder(v.Socket) },
		"send to a Unix datagram socket":    func() error { return sendDatagram(v.Datagram) },
		"mount something":                   func() error { return mount(filepath.Join(v.Source, "empty")) },
		"make a user namespace":             userNamespace,
		"open a raw socket":                 func() error { _, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP); return err },
		"change another process's limits":   func() error { return changeLimits(v.PID) },
		"reach the hypervisor":              hypervisor,
		"change a setting of the kernel":    func() error { return openToWrite("/proc/sys/kernel/hostname") },
		"leave by another process's root":   read(fmt.Sprintf("/proc/%d/root%s/id_ed25519", v.PID, v.Secrets)),
		"leave the tree by an open folder":  func() error { return escapeByFolder(v) },
	}
}

// works are what honest code needs of what was declared.
func works(v victim) map[string]func() error {
	return map[string]func() error{
		"read the declared source": func() error { _, err := os.ReadFile(filepath.Join(v.Source, "main.go")); return err },
		"read by links of links":   func() error { _, err := os.ReadFile(v.Linked); return err },
		"write a declared folder":  func() error { return os.WriteFile(filepath.Join(v.Output, "a"), nil, 0o600) },
		"move a file there": func() error {
			return errors.Join(os.WriteFile(filepath.Join(v.Output, "b"), nil, 0o600), os.Mkdir(filepath.Join(v.Output, "d"), 0o700), os.Rename(filepath.Join(v.Output, "b"), filepath.Join(v.Output, "d", "b")))
		},
		"write a temporary file":  func() error { f, err := os.CreateTemp("", ""); return errors.Join(err, f.Close()) },
		"start a program":         func() error { return exec.Command("/bin/sh", "-c", "cat /dev/null && ls /usr >/dev/null").Run() },
		"execute what it wrote":   execute,
		"read random numbers":     func() error { f, err := os.Open("/dev/urandom"); return errors.Join(err, f.Close()) },
		"see its own process":     func() error { _, err := os.ReadFile("/proc/self/status"); return err },
		"serve on loopback":       func() error { return serveSelf("tcp", "127.0.0.1:0") },
		"serve on any address":    func() error { return serveSelf("tcp", ":0") },
		"serve HTTP":              serveHTTP,
		"list interfaces":         func() error { _, err := net.Interfaces(); return err },
		"start go":                func() error { return exec.Command(filepath.Join(v.Go, "bin", "go"), "version").Run() },
		"serve on loopback, IPv6": func() error { return serveSelf("tcp", "[::1]:0") },
		"serve on a Unix socket":  func() error { return serveSelf("unix", filepath.Join(os.TempDir(), "socket")) },
		"resolve localhost":       func() error { _, err := net.LookupHost("localhost"); return err },
	}
}

// execute runs a copy of a program, below the folder for temporary files.
func execute() error {
	text, err := os.ReadFile("/bin/true")
	if err != nil {
		return err
	}
	path := filepath.Join(os.TempDir(), "true")
	if err := os.WriteFile(path, text, 0o700); err != nil {
		return err
	}
	return exec.Command(path).Run()
}

// serveSelf listens, and talks to itself.
func serveSelf(network, address string) error {
	l, err := net.Listen(network, address)
	if err != nil {
		return err
	}
	defer l.Close()
	served := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			_, err = c.Write([]byte("thanks"))
			err = errors.Join(err, c.Close())
		}
		served <- err
	}()
	c, err := net.Dial(network, l.Addr().String())
	if err != nil {
		return err
	}
	_, err = c.Read(make([]byte, 8))
	return errors.Join(err, c.Close(), <-served)
}

// victim is what there is to attack, outside of what is declared.
type victim struct {
	Program           string // this program, where the user can execute it
	Secrets, Programs string
	Source, Go        string // declared, to read
	Linked            string // so too: a file of Source by links of links
	SetUID, Gate      string // a program that becomes another user; a pipe in Output
	Output            string // declared, to write
	PID               int
	Socket, Datagram  string // paths
	TCP, UDP, DNS     string // addresses that are not loopback's
	Abstract          string
}

// say sends a word and, where the other side answers, wants one.
func say(network, address string) error {
	c, err := net.DialTimeout(network, address, 5*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Write([]byte("secret")); err != nil {
		return err
	}
	if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	_, err = c.Read(make([]byte, 8))
	return err
}

// changeLimits sets a limit of a process to what it is already.
func changeLimits(pid int) error {
	var now unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &now); err != nil {
		return err
	}
	return unix.Prlimit(pid, unix.RLIMIT_NOFILE, &now, nil)
}

// hypervisor opens a socket that no network namespace holds (vsock(7)).
func hypervisor() error {
	fd, err := unix.Socket(unix.AF_VSOCK, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// openToWrite opens a file, and changes nothing.
func openToWrite(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

// environments looks for a token in all of them.
func environments() error {
	paths, err := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range paths {
		if text, e := os.ReadFile(path); e == nil && strings.HasPrefix(string(text), "TOKEN=") {
			return nil
		}
	}
	return errors.Join(err, fmt.Errorf("there is none in %d", len(paths)))
}

func memory(pid int) error {
	f, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

// attach traces a process by a thread that ends, which lets go of it.
func attach(pid int) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		result <- unix.PtraceSeize(pid)
	}()
	return <-result
}

// become executes id as the user that the program is set to.
func become(program string) error {
	text, err := exec.Command(program, "-u").Output()
	if err == nil && strings.TrimSpace(string(text)) == strconv.Itoa(os.Getuid()) {
		err = errors.New("it stayed the same user")
	}
	return err
}

// forkMany starts more processes than the limit, each of which waits.
func forkMany() (err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	var all []*exec.Cmd
	for err == nil && len(all) < 2*mostProcesses {
		c := exec.Command("/bin/cat")
		c.Stdin = r
		if err = c.Start(); err == nil {
			all = append(all, c)
		}
	}
	err = errors.Join(err, r.Close(), w.Close())
	for _, c := range all {
		err = errors.Join(err, c.Wait())
	}
	return err
}

// fill writes files, which it takes away again.
func fill(files, size int) (err error) {
	dir, err := os.MkdirTemp("", "sandbox-")
	if err != nil {
		return err
	}
	for i := range files {
		err = errors.Join(err, zeros(filepath.Join(dir, strconv.Itoa(i)), size))
	}
	return errors.Join(err, os.RemoveAll(dir))
}

// zeros writes a file, without having it in memory: the attack on memory comes later.
func zeros(path string, size int) error {
	from, err := os.Open("/dev/zero")
	if err != nil {
		return err
	}
	to, err := os.Create(path)
	if err == nil {
		_, err = io.CopyN(to, from, int64(size))
		err = errors.Join(err, to.Close())
	}
	return errors.Join(err, from.Close())
}

// outlive is the attack whose success shows when the process has ended.
const outlive = "outlive its parent"

// outlast leaves a process in a session of its own, until somebody writes to the
// gate.
func outlast(gate string) error {
	c := exec.Command("/bin/sh", "-c", `(exec 3<>"$1"; echo ready; read end <&3) &`, "sh", gate)
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	_, err = io.ReadFull(out, make([]byte, len("ready\n")))
	return err
}

// survived tells whether a process is left, and ends it.
func survived(gate string) bool {
	f, err := os.OpenFile(gate, os.O_WRONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return false // nobody reads
	}
	_, err = f.WriteString("end\n")
	return errors.Join(err, f.Close()) == nil
}

// mount mounts on a folder of the test's own, and takes it away at once.
func mount(dir string) error {
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
		return err
	}
	return unix.Unmount(dir, 0)
}

func userNamespace() error {
	c := exec.Command("/bin/true")
	c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER}
	return c.Run()
}

// escapeByFolder opens the root and walks up from it.
func escapeByFolder(v victim) error {
	fd, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	at, err := unix.Openat(fd, "../../../.."+filepath.Join(v.Secrets, "id_ed25519"), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return unix.Close(at)
}
