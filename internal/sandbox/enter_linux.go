package sandbox

import (
	"fmt"
	"os"
	"slices"

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
		e.Files = max(e.Files, Partial)
	}
	if version >= scopesSignals {
		e.Processes = max(e.Processes, Partial)
	}
	if e.Network, err = filterCalls(r); err != nil {
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

// scopesSignals is the version of Landlock from which on a process cannot send
// signals to those outside; from the first on it cannot read their memory.
const scopesSignals = 6

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
	for _, path := range append(slices.Clone(system), r.Access.Read...) {
		rules = append(rules, grant(path, landlock.RODirs, landlock.ROFiles))
	}
	for _, path := range append([]string{temp, "/dev/shm", "/proc"}, r.Access.Write...) {
		rules = append(rules, grant(path, withRefer, landlock.RWFiles))
	}
	for _, path := range devices {
		rules = append(rules, grant(path, landlock.RWDirs, landlock.RWFiles))
	}
	// One set of rules for all: a second one would refuse to move files between
	// folders, whatever the first one grants.
	all := landlock.V9
	all.HandledAccessNet = 0 // its rules are escaped by MPTCP and TCP fast open
	return version, all.BestEffort().Restrict(rules...)
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
