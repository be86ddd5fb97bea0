package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"

	landlock "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// trial is what a re-executed test process is asked to do.
type trial struct {
	Request    Request
	Victim     victim
	Confined   bool
	Launch     bool // start the confined process, as the user that this one is
	Unseen     bool // without an overseer
	NoLandlock bool
	Nested     bool // have the confined process confine one of its own, which attacks
	Attacks    []string
}

// told is what it says.
type told struct {
	Enforced Enforced
	Results  map[string]string // by attack: "" when it worked
}

const trialVariable = "SANDBOX_TRIAL"

func TestMain(m *testing.M) {
	text := os.Getenv(trialVariable)
	if text == "" {
		os.Exit(m.Run())
	}
	var t trial
	err := json.Unmarshal([]byte(text), &t)
	if err == nil && t.Launch {
		err = t.launch(os.Stdout)
	} else if err == nil {
		err = t.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run confines this process and attacks.
func (t trial) run() error {
	answer := told{Results: map[string]string{}}
	t.Request.noLandlock = t.NoLandlock
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil { // until it is in its group
		return err
	}
	if t.Confined && !t.Request.Namespaces {
		if err := os.Setenv("TMPDIR", t.Request.Temp); err != nil {
			return err
		}
	}
	if t.Confined {
		var err error
		if answer.Enforced, err = Enter(t.Request); err != nil {
			return err
		}
	}
	if t.Nested {
		t.Nested, t.Request.NetworkHeld, t.Request.LimitsHeld = false, answer.Enforced.Network, answer.Enforced.Limits
		return t.start(os.Stdout)
	}
	all := attacks(t.Victim)
	maps.Copy(all, works(t.Victim))
	for _, name := range t.Attacks {
		if err := all[name](); err != nil {
			answer.Results[name] = err.Error()
		} else {
			answer.Results[name] = ""
		}
	}
	return json.NewEncoder(os.Stdout).Encode(answer)
}

// launch starts the process that is to be confined, in a network of the test's
// own.
func (t trial) launch(out *os.File) error {
	t.Launch = false
	if err := openNetwork(&t.Victim); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return err
	}
	return t.start(out)
}

// start starts the process that is to be confined.
func (t trial) start(out *os.File) error {
	c := exec.Command("/proc/self/exe")
	if t.Request.Namespaces {
		Prepare(c, t.Request.Access.Network)
	}
	o := &Overseer{end: func() {}}
	if t.Confined && !t.Unseen {
		var err error
		if o, err = Oversee(c, &t.Request); err != nil {
			return err
		}
	}
	g := NewGroup(t.Request.Limits)
	t.Request.LimitsHeld = max(t.Request.LimitsHeld, g.Level())
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	c.Env = []string{trialVariable + "=" + string(text), "PATH=/usr/bin:/bin", "GORACE=atexit_sleep_ms=0"}
	c.Stdout, c.Stderr = out, os.Stderr
	task, err := c.StdinPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return errors.Join(err, o.Close(), g.Close())
	}
	served := make(chan error, 1)
	go func() { served <- o.Run() }()
	err = errors.Join(g.Add(c.Process.Pid), task.Close())
	return errors.Join(err, c.Wait(), o.Close(), <-served, g.Close())
}

// as runs a trial as a user.
func (t trial) as(test *testing.T, uid int) told {
	test.Helper()
	answer, err := t.try(test, uid)
	if err != nil {
		test.Fatal(err)
	}
	return answer
}

func (t trial) try(test *testing.T, uid int) (answer told, err error) {
	test.Helper()
	t.Launch = true
	text, err := json.Marshal(t)
	if err != nil {
		test.Fatal(err)
	}
	c := exec.Command(t.Victim.Program)
	c.Env = []string{trialVariable + "=" + string(text), "PATH=/usr/bin:/bin", "GORACE=atexit_sleep_ms=0"}
	c.SysProcAttr = inNetwork(uid)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		return answer, fmt.Errorf("%w: %s", err, &stderr)
	}
	return answer, json.Unmarshal(stdout.Bytes(), &answer)
}

