package main

import (
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
