// Package atomicfile writes files so that a reader, and a machine that loses
// power, see the old content or the new and nothing between.
package atomicfile

import (
	"fmt"
	"os"
	"path/filepath"
)

// Write puts data at path: aside first, synced, then renamed into place.
func Write(path string, data []byte, mode os.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = f.Close() // the first error is the one to tell
			_ = os.Remove(f.Name())
			err = fmt.Errorf("writing %s: %w", path, err)
		}
	}()
	if _, err = f.Write(data); err != nil {
		return err
	}
	if err = f.Chmod(mode); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// Link makes path a symbolic link to target, in place of what was there.
func Link(target, path string) error {
	aside := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.Remove(aside); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("linking %s: %w", path, err)
	}
	if err := os.Symlink(target, aside); err != nil {
		return fmt.Errorf("linking %s: %w", path, err)
	}
	if err := os.Rename(aside, path); err != nil {
		_ = os.Remove(aside)
		return fmt.Errorf("linking %s: %w", path, err)
	}
	return nil
}