// program is a copy of this test program that a user can execute.
func program(t *testing.T, uid int) string {
	t.Helper()
	text, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(owned(t, uid), "program")
	put(t, uid, path, string(text))
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// setUID is a copy of id(1) that belongs to another user and is executed as him,
// where this one can make it.
func setUID(t *testing.T, uid int) string {
	t.Helper()
	text, err := os.ReadFile("/usr/bin/id")
	if err != nil {
		t.Fatal(err)
	}
	path, other := filepath.Join(owned(t, uid), "id"), 0
	if uid == 0 {
		other = 65534
	}
	put(t, uid, path, string(text))
	if os.Geteuid() == 0 {
		err = os.Chown(path, other, other)
	}
	if err := errors.Join(err, os.Chmod(path, 0o755|os.ModeSetuid)); err != nil {
		t.Fatal(err)
	}
	return path
}

// users are those that the suite can be run as: this one, and an ordinary one
// where this is root.
func users() map[string]int {
	if os.Geteuid() != 0 {
		return map[string]int{"user": os.Geteuid()}
	}
	return map[string]int{"root": 0, "user": 65534}
}

// What the attacks exceed. The number is of all of an ordinary user's, and so
// above what other tests need.
const (
	mostProcesses = 150
	mostBytes     = 32 << 20
)

// level is how a trial is confined, and the attacks that this does not stop.
type level struct {
	name                                   string
	namespaces, noLandlock, unseen, nested bool
	network                                Network
	want                                   Enforced
	passed                                 []string
}

// levels are those of an ordinary user; what is otherwise for root is in passed.
func levels() []level {
	files := []string{
		"read a key in the home folder", "list the home folder", "read the keys of the cloud", "leave the tree by an open folder",
		"write into the build cache", "write into the module cache", "write into .sluice", "write into the declared source", "write a git hook",
		"replace the toolchain", "replace a program in PATH",
	}
	others := []string{"read the environments of all", "read another's memory", "trace another process", "leave by another process's root"}
	outside := []string{
		"reach a Unix socket", "reach a Unix socket by a link", "reach a Unix socket from a folder", "send to a Unix datagram socket",
		"send by TCP", "send by UDP", "send by TCP over IPv6", "send by MPTCP", "send by TCP fast open", "ask DNS", "reach out by a changing address", "reach out by no address", "choose a route outside",
	}
	full, partial := Enforced{Full, Full, Full, Partial}, Enforced{Partial, Partial, Partial, Partial}
	shared := []string{"fill the disk by many files", outlive, "kill another process"} // the caller adopts and ends what is left
	return []level{
		{name: "full", namespaces: true, network: Loopback, want: full},
		{name: "full, no network", namespaces: true, network: NoNetwork, want: full},
		{name: "full without Landlock", namespaces: true, noLandlock: true, network: Loopback, want: full},
		{name: "full, the machine's network", namespaces: true, network: Machine, want: Enforced{Full, Partial, Full, Partial}},
		{name: "Landlock and seccomp", network: Loopback, want: partial, passed: shared},
		{name: "Landlock and seccomp, no network", network: NoNetwork, want: partial, passed: shared},
		{name: "nested", nested: true, network: Loopback, want: partial, passed: shared},
		{name: "nested, no network", nested: true, network: NoNetwork, want: partial, passed: shared},
		{name: "seccomp only", noLandlock: true, network: Loopback, want: Enforced{None, Partial, None, Partial}, passed: slices.Concat(shared, files, others)},
		{name: "no overseer, no network", unseen: true, network: NoNetwork, want: partial, passed: shared},
		{name: "no overseer", unseen: true, network: Loopback, want: Enforced{Partial, None, Partial, Partial}, passed: slices.Concat(shared, outside)},
	}
}

// otherwise tells whether an attack is stopped, or not, for reasons beyond the
// level: by a group of this machine's, or by having no capabilities.
func (l level) otherwise(attack string, uid int, limits Level) (passed, known bool) {
	switch attack {
	case "take all memory":
		return limits != Full, true
	case "fork without end":
		return limits == None, true
	case "reach an abstract Unix socket": // what older kernels' Landlock does not stop, an overseer or a namespace does
		version, err := landlock.LandlockGetABIVersion()
		return l.unseen && l.network != NoNetwork && (err != nil || version < 6), true
	case "change a setting of the kernel": // they are root's
		return uid == 0 && l.noLandlock && !l.namespaces, true
	case outlive: // root has a group here, which ends it
		return false, uid == 0 && limits > None
	case "read the environments of all", "read another's memory", "trace another process", "leave by another process's root":
		return false, uid == 0 // the other one has capabilities
	}
	return false, false
}

// TestAttacks has each attack succeed without confinement, shows what each level
// stops, by root and by an ordinary user, and prints the table.
func TestAttacks(t *testing.T) {
	t.Parallel()
	for who, uid := range users() {
		t.Run(who, func(t *testing.T) {
			v := newVictim(t, uid)
			names := slices.Sorted(maps.Keys(attacks(v)))
			free := trial{Victim: v, Attacks: names}.attack(t, uid)
			for _, name := range names {
				if free.Results[name] != "" && !needsRoot(name, uid) {
					t.Errorf("%s: it fails without confinement too: %s", name, free.Results[name])
				}
			}
			var columns []string
			stopped := map[string][]string{}
			for _, l := range levels() {
				if l.namespaces && !granted(t, v, uid) {
					continue
				}
				got := l.attack(t, v, uid, names)
				columns = append(columns, l.name)
				for _, name := range names {
					word := "stopped"
					if result, tried := got.Results[name]; !tried {
						word = "-"
					} else if result == "" {
						word = "NOT STOPPED"
					}
					stopped[name] = append(stopped[name], word)
				}
			}
			t.Log(table(columns, names, stopped))
		})
	}
}

// attack tries all at a level, and compares what passed.
func (l level) attack(t *testing.T, v victim, uid int, names []string) told {
	t.Helper()
	r := request(t, v, uid, l.namespaces)
	r.Access.Network = l.network
	r.Limits = Limits{FileSize: mostBytes, Processes: mostProcesses, Memory: 4 * mostBytes}
	if l.namespaces {
		r.Limits.Temp = mostBytes
	}
	if l.nested || l.network == NoNetwork { // what takes long is as at the level beside it
		names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == "take all memory" || name == "fork without end" })
	}
	got := trial{Victim: v, Attacks: names, Confined: true, Unseen: l.unseen, NoLandlock: l.noLandlock, Nested: l.nested, Request: r}.attack(t, uid)
	if l.want.Limits = Partial; uid == 0 {
		l.want.Limits = got.Enforced.Limits // as this machine grants groups
	}
	if l.namespaces && uid == 0 && os.Getenv("SANDBOX_LIMITS") == "full" {
		l.want.Limits = Full // it is known to
	}
	if got.Enforced != l.want {
		t.Errorf("%s: enforced %+v, want %+v", l.name, got.Enforced, l.want)
	}
	for _, name := range names {
		want, known := l.otherwise(name, uid, got.Enforced.Limits)
		if !known {
			want = slices.Contains(l.passed, name)
		}
		if passed := got.Results[name] == ""; passed != want {
			t.Errorf("%s: %s: stopped %v (%s)", l.name, name, !passed, got.Results[name])
		}
	}
	return got
}

