package cloudrunlocal

import (
	"errors"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestConfined has a service attack the machine that it runs on, as whom it may
// be started by. Without confinement every attack works.
func TestConfined(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	type level struct {
		by     []string // what starts the supervisor
		uid    int      // whom the state belongs to; 0 is whoever runs the test
		user   string   // of the image
		shared []string // attacks that work there
	}
	levels := map[string]level{"who runs it": {}}
	if os.Geteuid() == 0 {
		partial := []string{"kill another process"} // as THREATS.md says
		powerless := []string{"setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"}
		levels["the image's user"] = level{user: "65532"}
		levels["an ordinary user"] = level{by: []string{"setpriv", "--reuid=65532", "--regid=65532", "--clear-groups"}, uid: runner}
		levels["without namespaces"] = level{by: powerless, shared: partial}
		levels["the image's user, without namespaces"] = level{by: powerless, user: "65532", shared: partial}
	}
	for name, l := range levels {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t)
			if l.by != nil {
				c.Command = slices.Concat(l.by, []string{self, "supervise"})
			}
			passable(t, c.State)
			if l.uid != 0 {
				s := state(c.State)
				if err := errors.Join(s.make(), os.WriteFile(s.supervisorLock(), nil, 0o600)); err != nil { // else they are the client's, who is root here
					t.Fatal(err)
				}
				own(t, filepath.Dir(c.State), l.uid)
			}
			r := release("VERSION=1")
			r.Process.User = l.user
			r.Unpack = func(dir string) error {
				defer own(t, filepath.Dir(dir), l.uid)
				return unpackServer(dir)
			}
			one := promote(t, c, deploy(t, c, r))
			if got := get(t, one.ServiceURL+"/data?text=kept"); got != "kept" {
				t.Errorf("its data is %q", got)
			}
			get(t, one.ServiceURL+"/attack?what=write&path="+env(processAt(t, one.ServiceURL), "TMPDIR"))
			for what, query := range attackOn(t, c, max(l.uid, number(l.user))) {
				status, said := fetch(t, one.ServiceURL+"/attack?"+query.Encode())
				if worked := status == http.StatusOK; worked != slices.Contains(l.shared, what) {
					t.Errorf("%s: worked %v: %s", what, worked, said)
				}
			}
		})
	}
}

// attackOn plants, beside a service's state, what is a user's, and says how a
// service could get at it.
func attackOn(t *testing.T, c Client, uid int) map[string]url.Values {
	t.Helper()
	victim := filepath.Join(filepath.Dir(filepath.Dir(c.State)), "victim")
	secret, socket := filepath.Join(victim, "secret"), filepath.Join(victim, "s")
	if err := errors.Join(os.Mkdir(victim, 0o700), os.WriteFile(secret, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	at, err := os.Open(victim)
	if err != nil {
		t.Fatal(err)
	}
	defer at.Close()
	l, err := net.Listen("unix", "/proc/self/fd/"+strconv.Itoa(int(at.Fd()))+"/s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	own(t, victim, uid)
	other := exec.Command("sleep", "1000")
	if uid != 0 {
		other = exec.Command("setpriv", "--reuid="+strconv.Itoa(uid), "sleep", "1000")
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = other.Process.Kill(), other.Wait() })
	pid := strconv.Itoa(other.Process.Pid)
	eventually(t, "the other process is the user's", func() bool {
		name, err := os.ReadFile("/proc/" + pid + "/comm")
		return err == nil && strings.TrimSpace(string(name)) == "sleep"
	})
	attack := func(what, path string) url.Values { return url.Values{"what": {what}, "path": {path}} }
	return map[string]url.Values{
		"read a file":                 attack("read", secret),
		"write a file":                attack("write", victim),
		"write to its image":          attack("write", "/app"),
		"read an environment":         attack("read", "/proc/"+pid+"/environ"),
		"read its supervisor's state": attack("read", state(c.State).supervisor()),
		"kill another process":        attack("kill", pid),
		"connect to a socket":         attack("dial", socket),
		"mount":                       attack("mount", "/app"),
	}
}

// own gives a folder and all in it to a user.
func own(t *testing.T, dir string, uid int) {
	t.Helper()
	if uid == 0 {
		return
	}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, uid, uid))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func env(p process, name string) string { return lookup(p.Env, name, "") }

func number(s string) int {
	n, _ := strconv.Atoi(s) // "" is 0
	return n
}

// TestSeesItsImage has links of an image lead nowhere but into it.
func TestSeesItsImage(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	outside := t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, "secret"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r := release("VERSION=1")
	r.Unpack = func(dir string) error {
		return errors.Join(unpackServer(dir), os.Symlink("/", dir+"/data"), os.Symlink(outside, dir+"/link"), os.Symlink("/app", dir+"/program"),
			os.Mkdir(dir+"/etc", 0o755), os.WriteFile(dir+"/etc/own", nil, 0o644), os.Symlink("/etc/shadow", dir+"/etc/resolv.conf"), os.Mkdir(dir+"/usr", 0o755))
	}
	one := promote(t, c, deploy(t, c, r))
	if p := processAt(t, one.ServiceURL); env(p, "DATA_DIR") != "/data" {
		t.Skip("there are no namespaces here")
	}
	for path, there := range map[string]bool{
		"/link/secret": false, "/program/server": true, "/etc/own": true, "/etc/resolv.conf": true, "/etc/passwd": false, "/usr/bin/env": false, "/proc/self/status": true,
		"/data/app/server": false, filepath.Join(outside, "secret"): false,
	} {
		if status, said := fetch(t, one.ServiceURL+"/attack?what=read&path="+path); (status == http.StatusOK) != there {
			t.Errorf("%s: %s", path, said)
		}
	}
}

// TestCatches: Go's own runtime handles signals, and sleep(1) none.
func TestCatches(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = cmd.Process.Kill(), cmd.Wait() }()
	eventually(t, "a program that handles no signal is known", func() bool { return !catches(cmd.Process.Pid, syscall.SIGTERM) })
	if !catches(os.Getpid(), syscall.SIGTERM) {
		t.Error("this process is said not to handle SIGTERM")
	}
}

// TestEndsWithItsSupervisor: also a service of the image's user, of which the
// kernel forgets that when it becomes that user.
func TestEndsWithItsSupervisor(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	c := newClient(t)
	passable(t, c.State)
	r := release("VERSION=1")
	r.Process.User = "65532"
	one := promote(t, c, deploy(t, c, r))
	server := processAt(t, one.ServiceURL)
	start := processStart(server.PID)
	kill(t, supervisorPID(t, c))
	if err := awaitExit(server.PID, start, 20*time.Second); err != nil {
		t.Error(err)
	}
}
