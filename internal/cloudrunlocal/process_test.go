package cloudrunlocal

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// runner is a numeric user that root becomes to run an image.
const runner = 65532

func TestProcess(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	r := release("VERSION=1", "FROM_IMAGE=no", "HOST=0.0.0.0", "DATA_DIR=/elsewhere", "PORT=80")
	r.Process.Cmd = []string{"-flag", "a b"}
	rev := deploy(t, c, r)
	p := processAt(t, rev.URL)
	if want := []string{"/app/server", "-flag", "a b"}; !slices.Equal(p.Args, want) || p.WD != "/app" {
		t.Errorf("it is %q in %s", p.Args, p.WD)
	}
	i := slices.IndexFunc(p.Env, func(kv string) bool { return strings.HasPrefix(kv, "PORT=") })
	if i < 0 || p.Env[i] == "PORT=80" {
		t.Fatalf("its environment is %q", p.Env)
	}
	want := []string{
		"DATA_DIR=/data", "FROM_IMAGE=no", "HOST=127.0.0.1", "PATH=/app", p.Env[i], "TMPDIR=/tmp", "VERSION=1",
	}
	if !slices.Equal(p.Env, want) {
		t.Errorf("its environment is\n%q, want\n%q", p.Env, want)
	}
}

func TestProcessHasNoOtherFiles(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	one := serving(t, c, "VERSION=1")
	kill(t, supervisorPID(t, c))
	deploy(t, c, release("VERSION=1")) // it is started while the deploy waits for the supervisor
	pid := processAt(t, one.ServiceURL).PID
	fds, err := os.ReadDir("/proc/" + itoa(pid) + "/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		to, err := os.Readlink("/proc/" + itoa(pid) + "/fd/" + fd.Name())
		if err == nil && len(fd.Name()) == 1 && fd.Name() > "2" && strings.HasPrefix(to, "pipe:") {
			t.Errorf("file %s is %s", fd.Name(), to)
		}
	}
}

// TestSupervisorHoldsNoFilesOfItsStarter: whoever started the starter waits
// for the end of the pipes that it gave it.
func TestSupervisorHoldsNoFilesOfItsStarter(t *testing.T) {
	t.Parallel()
	var given [2]int
	if err := syscall.Pipe(given[:]); err != nil { // without close-on-exec, as one gets it
		t.Fatal(err)
	}
	r, w := os.NewFile(uintptr(given[0]), "r"), os.NewFile(uintptr(given[1]), "w")
	defer r.Close()
	c := newClient(t)
	serving(t, c, "VERSION=1")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("read %d, %v, want the end", n, err)
	}
}

func TestUserOfTheImage(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	c := newClient(t)
	passable(t, c.State)
	root := serving(t, c, "VERSION=1")
	get(t, root.ServiceURL+"/data?text=root")
	foreign := filepath.Join(state(c.State).data(), "foreign")
	if err := errors.Join(os.WriteFile(foreign, nil, 0o600), os.Chown(foreign, 1, 1)); err != nil {
		t.Fatal(err)
	}
	r := release("VERSION=2")
	r.Process.User = "65532:65531"
	rev := promote(t, c, deploy(t, c, r))
	if p := processAt(t, rev.ServiceURL); p.UID != runner || p.GID != 65531 {
		t.Errorf("it runs as %d:%d", p.UID, p.GID)
	}
	if got := get(t, rev.ServiceURL+"/data?text=+user"); got != "root user" {
		t.Errorf("the data is %q", got)
	}
	if info, err := os.Stat(foreign); err != nil || info.Sys().(*syscall.Stat_t).Uid != 1 {
		t.Errorf("a file of another user was given away: %+v, %v", info, err)
	}
	r = release("VERSION=3")
	r.Process.User = "nonroot"
	var bad *Unhealthy
	if _, err := c.Deploy(t.Context(), r); !errors.As(err, &bad) || !strings.Contains(bad.Reason, "not a number") {
		t.Errorf("a name for a user: %v", err)
	}
}

