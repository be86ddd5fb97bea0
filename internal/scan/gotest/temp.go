package gotest

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/sluice-ci/sluice/internal/atomicfile"
)

// temp is the temporary folder of the tests: the same each time, shared by
// runs at the same time, emptied by the last of them.
type temp struct {
	dir  string
	lock *os.File
}

func (r *runner) ownTemp() (temp, error) {
	t := temp{dir: filepath.Join(r.Cache, "tmp")}
	if r.Confine != nil && r.Confine.Namespaces {
		t.dir = filepath.Join(os.TempDir(), "test") // which is of this run alone, and called the same in each
	}
	lock, err := os.OpenFile(t.dir+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return t, fmt.Errorf("making a folder for the tests: %w", err)
	}
	t.lock = lock
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_SH); err != nil {
		return t, fmt.Errorf("locking the tests' folder: %w", err)
	}
	if err := os.MkdirAll(t.dir, 0o700); err != nil {
		return t, fmt.Errorf("making a folder for the tests: %w", err)
	}
	return t, nil
}

// clean removes what the tests left, unless another run uses the folder.
func (t temp) clean(log io.Writer) {
	defer t.lock.Close()
	if syscall.Flock(int(t.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return
	}
	if err := atomicfile.RemoveAll(t.dir); err != nil {
		fmt.Fprintln(log, "removing what the tests left:", err) // harmless: the next run tries again
	}
}
