package cloudrunlocal

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-ci/sluice/internal/hint"
)

// program is a process about to be started.
type program struct {
	root       string // the folder of the image's files
	path       string // of the file that is executed, in the image
	args       []string
	dir        string   // in the image
	env        []string // but for what differs by start and by confinement
	data, temp string   // folders that it may write to
	user       *user    // nil: the supervisor's own
}

// user is whom a process runs as.
type user struct{ uid, gid uint32 }

// errImage is wrapped by errors that are the image's fault.
var errImage = errors.New("cannot be started from its image")

// resolve finds what an image says is to be run among its unpacked files.
func resolve(s state, r record) (program, error) {
	dir := filepath.Join(s.revision(r.Name), "root")
	root, err := os.OpenRoot(dir)
	if err != nil {
		return program{}, fmt.Errorf("opening the files of %s: %w", r.Name, err)
	}
	defer root.Close()
	args := slices.Concat(r.Process.Entrypoint, r.Process.Cmd)
	if len(args) == 0 {
		return program{}, fmt.Errorf("%w: it has neither entrypoint nor command", errImage)
	}
	wd := inside(r.Process.WorkingDir)
	if info, err := root.Stat(wd); err != nil || !info.IsDir() {
		return program{}, fmt.Errorf("%w: its working directory %s is not a folder in it", errImage, r.Process.WorkingDir)
	}
	file, err := executable(root, args[0], wd, r.Process.Env)
	if err != nil {
		return program{}, err
	}
	secrets, err := s.secretsFor(r)
	if err != nil {
		return program{}, err
	}
	p := program{root: dir, path: file, args: args, dir: wd, env: environment(r, secrets), data: s.data(), temp: s.temporary(r.Name)}
	p.user, err = switchTo(r.Process.User)
	return p, err
}

// inside is a path of the image relative to its root, which it cannot leave.
func inside(name string) string {
	if rel := strings.TrimPrefix(path.Clean("/"+name), "/"); rel != "" {
		return rel
	}
	return "."
}

// executable finds a command's file in the image: a path, or a name that is
// looked up in the image's PATH. Links that lead out of the image are refused.
func executable(root *os.Root, name, wd string, env []string) (string, error) {
	var tries []string
	switch {
	case path.IsAbs(name):
		tries = []string{inside(name)}
	case strings.Contains(name, "/"):
		tries = []string{inside(path.Join(wd, name))}
	default:
		for _, dir := range strings.Split(lookup(env, "PATH", usualPath), ":") {
			tries = append(tries, inside(path.Join(dir, name)))
		}
	}
	for _, file := range tries {
		if info, err := root.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return file, nil
		}
	}
	return "", fmt.Errorf("%w: %s is not an executable file in it", errImage, name)
}

// usualPath is what container runtimes use for an image that sets no PATH.
const usualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func lookup(env []string, name, value string) string {
	for _, kv := range env {
		if v, ok := strings.CutPrefix(kv, name+"="); ok {
			value = v
		}
	}
	return value
}

// environment is what a process gets, but for what order adds. What is set
// there and here cannot be overridden, because the proxy relies on it.
func environment(r record, secrets values) []string {
	vars := map[string]string{}
	for _, kv := range r.Process.Env {
		if name, value, ok := strings.Cut(kv, "="); ok && name != "" {
			vars[name] = value
		}
	}
	maps.Copy(vars, r.Env)
	maps.Copy(vars, secrets)
	vars["HOST"] = "127.0.0.1"
	for _, name := range []string{"DATA_DIR", "TMPDIR", "PORT"} {
		delete(vars, name)
	}
	var env []string
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		env = append(env, name+"="+vars[name])
	}
	return env
}

// switchTo is the user of an image, where this process may become it.
func switchTo(name string) (*user, error) {
	if os.Geteuid() != 0 || name == "" {
		return nil, nil
	}
	first, second, both := strings.Cut(name, ":")
	if !both {
		second = first
	}
	uid, err := strconv.ParseUint(first, 10, 31)
	gid, err2 := strconv.ParseUint(second, 10, 31)
	if err := errors.Join(err, err2); err != nil {
		return nil, hint.With(fmt.Errorf("%w: its user %q is not a number", errImage, name), "write the image's user as numbers: 65532:65532")
	}
	if uid == 0 && gid == 0 {
		return nil, nil
	}
	return &user{uid: uint32(uid), gid: uint32(gid)}, nil
}

// give makes the folders that a process writes to its own.
func give(s state, r record, u *user) error {
	if err := makeFolder(s.temporary(r.Name), 0o700); err != nil {
		return err
	}
	if u == nil {
		return nil
	}
	for _, dir := range []string{s.data(), s.temporary(r.Name)} {
		if err := giveTree(dir, *u); err != nil {
			return fmt.Errorf("giving %s to user %d: %w", dir, u.uid, err)
		}
	}
	return nil
}

// giveTree hands a folder over from its owner. What belongs to somebody else is
// left alone: a service may have linked a file there that is not its own.
func giveTree(dir string, u user) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	from, err := owner(root, ".")
	if err != nil || from == u {
		return err
	}
	var names []string
	err = fs.WalkDir(root.FS(), ".", func(name string, _ fs.DirEntry, err error) error {
		names = append(names, name)
		return err
	})
	if err != nil {
		return err
	}
	slices.Reverse(names) // the folder itself last: it says that all is done
	for _, name := range names {
		if err := giveOne(root, name, from, u); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