// passable lets other users go through the folders of the test.
func passable(t *testing.T, dir string) {
	t.Helper()
	for d := filepath.Dir(dir); d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func TestResolve(t *testing.T) {
	t.Parallel()
	s := state(t.TempDir())
	root := filepath.Join(s.revision("r"), "root")
	if err := errors.Join(
		os.MkdirAll(root+"/app/bin", 0o755), os.WriteFile(root+"/app/bin/run", nil, 0o755), os.WriteFile(root+"/app/text", nil, 0o644),
		os.Symlink("bin/run", root+"/app/link"), os.Symlink("/bin/sh", root+"/app/out"), os.Symlink("../../../../../../../../../../bin/sh", root+"/app/up"),
		os.Symlink("/", root+"/host"),
	); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		process Process
		path    string // "" when refused
	}{
		"a path":              {Process{Entrypoint: []string{"/app/bin/run"}}, "/app/bin/run"},
		"the command":         {Process{Cmd: []string{"/app/bin/run"}}, "/app/bin/run"},
		"a relative path":     {Process{Cmd: []string{"bin/run"}, WorkingDir: "/app"}, "/app/bin/run"},
		"a name":              {Process{Cmd: []string{"run"}, Env: []string{"PATH=/bin:/app/bin"}}, "/app/bin/run"},
		"a link":              {Process{Cmd: []string{"/app/link"}}, "/app/link"},
		"nothing":             {Process{}, ""},
		"no file":             {Process{Cmd: []string{"/bin/sh"}}, ""},
		"a folder":            {Process{Cmd: []string{"/app"}}, ""},
		"not executable":      {Process{Cmd: []string{"/app/text"}}, ""},
		"a link out":          {Process{Cmd: []string{"/app/out"}}, ""},
		"a link up":           {Process{Cmd: []string{"/app/up"}}, ""},
		"dots":                {Process{Cmd: []string{"../../../../../../../bin/sh"}, WorkingDir: "/app"}, ""},
		"a name and no PATH":  {Process{Cmd: []string{"sh"}}, ""},
		"a name, PATH out":    {Process{Cmd: []string{"sh"}, Env: []string{"PATH=/../../../bin:/host/bin"}}, ""},
		"working folder out":  {Process{Cmd: []string{"/app/bin/run"}, WorkingDir: "/host"}, ""},
		"working folder none": {Process{Cmd: []string{"/app/bin/run"}, WorkingDir: "/none"}, ""},
	}
	for name, tc := range cases {
		p, err := resolve(s, record{Name: "r", Process: tc.process})
		switch {
		case tc.path == "" && !errors.Is(err, errImage):
			t.Errorf("%s: got %q, %v, want it refused", name, p.path, err)
		case tc.path != "" && (err != nil || "/"+p.path != tc.path || p.root != root):
			t.Errorf("%s: got %q in %q, %v, want %q in %q", name, p.path, p.root, err, tc.path, root)
		}
	}
}

func TestGiveTree(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	dir, victim := t.TempDir(), filepath.Join(t.TempDir(), "victim")
	if err := errors.Join(
		os.WriteFile(victim, nil, 0o600), os.Chown(victim, 7, 7), os.Mkdir(dir+"/sub", 0o700), os.WriteFile(dir+"/sub/file", nil, 0o600),
		os.Link(victim, dir+"/sub/hard"), os.Symlink(victim, dir+"/soft"), os.Symlink("/", dir+"/root"),
	); err != nil {
		t.Fatal(err)
	}
	if err := giveTree(dir, user{1234, 1235}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]uint32{dir: 1234, dir + "/sub": 1234, dir + "/sub/file": 1234, dir + "/soft": 1234, victim: 7, "/": 0} {
		var st syscall.Stat_t
		if err := syscall.Lstat(path, &st); err != nil || st.Uid != want {
			t.Errorf("%s belongs to %d, %v, want %d", path, st.Uid, err, want)
		}
	}
}

func TestLogIsBounded(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	one := serving(t, c, "VERSION=1")
	get(t, one.ServiceURL+"/noise")
	log := state(c.State).log(one.Name)
	eventually(t, "a log is put aside", func() bool {
		_, err := os.Stat(log + ".1")
		return err == nil && strings.HasPrefix(tail(log), "nnn")
	})
	for path, most := range map[string]int64{log: maxLog, log + ".1": maxLog} {
		if info, err := os.Stat(path); err != nil || info.Size() > most || info.Size() == 0 {
			t.Errorf("%s: %+v, %v, want at most %d bytes", path, info, err, most)
		}
	}
}

func TestLogfile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	l, err := openLog(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.max = 10
	for _, text := range []string{"0123", "456789", "a", "bcdefghijklmnopqrstuvwxyz"} {
		if n, err := l.Write([]byte(text)); n != len(text) || err != nil {
			t.Errorf("writing %q: %d, %v", text, n, err)
		}
	}
	if now, before := tail(path), tail(path+".1"); now != "uvwxyz" || before != "klmnopqrst" {
		t.Errorf("the log is %q after %q", now, before)
	}
	if err := os.RemoveAll(filepath.Dir(path)); err != nil {
		t.Fatal(err)
	}
	if n, err := l.Write([]byte("nowhere to go, and yet no error")); n != 31 || err != nil {
		t.Errorf("writing to a folder that is gone: %d, %v", n, err)
	}
}
