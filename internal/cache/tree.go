package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

// MaxFiles bounds how many files one tree may have.
const MaxFiles = 1_000_000

// racy is how long after its last change a file's size and times cannot yet
// stand for its content: it may change again within the clock's resolution
// (git's "racy" rule; two seconds is the coarsest resolution in use).
const racy = 2 * time.Second

// Hasher hashes trees. It reads a file when its size, mtime, ctime or inode is
// not what it was when it was last read, and otherwise takes the hash that it
// remembers. It is safe for concurrent use.
type Hasher struct {
	// AlwaysRead has the content read every time, for machines where times
	// cannot be trusted (CI restores caches and checks files out afresh).
	AlwaysRead bool

	file  string
	mu    sync.Mutex
	known map[string]fileState
	asked map[string]bool
	dirty bool
}

// fileState is what was seen of a file when it was hashed.
type fileState struct {
	id     fileID
	hash   string
	hashed int64 // when, Unix nanoseconds
}

// fileID changes whenever the file's content does, but for racy times.
type fileID struct {
	size, mtime, ctime int64 // bytes, Unix nanoseconds
	inode              uint64
}

// Skip are the names of folders that no tree includes: git's own data, and
// what Sluice itself writes.
func skip(name string) bool { return name == ".git" || name == ".sluice" }

// Tree returns the hash of a file or a folder: names, contents, symbolic links
// and executable bits. What does not exist has the hash "absent".
func (h *Hasher) Tree(root string) (string, error) {
	info, err := os.Lstat(root)
	if errors.Is(err, fs.ErrNotExist) {
		return "absent", nil
	}
	if err != nil {
		return "", err
	}
	if !info.IsDir() {
		return h.describe(root, info)
	}
	return h.folder(root)
}

// folder lists a tree, hashes its files in parallel, and hashes the list.
func (h *Hasher) folder(root string) (string, error) {
	paths, infos, err := list(root)
	if err != nil {
		return "", err
	}
	lines := make([]string, len(paths))
	if err := each(len(paths), func(i int) (err error) {
		lines[i], err = h.describe(paths[i], infos[i])
		return err
	}); err != nil {
		return "", err
	}
	sum := sha256.New()
	for i, p := range paths {
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%d:%s%d:%s", len(rel), rel, len(lines[i]), lines[i])
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func list(root string) (paths []string, infos []fs.FileInfo, err error) {
	err = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && errors.Is(err, fs.ErrNotExist) && p != root:
			return nil // gone since its folder was listed
		case err != nil:
			return err
		case d.IsDir():
			if p != root && skip(d.Name()) {
				return fs.SkipDir
			}
			return nil
		case len(paths) == MaxFiles:
			return fmt.Errorf("%s has more than %d files", root, MaxFiles)
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		paths, infos = append(paths, p), append(infos, info)
		return nil
	})
	return paths, infos, err
}

// each calls f for 0 to n-1 on all CPUs and returns the first error.
func each(n int, f func(int) error) error {
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	errs := make([]error, workers)
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n && errs[w] == nil; i += workers {
				errs[w] = f(i)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// describe is a line that changes when what is at path does.
func (h *Hasher) describe(path string, info fs.FileInfo) (string, error) {
	switch mode := info.Mode(); {
	case mode.IsRegular():
		hash, err := h.content(path, info)
		if errors.Is(err, fs.ErrNotExist) {
			return "absent", nil
		}
		return fmt.Sprintf("file %v %s", mode&0o111 != 0, hash), err
	case mode&fs.ModeSymlink != 0:
		to, err := os.Readlink(path)
		return "link " + to, err
	default:
		return "special " + mode.Type().String(), nil
	}
}

// content returns the hash of a regular file's content.
func (h *Hasher) content(path string, info fs.FileInfo) (string, error) {
	id := identify(info)
	h.mu.Lock()
	old, ok := h.known[path]
	h.asked[path] = true
	h.mu.Unlock()
	if ok && old.id == id && !h.AlwaysRead && old.settled() {
		return old.hash, nil
	}
	now := time.Now().UnixNano() // before reading: what changes after is newer
	hash, err := hashFile(path)
	if err != nil {
		return "", err
	}
	h.mu.Lock()
	h.known[path], h.dirty = fileState{id: id, hash: hash, hashed: now}, true
	h.mu.Unlock()
	return hash, nil
}

// settled tells whether the file was old enough, when it was hashed, for any
// later change to show in its times.
func (s fileState) settled() bool {
	return max(s.id.mtime, s.id.ctime)+int64(racy) < s.hashed
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return hashReader(f, path)
}

func hashReader(r io.Reader, path string) (string, error) {
	sum := sha256.New()
	if _, err := io.Copy(sum, r); err != nil {
		return "", fmt.Errorf("reading %s: %w", path, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
