package cache

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Trim removes the entries that were longest not used until the rest is at
// most max bytes.
func (s *Store) Trim(max int64) error {
	entries, total, err := s.entries()
	if err != nil || total <= max {
		return err
	}
	slices.SortFunc(entries, func(a, b used) int { return a.at.Compare(b.at) })
	for _, e := range entries {
		if total <= max {
			break
		}
		if err := s.drop(e.dir); err != nil {
			return err
		}
		total -= e.size
	}
	return nil
}

// used is an entry, its size in bytes and when it was last read or written.
type used struct {
	dir  string
	size int64
	at   time.Time
}

func (s *Store) entries() (all []used, total int64, err error) {
	dirs, err := filepath.Glob(filepath.Join(s.dir, "results", "??", "*"))
	if err != nil {
		return nil, 0, err
	}
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil {
			continue // another process removed it
		}
		size, err := sizeOf(dir)
		if err != nil {
			return nil, 0, err
		}
		all, total = append(all, used{dir, size, info.ModTime()}), total+size
	}
	return all, total, nil
}

func sizeOf(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return ignoreGone(err)
		}
		info, err := d.Info()
		if err == nil {
			total += info.Size()
		}
		return ignoreGone(err)
	})
	return total, err
}

func ignoreGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
