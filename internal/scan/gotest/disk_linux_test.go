package gotest

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/sluice-ci/sluice/internal/hint"
)

// inside is set in the copy of this test that has a small disk.
const inside = "GOTEST_TEST_DISK"

// TestFullDisk runs itself again in a mount namespace of its own, where the go
// command's temporary folder is on a disk of 256 KiB.
func TestFullDisk(t *testing.T) {
	if dir := os.Getenv(inside); dir != "" {
		fillDisk(t, dir)
		return
	}
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFullDisk$", "-test.v")
	cmd.Env = append(os.Environ(), inside+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if bytes.Contains(out, []byte("no mount namespace")) || len(out) == 0 && err != nil {
		t.Skipf("this system gives no mount namespace: %v", err)
	}
	if err != nil || !bytes.Contains(out, []byte("--- PASS: TestFullDisk")) {
		t.Errorf("%v\n%s", err, out)
	}
}

func fillDisk(t *testing.T, dir string) {
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("no mount namespace: %v", err)
	}
	s := newService(t, map[string]string{"a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) {}\n"})
	s.more = []string{"GOTMPDIR=" + dir}
	r, err := s.runner(t).run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "no space left on device") {
		t.Errorf("run: %v %s", err, mustJSON(t, r))
	}
	if remedy := hint.Remedy(err); !strings.Contains(remedy, "free some disk space") {
		t.Errorf("remedy %q", remedy)
	}
}
