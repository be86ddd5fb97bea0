package sandbox

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// trial is what a re-executed test process is asked to do.
type trial struct {
	Request  Request
	Victim   victim
	Confined bool
	Launch   bool // start the confined process, as the user that this one is
	Unseen   bool // without an overseer
	Nested   bool // have the confined process confine one of its own, which attacks
	Attacks  []string
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
		t.Nested, t.Request.NetworkHeld = false, answer.Enforced.Network
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
	text, err := json.Marshal(t)
	if err != nil {
		return err
	}
	c.Env = []string{trialVariable + "=" + string(text), "PATH=/usr/bin:/bin", "GORACE=atexit_sleep_ms=0"}
	c.Stdout, c.Stderr = out, os.Stderr
	if err := c.Start(); err != nil {
		return errors.Join(err, o.Close())
	}
	served := make(chan error, 1)
	go func() { served <- o.Run() }()
	return errors.Join(c.Wait(), o.Close(), <-served)
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

// users are those that the suite can be run as: this one, and an ordinary one
// where this is root.
func users() map[string]int {
	if os.Geteuid() != 0 {
		return map[string]int{"user": os.Geteuid()}
	}
	return map[string]int{"root": 0, "user": 65534}
}

// TestAttacks has each attack succeed without confinement, and shows what each
// level stops, by root and by an ordinary user.
func TestAttacks(t *testing.T) {
	t.Parallel()
	all := []string{"reach a Unix socket", "reach a Unix socket by a link", "reach a Unix socket from a folder", "send to a Unix datagram socket"}
	levels := map[string]struct {
		namespaces, unseen, nested bool
		network                    Network
		want                       Enforced
		passed                     []string // attacks that are not stopped
	}{
		"full":                      {true, false, false, Loopback, Enforced{Full, Full, Full, Partial}, nil},
		"full, no network":          {true, false, false, NoNetwork, Enforced{Full, Full, Full, Partial}, nil},
		"no namespaces, no network": {false, false, false, NoNetwork, Enforced{Partial, Partial, Partial, Partial}, nil},
		"no namespaces, loopback":   {false, false, false, Loopback, Enforced{Partial, Partial, Partial, Partial}, nil},
		"nested, no network":        {false, false, true, NoNetwork, Enforced{Partial, Partial, Partial, Partial}, nil},
		"nested, loopback":          {false, false, true, Loopback, Enforced{Partial, Partial, Partial, Partial}, nil},
		"no overseer, no network":   {false, true, false, NoNetwork, Enforced{Partial, None, Partial, Partial}, all},
	}
	for who, uid := range users() {
		v := newVictim(t, uid)
		names := slices.Sorted(maps.Keys(attacks(v)))
		free := trial{Victim: v, Attacks: names}.as(t, uid)
		for _, name := range names {
			if free.Results[name] != "" && !needsRoot(name, uid) {
				t.Errorf("%s, %s: it fails without confinement too: %s", who, name, free.Results[name])
			}
		}
		for level, tt := range levels {
			if tt.namespaces && !granted(t, v, uid) {
				continue
			}
			r := request(t, v, uid, tt.namespaces)
			r.Access.Network = tt.network
			got := trial{Victim: v, Attacks: names, Confined: true, Unseen: tt.unseen, Nested: tt.nested, Request: r}.as(t, uid)
			if uid == 0 {
				tt.want.Limits = None
			}
			if got.Enforced != tt.want {
				t.Errorf("%s, %s: enforced %+v, want %+v", who, level, got.Enforced, tt.want)
			}
			for _, name := range names {
				if passed := got.Results[name] == ""; passed != slices.Contains(tt.passed, name) {
					t.Errorf("%s, %s: %s: stopped %v (%s)", who, level, name, !passed, got.Results[name])
				}
				t.Logf("%-5s %-26s %-33s %s", who, level, name, cmp.Or(got.Results[name], "NOT STOPPED"))
			}
		}
	}
}

// TestHonestWork has what code needs of what it declared go on at each level.
func TestHonestWork(t *testing.T) {
	t.Parallel()
	for who, uid := range users() {
		for _, namespaces := range []bool{true, false} {
			v := newVictim(t, uid)
			if namespaces && !granted(t, v, uid) {
				continue
			}
			names := slices.Sorted(maps.Keys(works(v)))
			got := trial{Victim: v, Attacks: names, Confined: true, Request: request(t, v, uid, namespaces)}.as(t, uid)
			for _, name := range names {
				if got.Results[name] != "" {
					t.Errorf("%s, namespaces %v: %s: %s", who, namespaces, name, got.Results[name])
				}
			}
		}
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
	return uid != 0 && slices.Contains([]string{"mount something", "open a raw socket"}, name)
}

// request declares the victim's source, to read.
func request(t *testing.T, v victim, uid int, namespaces bool) Request {
	t.Helper()
	return Request{
		Access: Access{Read: []string{v.Source, v.Go, v.Program}, Write: []string{v.Output}, Network: Loopback, Dir: "/"}, Namespaces: namespaces,
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

func newVictim(t *testing.T, uid int) victim {
	t.Helper()
	v := victim{Secrets: owned(t, uid), Source: owned(t, uid), Programs: owned(t, uid), Output: owned(t, uid), Program: program(t, uid), Go: goroot(t)}
	put(t, uid, filepath.Join(v.Secrets, "id_ed25519"), "key")
	put(t, uid, filepath.Join(v.Source, "main.go"), "package main\n")
	put(t, uid, filepath.Join(v.Source, ".git", "hooks", "pre-commit"), "#!/bin/sh\n")
	put(t, uid, filepath.Join(v.Source, "empty", ".keep"), "")
	put(t, uid, filepath.Join(v.Programs, "tool"), "#!/bin/sh\n")
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
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
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

// BenchmarkStart compares a process that confines itself with one that does not.
func BenchmarkStart(b *testing.B) {
	for name, confined := range map[string]bool{"bare": false, "confined": true} {
		b.Run(name, func(b *testing.B) {
			t := trial{Confined: confined, Launch: true}
			t.Request = Request{Access: Access{Network: Loopback, Dir: "/"}, Namespaces: confined, Root: b.TempDir(), Temp: b.TempDir()}
			for b.Loop() {
				if err := t.start(nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
