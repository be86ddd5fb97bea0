package secrets

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/sluice-ci/sluice/internal/hint"
)

// maxFiles bounds how many files a tree may have.
const maxFiles = 1_000_000

// tree scans the files of a work tree.
type tree struct {
	search *search
	root   *os.Root // nothing outside is opened, whatever links say

	// What became of the files; together they are as many as were listed.
	listed, scanned, spared, large, absent atomic.Int64
	nested                                 atomic.Int64 // folders that are repositories of their own
	// Files that ask gitleaks to look away.
	settings, comments atomic.Int64
}

// scanTree scans the files below root that git tracks or would add, or all of
// them when there is no git.
func (s *search) scanTree(ctx context.Context) (*tree, error) {
	root, err := os.OpenRoot(s.task.Root)
	if err != nil {
		return nil, fmt.Errorf("opening the work tree: %w", err)
	}
	defer root.Close() // nothing was written
	t := &tree{search: s, root: root}
	files, err := t.list(ctx)
	if err != nil {
		return nil, err
	}
	t.listed.Add(int64(len(files)))
	s.task.Progress(fmt.Sprintf("scanning %d files", len(files)))
	if err := each(ctx, files, t.file); err != nil {
		return nil, err
	}
	if n := t.scanned.Load() + t.spared.Load() + t.large.Load() + t.absent.Load(); n != t.listed.Load() {
		return nil, fmt.Errorf("scanning files: %d were listed and %d looked at", t.listed.Load(), n)
	}
	return t, nil
}

// list names the files, with slashes, relative to the root.
func (t *tree) list(ctx context.Context) ([]string, error) {
	if t.search.repo == nil {
		return t.walk(ctx, ".", nil)
	}
	files, err := t.search.repo.files(ctx)
	if err != nil {
		return nil, err
	}
	if len(files) > maxFiles {
		return nil, fmt.Errorf("the repository has %d files; %d can be scanned", len(files), maxFiles)
	}
	return slices.DeleteFunc(files, own), nil
}

// walk appends all files in a folder.
func (t *tree) walk(ctx context.Context, dir string, files []string) ([]string, error) {
	err := fs.WalkDir(t.root.FS(), dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return hint.With(fmt.Errorf("listing files: %w", err), "make the folder readable")
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case own(name) && d.IsDir():
			return fs.SkipDir
		case d.IsDir() || own(name):
			return nil
		case len(files) >= maxFiles:
			return fmt.Errorf("listing files: there are more than %d", maxFiles)
		}
		files = append(files, name)
		return nil
	})
	return files, err
}

// own tells whether a path is git's or Sluice's own data.
func own(name string) bool {
	return slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool { return part == ".git" || part == ".sluice" })
}

// file scans one file, unless it was clean with this content before.
func (t *tree) file(ctx context.Context, name string) error {
	if base := path.Base(name); base == ".gitleaks.toml" || base == ".gitleaksignore" {
		t.settings.Add(1)
	}
	if t.search.engine.spares(name) {
		t.spared.Add(1)
		return nil
	}
	content, err := t.read(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || err != nil && t.behindLink(name):
		t.absent.Add(1) // tracked, and deleted here; the history has it
		return nil
	case errors.Is(err, errFolder):
		return t.folder(ctx, name)
	case errors.Is(err, errTooLarge):
		t.large.Add(1)
		t.search.log("left out, over %d MiB: %q", maxFile>>20, name)
		content = nil // its name still counts
	case err != nil:
		return hint.With(fmt.Errorf("reading %q: %w", name, err), "make the file readable, or remove it")
	default:
		t.scanned.Add(1)
	}
	if bytes.Contains(content, []byte("gitleaks:allow")) {
		t.comments.Add(1)
	}
	return t.search.scanFile(ctx, name, content)
}

// errFolder is what reading a folder gives.
var errFolder = errors.New("is a folder")

// folder scans all files in what git lists as one thing: a submodule, or
// another repository within this one.
func (t *tree) folder(ctx context.Context, name string) error {
	files, err := t.walk(ctx, strings.TrimSuffix(name, "/"), nil)
	if err != nil {
		return err
	}
	t.nested.Add(1)
	t.listed.Add(int64(len(files)) - 1) // these, in place of the folder
	for _, f := range files {
		if err := t.file(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// behindLink tells whether a folder of the path is a symbolic link: then git
// does not mean what is behind it.
func (t *tree) behindLink(name string) bool {
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if info, err := t.root.Lstat(filepath.FromSlash(dir)); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			return true
		}
	}
	return false
}

// scanFile scans a file's content and remembers it when it is clean.
func (s *search) scanFile(ctx context.Context, name string, content []byte) error {
	id := fileDigest(name, content)
	if s.cleanFiles.has(id) {
		return nil
	}
	text := plain(content)
	leaks, err := s.engine.scan(ctx, name, text, []span{{0, len(text)}})
	if err == nil && len(leaks) == 0 {
		s.cleanFiles.add(id)
	}
	return cmp.Or(s.add(inTree, leaks), err)
}

func fileDigest(name string, content []byte) digest {
	h := sha256.New()
	fmt.Fprintf(h, "%d:%s", len(name), name)
	h.Write(content)
	return digest(h.Sum(nil))
}

// read returns a file's content, errFolder or errTooLarge. That of a symbolic
// link is where it points to; a pipe or a device has none.
func (t *tree) read(name string) ([]byte, error) {
	name = filepath.FromSlash(name)
	info, err := t.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		target, err := t.root.Readlink(name)
		return []byte(target), err
	}
	if info.IsDir() {
		return nil, errFolder
	}
	if !info.Mode().IsRegular() {
		return nil, nil
	}
	// Without O_NONBLOCK a pipe that took the file's place would be waited for.
	f, err := t.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close() // nothing was written
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(content) > maxFile {
		err = errTooLarge
	}
	return content, err
}
