package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestTestProgramsStartEarly holds that what starts test programs does so before
// the parts of Sluice are initialised that take longer than many tests.
func TestTestProgramsStartEarly(t *testing.T) {
	t.Parallel()
	trace := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(program, args...)
		cmd.Env = []string{"GODEBUG=inittrace=1"}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return string(out)
	}
	const slow = "init github.com/ccojocar/zxcvbn-go/frequency "
	if all := trace("version"); !strings.Contains(all, slow) {
		t.Fatalf("what was slow is no more: this test needs another: %s", all)
	}
	if early := trace("test-exec", "/bin/true"); strings.Contains(early, slow) || !strings.Contains(early, "init os ") {
		t.Errorf("too much is initialised first: %s", early)
	}
}

// TestProgramOnAFileSystemOfItsOwn has Sluice where its file is called otherwise
// once the machine's mounts are out of sight: on one that is not the root.
func TestProgramOnAFileSystemOfItsOwn(t *testing.T) {
	t.Parallel()
	s := newService(t)
	mounted := s.folder("mounted")
	must(t, os.Mkdir(mounted, 0o755))
	run := s.command(t.Context(), "run", "--only", "test")
	prefix("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", `mount -t tmpfs tmpfs "$1" && cp "$2" "$1/sluice" && shift 2 && exec "$0/sluice" "$@"`, mounted, mounted)(run)
	if out, err := run.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
