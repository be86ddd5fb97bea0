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
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
)

// maxFiles bounds how many files a tree may have.
const maxFiles = 1_000_000

// tree scans the files of a work tree.
type tree struct {
	search *search
	root   *os.Root // nothing outside is opened, whatever links say

	spared, large, absent atomic.Int64 // files that are left out, each by a rule
	nested                atomic.Int64 // folders that are repositories of their own
	empty                 atomic.Int64 // those of them that have no files: submodules that are not checked out
	ignored               int64
	// Files that ask gitleaks to look away.
	settings, comments atomic.Int64

	// What became of the files, by name, for the census.
	mu                    sync.Mutex
	listed, scanned, left []string
	count                 pipeline.Count
}

// scanTree scans the files below the top that git tracks or would add, or all of
// them when there is no git.
func (s *search) scanTree(ctx context.Context) (*tree, error) {
	root, err := os.OpenRoot(s.top)
	if err != nil {
		return nil, fmt.Errorf("opening the work tree: %w", err)
	}
	defer root.Close() // nothing was written
	t := &tree{search: s, root: root}
	files, err := t.list(ctx)
	if err != nil {
		return nil, err
	}
	t.listed = files
	s.task.Progress(fmt.Sprintf("scanning %d files", len(files)))
	if err := each(ctx, files, t.file); err != nil {
		return nil, err
	}
	if err := t.census(); err != nil {
		return nil, fmt.Errorf("scanning files: %w", err)
	}
	return t, nil
}

// census holds the files that were scanned, or left out by a rule, against
// those that were listed.
func (t *tree) census() (err error) {
	t.count, err = scan.Census("files", t.listed, slices.Concat(t.scanned, t.left))
	t.count.N, t.count.Of = t.count.N-len(t.left), t.count.Of-len(t.left)
	return err
}

// note adds a file to one of the lists.
func (t *tree) note(list *[]string, names ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*list = append(*list, names...)
}

// leave leaves a file out, by the rule whose number is given.
func (t *tree) leave(name string, rule *atomic.Int64) {
	rule.Add(1)
	t.note(&t.left, name)
}

// list names the files, with slashes, relative to the root.
func (t *tree) list(ctx context.Context) ([]string, error) {
	if t.search.repo == nil {
		return t.walk(ctx, ".", nil)
	}
	// Twice, as files may be made while git lists them.
	files, unlisted, err := t.ask(ctx)
	if len(unlisted) > 0 {
		files, unlisted, err = t.ask(ctx)
	}
	if err == nil && len(unlisted) > 0 {
		err = hint.With(fmt.Errorf("git lists the files without %d that are there, %q among them", len(unlisted), unlisted[0]),
			"see what git status says about the file")
	}
	return files, err
}

// ask has git list the files, and finds those that it names neither so nor as
// what .gitignore keeps out of the repository.
func (t *tree) ask(ctx context.Context) (files, unlisted []string, err error) {
	files, err = t.search.repo.files(ctx)
	if err != nil {
		return nil, nil, err
	}
	if len(files) > maxFiles {
		return nil, nil, fmt.Errorf("the repository has %d files; %d can be scanned", len(files), maxFiles)
	}
	ignored, err := t.search.repo.ignored(ctx)
	if err != nil {
		return nil, nil, err
	}
	if slices.ContainsFunc(ignored, t.search.above) {
		return nil, nil, hint.With(errors.New(".gitignore keeps the service's folder out of the repository, so that its files would not be scanned"),
			"take it out of .gitignore, or make it a repository of its own (git init)")
	}
	files, ignored = slices.DeleteFunc(files, own), slices.DeleteFunc(ignored, own)
	t.ignored = int64(len(ignored))
	known := make(map[string]bool, len(files)+len(ignored))
	for _, name := range slices.Concat(files, ignored) {
		known[strings.TrimSuffix(name, "/")] = true
	}
	unlisted, err = t.walk(ctx, ".", known)
	return files, slices.DeleteFunc(unlisted, t.special), err
}

// above tells whether a folder, as git lists it, is the service's root or has it.
func (s *search) above(folder string) bool {
	return strings.HasPrefix(filepath.ToSlash(s.params.Root)+"/", strings.TrimSuffix(folder, "/")+"/")
}

// special tells whether a file is one that git does not deal in, or is gone.
func (t *tree) special(name string) bool {
	info, err := t.root.Lstat(filepath.FromSlash(name))
	return err != nil || !info.Mode().IsRegular() && info.Mode()&fs.ModeSymlink == 0
}

// walk lists all files in a folder, without those that are known and what is in
// folders that are.
func (t *tree) walk(ctx context.Context, dir string, known map[string]bool) (files []string, err error) {
	err = fs.WalkDir(t.root.FS(), dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return hint.With(fmt.Errorf("listing files: %w", err), "make the folder readable")
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case (own(name) || known[name]) && d.IsDir():
			return fs.SkipDir
		case d.IsDir() || own(name) || known[name]:
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
		t.leave(name, &t.spared)
		return nil
	}
	content, err := t.read(name)
	large := errors.Is(err, errTooLarge)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || err != nil && t.behindLink(name):
		t.leave(name, &t.absent) // tracked, and deleted here; the history has it
		return nil
	case errors.Is(err, errFolder):
		return t.folder(ctx, name)
	case large:
		t.leave(name, &t.large)
		t.search.log("left out, over %d MiB: %q", maxFile>>20, name)
		content = nil // its name still counts
	case err != nil:
		return hint.With(fmt.Errorf("reading %q: %w", name, err), "make the file readable, or remove it")
	}
	if bytes.Contains(content, []byte("gitleaks:allow")) {
		t.comments.Add(1)
	}
	if err := t.search.scanFile(ctx, name, content); err != nil || large {
		return err
	}
	t.note(&t.scanned, name)
	return nil
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
	if len(files) == 0 {
		t.leave(name, &t.empty)
		return nil
	}
	t.leave(name, &t.nested) // these are, in its place
	t.note(&t.listed, files...)
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
