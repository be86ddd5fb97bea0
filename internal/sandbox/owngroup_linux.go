package sandbox

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// ownGroup is the group that this process is in, in one hierarchy.
type ownGroup struct {
	path string // as the kernel names it
	dir  string // its folder
}

// ownGroups are this process's, by controller; that of version 2 is "".
func ownGroups() (map[string]ownGroup, error) {
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	return parseGroups(string(groups), string(mounts)), nil
}

func parseGroups(groups, mounts string) map[string]ownGroup {
	paths := map[string]string{}
	for line := range strings.Lines(groups) {
		if parts := strings.SplitN(strings.TrimSpace(line), ":", 3); len(parts) == 3 {
			for controller := range strings.SplitSeq(parts[1], ",") {
				paths[controller] = parts[2]
			}
		}
	}
	own := map[string]ownGroup{}
	for line := range strings.Lines(mounts) {
		before, after, _ := strings.Cut(line, " - ")
		place, kind := strings.Fields(before), strings.Fields(after)
		if len(place) < 5 || len(kind) < 3 {
			continue
		}
		for _, controller := range controllers(kind) {
			if at, ok := paths[controller]; ok && below(place[3], at) {
				own[controller] = ownGroup{at, filepath.Join(place[4], strings.TrimPrefix(at, place[3]))}
			}
		}
	}
	return own
}

// controllers are those of a mount of groups.
func controllers(kind []string) []string {
	switch kind[0] {
	case "cgroup2":
		return []string{""}
	case "cgroup":
		return strings.Split(kind[2], ",")
	}
	return nil
}

// below tells whether a path is a folder, or in it.
func below(folder, at string) bool {
	return at == folder || strings.HasPrefix(at, strings.TrimSuffix(folder, "/")+"/")
}

// ours tells whether this process may make groups in its own: at the top, and
// where who started it left that to it. Elsewhere they are another's to manage.
func (o ownGroup) ours() error {
	if o.path == "/" {
		return nil
	}
	info, err := os.Stat(o.dir)
	if err != nil {
		return err
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && owner.Uid != 0 && int(owner.Uid) == os.Geteuid() {
		return nil
	}
	for _, attribute := range []string{"trusted.delegate", "user.delegate"} { // systemd marks them
		value := make([]byte, 2)
		if n, err := unix.Getxattr(o.dir, attribute, value); err == nil && string(value[:n]) == "1" {
			return nil
		}
	}
	return errors.New(path.Clean(o.path) + " is another's, who did not leave it to this process (as systemd-run --property=Delegate=yes does)")
}

// enable has groups of version 2 in this one be bound by a controller.
func (o ownGroup) enable(controller string) error {
	if o.dir == "" {
		return errors.New("the kernel has no such controller")
	}
	text, err := os.ReadFile(filepath.Join(o.dir, "cgroup.subtree_control"))
	if err != nil || slices.Contains(strings.Fields(string(text)), controller) {
		return err
	}
	if err := o.ours(); err != nil {
		return err
	}
	return write(o.dir, "cgroup.subtree_control", "+"+controller)
}
