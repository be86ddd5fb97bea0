package sandbox

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	gosyscall "syscall"

	"github.com/landlock-lsm/go-landlock/landlock"
	"github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// Enter confines this process, and all that it will start, and says what is
// enforced. It must be called before anything else is done: what was opened
// before stays open. After an error the process is confined in part, and must
// end.
func Enter(r Request) (Enforced, error) {
	var e Enforced
	if r.Namespaces {
		if err := enterNamespaces(r); err != nil {
			return e, err
		}
		e = Enforced{Files: Full, Processes: Full}
	}
	if err := becomeUser(r.User); err != nil {
		return e, fmt.Errorf("becoming user %d: %w", r.User.UID, err)
	}
	if err := dropCapabilities(); err != nil {
		return e, fmt.Errorf("giving up capabilities: %w", err)
	}
	if err := limit(r.Limits); err != nil {
		return e, err
	}
	if e.Limits = r.LimitsHeld; os.Geteuid() != 0 {
		e.Limits = max(e.Limits, Partial) // the number of root's processes is not bound
	}
	version, err := restrictFiles(r)
	if err != nil {
		return e, fmt.Errorf("restricting files: %w", err)
	}
	if version >= 1 {
		e.Files, e.Processes = max(e.Files, Partial), max(e.Processes, Partial)
	}
	if e.Network, err = filterCalls(r, version); err != nil {
		return e, fmt.Errorf("filtering system calls: %w", err)
	}
	return e, os.Chdir(r.Access.Dir)
}

func enterNamespaces(r Request) error {
	if r.Access.Network == Loopback {
		if err := raiseLoopback(); err != nil {
			return fmt.Errorf("raising the loopback interface: %w", err)
		}
	}
	return mountTree(r)
}

// becomeUser makes all threads of this process another user's, in no group but his own.
func becomeUser(u *User) error {
	if u == nil {
		return nil
	}
	return errors.Join(gosyscall.Setgroups(nil), gosyscall.Setresgid(u.GID, u.GID, u.GID), gosyscall.Setresuid(u.UID, u.UID, u.UID))
}

// limit sets what the process and its own may take, never more than it may now.
func limit(l Limits) error {
	for resource, most := range map[int]uint64{unix.RLIMIT_FSIZE: l.FileSize, unix.RLIMIT_NOFILE: l.Files, unix.RLIMIT_NPROC: l.Processes} {
		var now unix.Rlimit
		if err := unix.Getrlimit(resource, &now); err != nil {
			return fmt.Errorf("reading a limit: %w", err)
		}
		if most == 0 || now.Max < most {
			continue
		}
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: most, Max: most}); err != nil {
			return fmt.Errorf("setting a limit: %w", err)
		}
	}
	return unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
}

// restrictFiles has Landlock refuse what was not declared (landlock(7)), besides
// the tree of mounts where there is one. It returns the kernel's version of it;
// 0 is none, and nothing is refused then.
func restrictFiles(r Request) (version int, err error) {
	if version, err = syscall.LandlockGetABIVersion(); err != nil || version < 1 || r.noLandlock {
		return 0, nil // the kernel has none, or it is switched off
	}
	temp := r.Temp
	if r.Namespaces {
		temp = "/tmp"
	}
	var rules []landlock.Rule
	hide := slices.Concat(private, r.Access.Hide)
	if r.Namespaces {
		hide = nil // it is not there
	}
	read, write := visible(r)
	for _, path := range read {
		rules = append(rules, readable(path, hide)...)
	}
	rules = append(rules, landlock.RODirs("/proc"))
	if r.Namespaces { // otherwise it is everybody's
		rules = append(rules, grant("/dev/shm", withRefer, landlock.RWFiles))
	}
	for _, path := range append(write, temp) {
		rules = append(rules, grant(path, withRefer, landlock.RWFiles))
	}
	for _, path := range devices {
		rules = append(rules, grant(path, landlock.RWDirs, landlock.RWFiles))
	}
	// One set of rules for all: a second one would refuse to move files between
	// folders, whatever the first one grants.
	all := landlock.V9
	all.HandledAccessNet = 0 // its rules are escaped by MPTCP and TCP fast open
	// Not signals: each thread of this process is a scope of its own, and could
	// not end what another one started.
	all.Scoped &^= syscall.ScopeSignal
	return version, all.BestEffort().Restrict(rules...)
}

// visible are the files and folders that a process may read, and write to, by the
// paths at which it sees them.
func visible(r Request) (read, write []string) {
	read, write = slices.Concat(system, r.Access.Read), slices.Clone(r.Access.Write)
	switch {
	case r.Image == nil:
	case r.Namespaces:
		read, write = append(slices.Clone(r.Access.Read), "/"), slices.AppendSeq(write, maps.Keys(r.Image.Write))
	default:
		read, write = append(read, r.Image.Root), slices.AppendSeq(write, maps.Values(r.Image.Write))
	}
	return read, write
}

// readable are the rules for what may be read but for what is hidden in it.
// Rules can grant, and not take away: a folder with something hidden in it can
// be listed, with all that is below, and what else is in it can be read.
func readable(path string, hide []string) (rules []landlock.Rule) {
	within := slices.DeleteFunc(slices.Clone(hide), func(h string) bool {
		rel, err := filepath.Rel(path, h)
		return err != nil || !filepath.IsLocal(rel)
	})
	switch {
	case slices.Contains(within, path):
		return nil
	case len(within) == 0:
		return []landlock.Rule{grant(path, landlock.RODirs, landlock.ROFiles)}
	}
	rules = append(rules, landlock.PathAccess(syscall.AccessFSReadDir, path).IgnoreIfMissing())
	for _, child := range children(path) {
		rules = append(rules, readable(child, within)...)
	}
	return rules
}

// CanNarrow tells whether a confined process can confine what it starts further,
// as it can by Landlock alone.
func CanNarrow() bool {
	version, err := syscall.LandlockGetABIVersion()
	return err == nil && version >= 1
}

// children are what is in a folder; none for what is no folder.
func children(dir string) (paths []string) {
	entries, _ := os.ReadDir(dir) // what cannot be read is not granted
	for _, e := range entries {
		if e.Type()&os.ModeSymlink == 0 { // a rule would be about what it leads to
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	return paths
}

type granting = func(...string) landlock.FSRule

// grant is the rule for a file or folder that may not be there.
func grant(path string, dirs, files granting) landlock.Rule {
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		return files(path).IgnoreIfMissing()
	}
	return dirs(path).IgnoreIfMissing()
}

// withRefer lets files be moved between folders, too.
func withRefer(paths ...string) landlock.FSRule { return landlock.RWDirs(paths...).WithRefer() }
