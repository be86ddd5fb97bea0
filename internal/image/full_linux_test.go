package image

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sluice-ci/sluice/internal/hint"
)

// fullVariable makes the helper put a file system of this size where the image
// is to be written, in a mount namespace of its own, and see the build fail.
const fullVariable = "SLUICE_IMAGE_TEST_FULL"

// cannotMount is the helper's exit status where it may not do that.
const cannotMount = 77

// A full disk is told as such and leaves nothing behind: when the program does
// not fit, and when the program fits and the image beside it does not.
func TestBuildOnFullDisk(t *testing.T) {
	t.Parallel()
	for _, size := range []string{"512k", "2m"} {
		t.Run(size, func(t *testing.T) {
			t.Parallel()
			r := service(t, hello())
			r.Out = filepath.Join(t.TempDir(), "image")
			cmd := helper(t, r, 0o022, fullVariable+"="+size)
			cmd.SysProcAttr = &syscall.SysProcAttr{
				Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
				UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
				GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
			}
			out, err := cmd.CombinedOutput()
			if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() == cannotMount {
				t.Skipf("no file system can be mounted here: %v: %s", err, out)
			}
			if err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// failOnFullDisk builds and reports what is wrong with how that fails.
func failOnFullDisk(r Recipe, size string) int {
	parent := filepath.Dir(r.Out)
	if err := syscall.Mount("tmpfs", parent, "tmpfs", 0, "size="+size); err != nil {
		fmt.Println(err)
		return cannotMount
	}
	_, err := Build(context.Background(), r)
	if err == nil || !strings.Contains(err.Error(), "no space left") || !strings.Contains(hint.Remedy(err), "disk space") {
		fmt.Printf("Build: %v (%q), want a full disk\n", err, hint.Remedy(err))
		return 1
	}
	left, err := os.ReadDir(parent)
	if err != nil || len(left) > 0 {
		fmt.Println("it left something behind:", left, err)
		return 1
	}
	return 0
}