// attack tries, and looks at what is left afterwards.
func (t trial) attack(test *testing.T, uid int) told {
	test.Helper()
	got := t.as(test, uid)
	if got.Results[outlive] == "" && !survived(t.Victim.Gate) {
		got.Results[outlive] = "it has ended"
	}
	return got
}

// table is what attacks came to, a line each.
func table(columns, names []string, words map[string][]string) string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nattack\t"+strings.Join(columns, "\t"))
	for _, name := range names {
		fmt.Fprintln(w, name+"\t"+strings.Join(words[name], "\t"))
	}
	_ = w.Flush() // into memory
	return text.String()
}

// TestHonestWork has what code needs of what it declared go on at each level.
func TestHonestWork(t *testing.T) {
	t.Parallel()
	for who, uid := range users() {
		for _, l := range []level{{namespaces: true}, {}, {nested: true}, {noLandlock: true}} {
			v := newVictim(t, uid)
			if l.namespaces && !granted(t, v, uid) {
				continue
			}
			names := slices.Sorted(maps.Keys(works(v)))
			r := request(t, v, uid, l.namespaces)
			r.Limits.Temp = mostBytes
			got := trial{Victim: v, Attacks: names, Confined: true, NoLandlock: l.noLandlock, Nested: l.nested, Request: r}.as(t, uid)
			for _, name := range names {
				if got.Results[name] != "" {
					t.Errorf("%s, %+v: %s: %s", who, l, name, got.Results[name])
				}
			}
		}
	}
}

// TestFilterFits has no jump of a filter be longer than the kernel's form of it
// can say.
func TestFilterFits(t *testing.T) {
	t.Parallel()
	f := callFilter(func(f *filter) { overseen(f, Loopback) })
	if most := 255; len(f.code) > most {
		t.Errorf("%d instructions, at most %d", len(f.code), most)
	}
}

// granted tells whether this machine lets a user have namespaces; where it does
// not, their part of a test is left out, which in CI is a failure.
func granted(t *testing.T, v victim, uid int) bool {
	t.Helper()
	tr := trial{Victim: v, Confined: true, Request: request(t, v, uid, true)}
	_, err := tr.try(t, uid)
	if err != nil && os.Getenv("CI") == "true" {
		t.Errorf("user %d gets no namespaces: %v", uid, err)
	} else if err != nil {
		t.Logf("left out: user %d gets no namespaces: %v", uid, err)
	}
	return err == nil
}

