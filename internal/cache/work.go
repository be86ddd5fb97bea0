package cache

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/sluice-ci/sluice/internal/atomicfile"
)

// Work is a folder for what is being made. It is locked (shared, flock(2)) by
// all processes that write into it, so that another one can tell what a killed
// run left behind.
type Work struct {
	Dir  string
	lock *os.File
}

// Work makes a work folder, on the store's file system so that outputs can be
// moved into it, and clears away those of processes that are gone.
func (s *Store) Work() (*Work, error) {
	s.ClearStale()
	for {
		lock, err := os.CreateTemp(filepath.Join(s.dir, "work"), "run-*.lock")
		if err != nil {
			return nil, fmt.Errorf("making a work folder: %w", err)
		}
		if err := hold(lock); err != nil {
			_ = lock.Close() // cleared away by another process before it was locked
			continue
		}
		w := &Work{Dir: strings.TrimSuffix(lock.Name(), ".lock"), lock: lock}
		if err := os.Mkdir(w.Dir, 0o700); err != nil {
			return nil, errors.Join(fmt.Errorf("making a work folder: %w", err), w.Close())
		}
		return w, nil
	}
}

// LockFile is what another process must Hold before it writes into the folder.
func (w *Work) LockFile() string { return w.lock.Name() }

// Hold keeps a work folder from being cleared away until the file is closed, or
// this process ends. It is an error that the folder is gone.
func Hold(lockFile string) (*os.File, error) {
	f, err := os.Open(lockFile)
	if err != nil {
		return nil, err
	}
	if err := hold(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// hold locks an open lock file, and sees that it is still there.
func hold(f *os.File) error {
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH); err != nil {
		return fmt.Errorf("locking %s: %w", f.Name(), err)
	}
	_, err := os.Stat(f.Name())
	return err
}

// Close removes the folder.
func (w *Work) Close() error {
	defer w.lock.Close()
	if err := atomicfile.RemoveAll(w.Dir); err != nil {
		return err
	}
	return os.Remove(w.lock.Name())
}

// aside makes a folder for what is to be removed. It is locked until it is closed,
// so that others know those that were left behind.
func (s *Store) aside() (*os.File, error) {
	var failed error
	for range 10 {
		dir, err := os.MkdirTemp(filepath.Join(s.dir, "work"), "drop-")
		if err != nil {
			return nil, err
		}
		f, err := own(dir)
		if err == nil {
			return f, nil
		}
		failed = err // another run took it for one that was left behind
	}
	return nil, failed
}

// own locks a folder that nobody else has, and that is still there.
func own(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if _, err := os.Stat(dir); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// ClearStale removes the work folders that no process holds. What cannot be
// removed now is left for the next time.
func (s *Store) ClearStale() {
	dropped, _ := filepath.Glob(filepath.Join(s.dir, "work", "drop-*"))
	for _, dir := range dropped {
		if f, err := own(dir); err == nil {
			_ = atomicfile.RemoveAll(dir)
			_ = f.Close()
		}
	}
	locks, _ := filepath.Glob(filepath.Join(s.dir, "work", "run-*.lock")) // the pattern is well-formed
	for _, name := range locks {
		f, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			w := &Work{Dir: strings.TrimSuffix(name, ".lock"), lock: f}
			_ = w.Close()
			continue
		}
		_ = f.Close()
	}
}
