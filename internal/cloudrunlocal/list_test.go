package cloudrunlocal

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestList(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	root := filepath.Dir(c.State)
	for _, dir := range []string{root, filepath.Join(root, "missing")} {
		if got, err := List(t.Context(), dir); err != nil || got == nil || len(got) != 0 {
			t.Errorf("with no service: %#v, %v", got, err)
		}
	}
	one := deploy(t, c, release("VERSION=1"))
	if got, err := List(t.Context(), root); err != nil || len(got) != 0 {
		t.Errorf("with no rollout: %+v, %v", got, err)
	}
	promote(t, c, one)
	got, err := List(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	want := []Service{{
		Name: "todo", Target: "local", URL: one.ServiceURL, Revision: one.Name, Image: one.Image, Healthy: true,
		Directory: "/src/todo", State: c.State, Log: state(c.State).log(one.Name),
	}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Service{}, "Since")); diff != "" {
		t.Errorf("services (-want +got):\n%s", diff)
	}
	if got[0].Since.IsZero() {
		t.Error("it has served since never")
	}
}

func TestStateIsPrivate(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	one := serving(t, c, "VERSION=1")
	s := state(c.State)
	for path, want := range map[string]os.FileMode{
		s.control(): 0o700, filepath.Join(s.control(), socketFile): 0o600, s.service(): 0o600, s.supervisor(): 0o600,
		s.logs(): 0o700, s.log(one.Name): 0o600, s.data(): 0o700, s.recordOf(one.Name): 0o600,
	} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", path, got, want)
		}
	}
}

// TestLongStatePath: a socket's address has at most 108 bytes.
func TestLongStatePath(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	c.State = filepath.Join(filepath.Dir(c.State), strings.Repeat("long/", 60), "todo")
	t.Cleanup(func() {
		if err := Down(t.Context(), c.State, DownOptions{}); err != nil && !errors.Is(err, t.Context().Err()) {
			t.Error(err)
		}
	})
	if got := get(t, serving(t, c, "VERSION=1").ServiceURL); got != "1" {
		t.Errorf("the service answers %q", got)
	}
	if err := Down(t.Context(), c.State, DownOptions{}); err != nil {
		t.Error(err)
	}
}

func TestRoot(t *testing.T) {
	t.Parallel()
	env := func(vars map[string]string) func(string) string {
		return func(name string) string { return vars[name] }
	}
	home := "/home/u/.local/state/sluice/local"
	if os.Geteuid() == 0 {
		home = "/var/lib/sluice/local"
	}
	for want, vars := range map[string]map[string]string{
		"/x/sluice/local": {"XDG_STATE_HOME": "/x", "HOME": "/home/u"},
		home:              {"XDG_STATE_HOME": "relative", "HOME": "/home/u"},
	} {
		if got, err := Root(env(vars)); err != nil || got != want {
			t.Errorf("with %v: %q, %v, want %q", vars, got, err, want)
		}
	}
	if StateDir("/r", "todo", "/a") == StateDir("/r", "todo", "/b") {
		t.Error("services of one name in two folders share their state")
	}
}

func TestRefusedReleases(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Release){
		"path for a name": func(r *Release) { r.Service = "../todo" },
		"long name":       func(r *Release) { r.Service = strings.Repeat("x", 50) },
		"port":            func(r *Release) { r.Port = 70000 },
		"no image":        func(r *Release) { r.Unpack = nil },
	} {
		c, r := newClient(t), release("VERSION=1")
		change(&r)
		if _, err := c.Deploy(t.Context(), r); err == nil {
			t.Errorf("%s: deployed", name)
		}
		if state(c.State).exists() {
			t.Errorf("%s: something was written", name)
		}
	}
}

func TestUnpackThatFails(t *testing.T) {
	t.Parallel()
	c, r := newClient(t), release("VERSION=1")
	r.Unpack = func(dir string) error {
		return errors.Join(os.MkdirAll(dir+"/half", 0o555), errors.New("the archive is damaged"))
	}
	for range 2 {
		if _, err := c.Deploy(t.Context(), r); err == nil || !strings.Contains(err.Error(), "the archive is damaged") {
			t.Errorf("got error %v", err)
		}
	}
	one := serving(t, c, "VERSION=1")
	if _, err := os.Stat(state(c.State).revision(one.Name) + "/root/half"); !os.IsNotExist(err) {
		t.Errorf("the next revision has files of the one that failed: %v", err)
	}
	if left, err := os.ReadDir(state(c.State).incoming()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