// needsRoot tells whether an attack is beyond an ordinary user anyway.
func needsRoot(name string, uid int) bool {
	switch name {
	case "mount something", "open a raw socket", "change a setting of the kernel":
		return uid != 0
	case "reach the hypervisor": // the kernel may have no such sockets
		return hypervisor() != nil
	case "become another user":
		return os.Geteuid() != 0 // no file can be given to him
	case "read another's memory", "trace another process":
		text, err := os.ReadFile("/proc/sys/kernel/yama/ptrace_scope")
		return uid != 0 && err == nil && string(text) != "0\n"
	}
	return false
}

// request declares the victim's source, to read.
func request(t *testing.T, v victim, uid int, namespaces bool) Request {
	t.Helper()
	return Request{
		Access: Access{Read: []string{v.Source, v.Linked, v.Go, v.Program, v.SetUID}, Write: []string{v.Output}, Network: Loopback, Dir: "/"}, Namespaces: namespaces,
		Root: owned(t, uid), Temp: owned(t, uid), Limits: Limits{FileSize: 1 << 20},
	}
}

// owned makes a folder that belongs to a user, in one that he can enter.
func owned(t *testing.T, uid int) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sandbox-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chown(dir, uid, uid); err != nil {
		t.Fatal(err)
	}
	return dir
}

// linked gives the path of main.go in a folder, by links that lead to links.
func linked(t *testing.T, uid int, dir string) string {
	t.Helper()
	at := owned(t, uid)
	for link, to := range map[string]string{"first": filepath.Join(at, "second"), "second": "third", "third": dir} {
		if err := os.Symlink(to, filepath.Join(at, link)); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(at, "first", "main.go")
}

func newVictim(t *testing.T, uid int) victim {
	t.Helper()
	v := victim{Secrets: owned(t, uid), Source: owned(t, uid), Programs: owned(t, uid), Output: owned(t, uid), Program: program(t, uid), Go: goroot(t)}
	put(t, uid, filepath.Join(v.Secrets, "id_ed25519"), "key")
	put(t, uid, filepath.Join(v.Source, "main.go"), "package main\n")
	put(t, uid, filepath.Join(v.Source, ".git", "hooks", "pre-commit"), "#!/bin/sh\n")
	put(t, uid, filepath.Join(v.Source, "empty", ".keep"), "")
	put(t, uid, filepath.Join(v.Programs, "tool"), "#!/bin/sh\n")
	for _, path := range []string{".cache/go-build/a", ".config/gcloud/credentials.json"} {
		put(t, uid, filepath.Join(v.Secrets, path), "secret")
	}
	for _, path := range []string{"modules/a", ".sluice/results.sarif"} {
		put(t, uid, filepath.Join(v.Source, path), "honest")
	}
	put(t, uid, filepath.Join(v.Programs, "go"), "#!/bin/sh\n")
	v.Linked = linked(t, uid, v.Source)
	v.SetUID, v.Gate = setUID(t, uid), filepath.Join(v.Output, "gate")
	if err := errors.Join(unix.Mkfifo(v.Gate, 0o600), os.Chown(v.Gate, uid, uid)); err != nil {
		t.Fatal(err)
	}
	v.Socket, v.Datagram = listen(t, uid)
	other := exec.Command("/bin/cat")
	other.Env = []string{"TOKEN=secret"}
	if uid != os.Geteuid() {
		other.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	}
	in, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Close(); err != nil {
			t.Error(err)
		}
		if err := other.Wait(); err != nil {
			t.Error(err)
		}
	})
	v.PID = other.Process.Pid
	return v
}

func put(t *testing.T, uid int, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	syscall.ForkLock.RLock() // a program that a child has open, to write, cannot be executed
	err := os.WriteFile(path, []byte(text), 0o644)
	syscall.ForkLock.RUnlock()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, uid, uid); err != nil {
		t.Fatal(err)
	}
}

// listen listens on Unix sockets, one of them for datagrams.
func listen(t *testing.T, uid int) (socket, datagram string) {
	t.Helper()
	dir := owned(t, uid)
	socket, datagram = filepath.Join(dir, "socket"), filepath.Join(dir, "datagram")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go thank(l)
	c, err := net.ListenPacket("unixgram", datagram)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := errors.Join(os.Chmod(socket, 0o777), os.Chmod(datagram, 0o777)); err != nil {
		t.Fatal(err)
	}
	return socket, datagram
}

func goroot(t *testing.T) string {
	t.Helper()
	text, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// BenchmarkStart compares processes that confine themselves with one that does
// not.
func BenchmarkStart(b *testing.B) {
	for name, t := range map[string]trial{"bare": {}, "confined": {Confined: true, Request: Request{Namespaces: true}}, "overseen": {Confined: true}} {
		b.Run(name, func(b *testing.B) {
			t.Request.Access = Access{Network: Loopback, Dir: "/"}
			t.Request.Root, t.Request.Temp = b.TempDir(), b.TempDir()
			for b.Loop() {
				if err := t.start(nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
