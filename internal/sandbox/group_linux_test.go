package sandbox

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// inGroup starts a process in a group, with two of its own, one of which has a
// session of its own.
func inGroup(t *testing.T, g *Group) *exec.Cmd {
	t.Helper()
	c := exec.Command("/bin/sh", "-c", "read go; cat <&3 & setsid cat <&3 & echo ready; cat <&3")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(r.Close(), w.Close()) }) // which ends them, too
	c.ExtraFiles = []*os.File{r}
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if err := g.Add(c.Process.Pid); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write([]byte("go\n")); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("it said %q, %v", line, err)
	}
	return c
}

// newGroup makes a group, where this machine grants any; where it does not, the
// test is left out, which Enforced.Limits shows to users.
func newGroup(t *testing.T) *Group {
	t.Helper()
	g := NewGroup(Limits{Processes: 50})
	if g.Level() == None {
		t.Logf("left out: %v", g.Why)
		return nil
	}
	return g
}

func TestGroupEndsAllInIt(t *testing.T) {
	t.Parallel()
	g := newGroup(t)
	if g == nil {
		return
	}
	dir := g.parts[0].dir
	c := inGroup(t, g)
	if pids, err := g.parts[0].processes(); err != nil || len(pids) != 3 && len(pids) != 4 {
		t.Errorf("processes %v in it, %v", pids, err)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err) // waiting would be in vain
	}
	if err := c.Wait(); err == nil {
		t.Error("its process was not killed")
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is there still: %v", err)
	}
}

// TestGroupOfTheKilled has a group whose maker was killed be removed by the next,
// and one whose maker lives be left.
func TestGroupOfTheKilled(t *testing.T) {
	t.Parallel()
	left, living := newGroup(t), newGroup(t)
	if left == nil || living == nil {
		return
	}
	c := inGroup(t, left)
	if err := left.parts[0].lock.Close(); err != nil { // as the kernel does when a process ends
		t.Fatal(err)
	}
	next := newGroup(t) // unless another program's next was there first, and is still at it
	if err := c.Wait(); err == nil {
		t.Error("its process was not killed")
	}
	for end := time.Now().Add(10 * time.Second); ; {
		if _, err := os.Stat(left.parts[0].dir); errors.Is(err, fs.ErrNotExist) {
			break
		}
		if runtime.Gosched(); time.Now().After(end) {
			t.Fatal("it is there still")
		}
	}
	if err := errors.Join(living.Close(), next.Close()); err != nil {
		t.Error(err)
	}
}

func TestOwnGroups(t *testing.T) {
	t.Parallel()
	const v1 = "25 24 0:22 / /sys/fs/cgroup/pids rw shared:9 - cgroup cgroup rw,pids\n26 24 0:23 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
	const v2 = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n"
	for name, tt := range map[string]struct {
		groups, mounts string
		want           map[string]ownGroup
	}{
		"version 1":                            {"8:pids:/\n4:memory:/a/b\n", v1, map[string]ownGroup{"pids": {"/", "/sys/fs/cgroup/pids"}, "memory": {"/a/b", "/sys/fs/cgroup/memory/a/b"}}},
		"version 2":                            {"0::/user.slice/x\n", v2, map[string]ownGroup{"": {"/user.slice/x", "/sys/fs/cgroup/user.slice/x"}}},
		"a container that sees its own part":   {"8:pids:/docker/1\n", "25 24 0:22 /docker/1 /sys/fs/cgroup/pids ro - cgroup cgroup rw,pids\n", map[string]ownGroup{"pids": {"/docker/1", "/sys/fs/cgroup/pids"}}},
		"a container that sees another's part": {"8:pids:/docker/12\n", "25 24 0:22 /docker/1 /sys/fs/cgroup/pids ro - cgroup cgroup rw,pids\n", nil},
		"none":                                 {"", "", nil},
	} {
		got := parseGroups(tt.groups, tt.mounts)
		if len(got) == 0 {
			got = nil
		}
		if d := cmp.Diff(tt.want, got, cmp.AllowUnexported(ownGroup{})); d != "" {
			t.Errorf("%s: (-want +got)\n%s", name, d)
		}
	}
}

// TestOthersGroups has no group be made in one that somebody else manages.
func TestOthersGroups(t *testing.T) {
	t.Parallel()
	g := &Group{}
	dir := filepath.Join(t.TempDir(), "session")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		return // the folder is his own
	}
	if err := g.bind(map[string]ownGroup{"pids": {"/session", dir}}, bound{controller: "pids", most: 1}); err == nil || len(g.parts) != 0 {
		t.Errorf("a group was made: %v", err)
	}
}
