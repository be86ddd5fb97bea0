package image

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/sluice-ci/sluice/internal/hint"
)

// The permissions of what Unpack writes. Folders keep their owner's right to
// write, or nobody but root could remove them.
const (
	folderMode     = 0o755
	fileMode       = 0o444
	executableMode = 0o555
)

// Unpack writes the flattened file system of the image to a folder, which must
// be absent or empty; it appears there as a whole or not at all. Files are
// read-only, executable by all or by none, and belong to the caller; set-uid,
// set-gid, sticky bits and capabilities are dropped. An absolute symbolic link
// becomes a relative one to the same place in the folder. What is in /dev, /proc
// and /sys is left out, since whoever runs an image puts its own there. Refused
// are device files and pipes elsewhere, and symbolic links that lead out of the
// folder, or whose ".." is anywhere but at their start.
func (im *Image) Unpack(dir string) error {
	if err := im.unpack(dir); err != nil {
		return fmt.Errorf("unpacking image %s to %s: %w", im.digest, dir, withSpaceHint(err))
	}
	return nil
}

func (im *Image) unpack(dir string) error {
	if err := vacate(dir); err != nil {
		return err
	}
	aside, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".*")
	if err != nil {
		return err
	}
	err = im.unpackInto(aside)
	if err == nil {
		err = os.Rename(aside, dir)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(aside))
	}
	return syncFolder(filepath.Dir(dir))
}

// vacate removes a folder that is empty, and refuses anything else that is there.
func vacate(dir string) error {
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return errors.New("there is something that is no folder")
	}
	if err := os.Remove(dir); err != nil {
		return hint.With(err, "name a folder that is empty or does not exist")
	}
	return nil
}

func (im *Image) unpackInto(dir string) error {
	if err := os.Chmod(dir, folderMode); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	err = im.Walk(func(e Entry) error {
		if err := unpackEntry(root, e); err != nil {
			return fmt.Errorf("%q: %w", e.Path, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return syncTree(root)
}

// kernels tells whether a path is in a folder that a running system fills.
func kernels(name string) bool {
	top, below, _ := strings.Cut(name, "/")
	return below != "" && (top == "dev" || top == "proc" || top == "sys")
}

func unpackEntry(root *os.Root, e Entry) error {
	name := strings.TrimPrefix(e.Path, "/")
	switch {
	case name == "", kernels(name):
		return nil
	case e.Mode.IsDir():
		return unpackFolder(root, name)
	case e.Mode&fs.ModeSymlink != 0:
		return unpackSymlink(root, name, e.Linkname)
	case e.Mode.IsRegular() && e.Linkname != "":
		return root.Link(strings.TrimPrefix(e.Linkname, "/"), name)
	case e.Mode.IsRegular():
		return unpackFile(root, name, e)
	}
	return errors.New("a device file or a pipe")
}

func unpackFolder(root *os.Root, name string) error {
	if err := root.Mkdir(name, folderMode); err != nil {
		return err
	}
	return root.Chmod(name, folderMode) // whatever the umask is
}

// unpackSymlink makes a link that stays inside. Where ".." is only at the
// start of a link, it climbs through real folders; what follows descends
// through real folders and such links, so that no chain of them leads out.
func unpackSymlink(root *os.Root, name, target string) error {
	if strings.HasPrefix(target, "/") {
		target = strings.Repeat("../", strings.Count(name, "/")) + strings.TrimLeft(target, "/")
		if target == "" {
			target = "."
		}
	}
	up, down := climb(target)
	if up > strings.Count(name, "/") {
		return fmt.Errorf("a link to %q, which leads out of the folder", target)
	}
	for part := range strings.SplitSeq(down, "/") {
		if part == ".." {
			return fmt.Errorf("a link to %q, which may lead out of the folder", target)
		}
	}
	return root.Symlink(target, name)
}

// climb splits a target into how many folders it climbs first, and the rest.
func climb(target string) (up int, rest string) {
	rest = target
	for {
		part, after, _ := strings.Cut(rest, "/")
		switch {
		case part == "..":
			up++
		case part != "." && part != "":
			return up, rest
		}
		if rest = after; rest == "" {
			return up, ""
		}
	}
}

func unpackFile(root *os.Root, name string, e Entry) (err error) {
	mode := fs.FileMode(fileMode)
	if e.Mode&0o111 != 0 {
		mode = executableMode
	}
	content, err := e.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, content.Close()) }()
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(fill(f, content, mode), f.Close())
}

func fill(f *os.File, content io.Reader, mode fs.FileMode) error {
	if _, err := io.Copy(f, content); err != nil {
		return err
	}
	return f.Chmod(mode)
}

func withSpaceHint(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return hint.With(err, "free some disk space")
	}
	return err
}
