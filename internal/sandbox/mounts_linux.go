package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// system is what every program needs of this machine, to read: programs,
// libraries, and the part of /etc that says how names are resolved and whom to
// trust. What holds secrets in /etc is not among it.
var system = []string{
	"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix/store",
	"/etc/alternatives", "/etc/bash.bashrc", "/etc/ca-certificates", "/etc/chromium", "/etc/chromium.d", "/etc/debian_version", "/etc/fonts", "/etc/gai.conf", "/etc/group", "/etc/host.conf", "/etc/hostname", "/etc/hosts", "/etc/ld.so.cache",
	"/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/mime.types", "/etc/nsswitch.conf", "/etc/os-release", "/etc/passwd",
	"/etc/magic", "/etc/networks", "/etc/opt", "/etc/perl", "/etc/pki", "/etc/profile", "/etc/protocols", "/etc/python3", "/etc/resolv.conf", "/etc/services", "/etc/shells",
	"/etc/ssl", "/etc/terminfo", "/etc/timezone", "/etc/xdg",
}

// private is what of that is not for every program.
var private = []string{"/etc/ssl/private", "/etc/pki/tls/private"}

// devices are those without a way to anything else.
var devices = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}

// tree builds, on an empty folder, all that a process may see.
type tree struct{ root string }

// mountTree has the process see what it was declared to, and nothing else: a
// tree of its own takes the place of the machine's.
func mountTree(r Request) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	t := tree{r.Root}
	if err := unix.Mount("tmpfs", t.root, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755,size=16m"); err != nil {
		return fmt.Errorf("mounting a new root: %w", err)
	}
	steps := []func() error{
		func() error { return t.programs(r.Image) },
		t.devices,
		func() error { return t.special("/proc", "proc", "") },
		t.settings,
		func() error { return t.temp(r) }, // first, for what is declared may be below it
		func() error { return t.bindAll(r.Access.Read, true) },
		func() error { return t.hideAll(r.Access.Hide) },
		func() error { return t.bindAll(r.Access.Write, false) },
		t.enter,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// programs shows this machine's, or an image.
func (t tree) programs(i *Image) error {
	if i != nil {
		return t.image(*i)
	}
	if err := t.bindAll(system, true); err != nil {
		return err
	}
	return t.hideAll(private)
}

// bindAll shows files and folders where they are, outer ones first, so that an
// inner one can be shown in another way.
func (t tree) bindAll(paths []string, readOnly bool) error {
	paths = slices.Clone(paths)
	slices.Sort(paths)
	for _, path := range slices.Compact(paths) {
		if err := t.bind(path, readOnly); err != nil {
			return err
		}
	}
	return nil
}

// bind shows a file or folder where it is. Symbolic links on the way, and the
// path's own, are made as they are, and what they lead to is shown too.
func (t tree) bind(path string, readOnly bool) error {
	real, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("showing %s: %w", path, err)
	}
	if err := t.links(path); err != nil {
		return err
	}
	return t.bindTo(real, real, readOnly)
}

// hideAll has folders seen as empty and files as devices without content.
func (t tree) hideAll(paths []string) error {
	for _, path := range paths {
		dir, err := filepath.EvalSymlinks(filepath.Dir(path)) // where it was shown
		if err == nil {
			err = hide(filepath.Join(t.root, dir, filepath.Base(path)))
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTDIR) {
			return fmt.Errorf("hiding %s: %w", path, err)
		}
	}
	return nil
}

func hide(at string) error {
	info, err := os.Lstat(at)
	switch {
	case err != nil:
		return err
	case info.Mode()&fs.ModeSymlink != 0:
		return nil // what it leads to is not here
	case info.IsDir():
		return unix.Mount("tmpfs", at, "tmpfs", unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=755,size=4k")
	default:
		return unix.Mount("/dev/null", at, "", unix.MS_BIND, "")
	}
}

// links makes the symbolic links that a path goes through, and those that these
// lead through. The path is one that resolves, which no circle of links does.
func (t tree) links(path string) error {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	for i := range parts {
		at := "/" + filepath.Join(parts[:i+1]...)
		to, err := os.Readlink(at)
		if err != nil {
			continue // no link
		}
		link := filepath.Join(t.root, at)
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			return err
		}
		if err := os.Symlink(to, link); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(filepath.Dir(at), to)
		}
		return t.links(filepath.Join(append([]string{to}, parts[i+1:]...)...)) // what is above is free of links
	}
	return nil
}

