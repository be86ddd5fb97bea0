package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// maxTop bounds how many files and folders an image may have at its root, and in
// its /etc: each is mounted.
const maxTop = 1024

// kernels are the folders at the root of a file system that are not an image's to
// fill, and tmp, which is the process's own.
var kernels = []string{"proc", "sys", "dev", "tmp"}

// resolver are the files of this machine by which names are found.
var resolver = []string{"resolv.conf", "hosts"}

// image shows an image's files as those of the machine, and at their places the
// folders that may be written to.
func (t tree) image(i Image) error {
	own := slices.Clone(kernels)
	for at := range i.Write {
		own = append(own, filepath.Base(at))
	}
	if err := t.entries(i.Root, "/", append(own, "etc")); err != nil {
		return err
	}
	if err := t.etc(filepath.Join(i.Root, "etc")); err != nil {
		return err
	}
	for at, from := range i.Write {
		if filepath.Dir(at) != "/" || filepath.Base(at) == "etc" || slices.Contains(kernels, filepath.Base(at)) {
			return fmt.Errorf("showing %s at %s: it is not a place for it", from, at) // where an image could have put a link
		}
		if err := t.bindTo(from, at, false); err != nil {
			return err
		}
	}
	return nil
}

// etc shows an image's settings, but for those that say how this machine finds names.
func (t tree) etc(dir string) error {
	info, err := os.Lstat(dir)
	if err == nil && !info.IsDir() {
		return fmt.Errorf("showing %s: it is no folder", dir)
	}
	if err == nil {
		err = t.entries(dir, "/etc", resolver)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, name := range resolver {
		real, err := filepath.EvalSymlinks(filepath.Join("/etc", name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = t.bindTo(real, filepath.Join("/etc", name), true)
		}
		if err != nil {
			return fmt.Errorf("showing /etc/%s: %w", name, err)
		}
	}
	return nil
}

// entries shows what is in a folder at another place, but for some names.
// Nothing is shown through a symbolic link, which may lead anywhere: links are
// made as they are, for the process to follow in what it sees.
func (t tree) entries(dir, to string, but []string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(entries) > maxTop {
		return fmt.Errorf("showing %s: it has more than %d entries", dir, maxTop)
	}
	for _, e := range entries {
		from, at := filepath.Join(dir, e.Name()), filepath.Join(to, e.Name())
		switch {
		case slices.Contains(but, e.Name()):
		case e.Type() == fs.ModeSymlink:
			err = t.link(from, at)
		case e.IsDir(), e.Type().IsRegular():
			err = t.bindTo(from, at, true)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// link makes a symbolic link like another one.
func (t tree) link(from, at string) error {
	to, err := os.Readlink(from)
	if err != nil {
		return err
	}
	link := filepath.Join(t.root, at)
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		return err
	}
	return os.Symlink(to, link)
}
