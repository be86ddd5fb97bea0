package cache

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Work is a folder for what is being made. It is locked by this process, so
// that another one can tell what a killed run left behind.
type Work struct {
	Dir  string
	lock *os.File
}

// Work makes a work folder, on the store's file system so that outputs can be
// moved into it, and clears away those of processes that are gone.
func (s *Store) Work() (*Work, error) {
	s.clearStale()
	for {
		lock, err := os.CreateTemp(filepath.Join(s.dir, "work"), "run-*.lock")
		if err != nil {
			return nil, fmt.Errorf("making a work folder: %w", err)
		}
		if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
			return nil, errors.Join(fmt.Errorf("locking %s: %w", lock.Name(), err), lock.Close())
		}
		if _, err := os.Stat(lock.Name()); err != nil {
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

// Close removes the folder.
func (w *Work) Close() error {
	defer w.lock.Close()
	if err := removeAll(w.Dir); err != nil {
		return err
	}
	return os.Remove(w.lock.Name())
}

// clearStale removes the work folders that no process holds. What cannot be
// removed now is left for the next time.
func (s *Store) clearStale() {
	dropped, _ := filepath.Glob(filepath.Join(s.dir, "work", "drop-*"))
	for _, dir := range dropped {
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > time.Hour {
			_ = removeAll(dir)
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