// bindTo shows a file or folder at another path.
func (t tree) bindTo(from, to string, readOnly bool) error {
	at, err := t.place(from, to)
	if err != nil {
		return fmt.Errorf("showing %s: %w", from, err)
	}
	if err := unix.Mount(from, at, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("showing %s: %w", from, err)
	}
	attributes := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOSUID}
	if readOnly {
		attributes.Attr_set |= unix.MOUNT_ATTR_RDONLY
	}
	if err := unix.MountSetattr(-1, at, unix.AT_RECURSIVE, &attributes); err != nil {
		return fmt.Errorf("showing %s: %w", from, err)
	}
	return nil
}

// place makes what something can be mounted on. What an outer folder shows is
// there already.
func (t tree) place(from, to string) (string, error) {
	at := filepath.Join(t.root, to)
	info, err := os.Stat(from)
	if err != nil {
		return at, err
	}
	if _, err := os.Lstat(at); err == nil {
		return at, nil
	}
	if info.IsDir() {
		return at, os.MkdirAll(at, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		return at, err
	}
	f, err := os.OpenFile(at, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return at, err
	}
	return at, f.Close()
}

func (t tree) devices() error {
	if err := t.bindAll(devices, false); err != nil {
		return err
	}
	for link, to := range map[string]string{"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"} {
		if err := os.Symlink(to, filepath.Join(t.root, "dev", link)); err != nil {
			return err
		}
	}
	return t.special("/dev/shm", "tmpfs", "mode=1777,size=512m")
}

// temp shows the folder for temporary files or, where its size is bound, memory.
func (t tree) temp(r Request) error {
	if r.Limits.Temp == 0 {
		return t.bindTo(r.Temp, "/tmp", false)
	}
	at := filepath.Join(t.root, "tmp")
	if err := os.Mkdir(at, 0o755); err != nil { // #nosec G301 -- what is mounted on it has its own mode
		return err
	}
	// A file takes memory of the kernel's, too: as many as there are pages are plenty.
	options := fmt.Sprintf("mode=1777,size=%d,nr_inodes=%d", r.Limits.Temp, r.Limits.Temp/4096+16)
	if err := unix.Mount("tmpfs", at, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, options); err != nil {
		return fmt.Errorf("mounting /tmp: %w", err)
	}
	return nil
}

// settings are the kernel's, which root could change without any capability.
func (t tree) settings() error {
	for _, name := range []string{"sys", "irq", "bus", "fs", "sysrq-trigger"} {
		at := filepath.Join(t.root, "proc", name)
		if _, err := os.Lstat(at); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := unix.Mount(at, at, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("protecting /proc/%s: %w", name, err)
		}
		readOnly := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC}
		if err := unix.MountSetattr(-1, at, 0, &readOnly); err != nil {
			return fmt.Errorf("protecting /proc/%s: %w", name, err)
		}
	}
	return nil
}

// special mounts a file system of the kernel's.
func (t tree) special(path, kind, options string) error {
	at := filepath.Join(t.root, path)
	if err := os.MkdirAll(at, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(kind, at, kind, unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, options); err != nil {
		return fmt.Errorf("mounting %s: %w", path, err)
	}
	return nil
}

// enter makes the tree the root, and lets go of the machine's.
func (t tree) enter() error {
	if err := os.Chdir(t.root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("entering the new root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("letting go of the old root: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	readOnly := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	return unix.MountSetattr(-1, "/", 0, &readOnly)
}
