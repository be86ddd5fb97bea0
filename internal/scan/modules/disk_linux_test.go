package modules

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
const inside = "MODULES_TEST_DISK"

// TestFullDisk runs itself again in a mount namespace of its own, where the
// module cache is on a disk of 64 KiB.
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
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("no mount namespace: %v", err)
	}
	p := &proxy{dir: t.TempDir()}
	p.publish(t, "example.com/a", map[string]string{"go.mod": "module example.com/a\n\ngo 1.21\n", "a.go": "package a\n\nvar X = `" + strings.Repeat("x", 1<<20) + "`\n"})
	f := newFetcher(t, p.service(t, []string{"a"}, "a"), "GOPROXY="+p.url())
	f.tc.ModCache = dir
	_, err := f.fetch(t.Context())
	if err == nil || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("fetch: %v", err)
	}
	if r := hint.Remedy(err); !strings.Contains(r, "free some disk space") {
		t.Errorf("remedy %q", r)
	}
	if got := absent(dir, []string{"example.com/a@v1.0.0"}); len(got) != 1 {
		t.Error("a module counts that could not be unpacked")
	}
}
