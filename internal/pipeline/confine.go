package pipeline

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/sandbox"
)

// covered is the folder on which a process mounts what it may see: one that no
// program needs, and that is in no other folder that it sees.
const covered = "/sys"

// networks are the sandbox's words for a job's networks.
var networks = map[Network]sandbox.Network{NoNetwork: sandbox.NoNetwork, Loopback: sandbox.Loopback, Machine: sandbox.Machine, Outside: sandbox.Outside}

// request is what the process of a task is confined to.
func (p Processes) request(t Task, namespaces bool) (*sandbox.Request, error) {
	trees, err := t.within()
	if err != nil {
		return nil, err
	}
	a := sandbox.Access{
		Read:    slices.Concat([]string{p.Exe}, t.Access.Read, trees),
		Write:   slices.Concat([]string{t.Out, t.Cache, t.Keep, t.Scratch}, t.Access.Write),
		Network: networks[t.Access.Network],
		Dir:     "/",
	}
	for _, need := range t.Needs {
		if need.Out != "" {
			a.Read = append(a.Read, need.Out)
		}
	}
	relative := func(path string) bool { return !filepath.IsAbs(path) } // of which nobody says to what
	a.Read, a.Write = slices.DeleteFunc(a.Read, relative), slices.DeleteFunc(a.Write, relative)
	if t.Access.RunsRepositoryCode {
		for _, tree := range trees {
			hide, err := hidden(tree)
			if err != nil {
				return nil, err
			}
			a.Hide = append(a.Hide, hide...)
		}
	}
	return &sandbox.Request{Access: a, Namespaces: namespaces, Root: covered, Temp: t.Scratch, Limits: limits(t.Access)}, nil
}

// limits are what a job and all that it starts may take together, of a machine
// that is to go on working meanwhile.
func limits(a Access) sandbox.Limits {
	l := sandbox.Limits{Processes: maxProcesses, Memory: sandbox.Memory() / 4 * 3}
	if a.RunsRepositoryCode {
		l.Temp = min(maxTemp, sandbox.Memory()/2)
	}
	return l
}

// maxProcesses is how many processes and threads a job may have; a browser that a
// test starts has hundreds. maxTemp is how much may be in the /tmp of code of the
// repository, bytes.
const (
	maxProcesses = 8192
	maxTemp      = 4 << 30
)

// keeper is what the parent holds a job's process by.
type keeper struct {
	group    *sandbox.Group
	overseer *sandbox.Overseer
	ended    chan error // of overseer
}

// newKeeper makes the group for a task's process, and tells the task.
func newKeeper(t *Task) *keeper {
	if t.Confine == nil {
		return &keeper{}
	}
	k := &keeper{group: sandbox.NewGroup(t.Confine.Limits)}
	t.Confine.LimitsHeld = k.group.Level()
	return k
}

// prepare has a command start as confined as it can be from outside.
func (k *keeper) prepare(cmd *exec.Cmd, r *sandbox.Request) (err error) {
	if r == nil {
		return nil
	}
	if r.Namespaces {
		sandbox.Prepare(cmd, r.Access.Network)
	}
	k.overseer, err = sandbox.Oversee(cmd, r)
	return err
}

// watch takes charge of a process that waits for its task.
func (k *keeper) watch(pid int) error {
	if k.group == nil {
		return nil
	}
	k.ended = make(chan error, 1)
	go func() { k.ended <- k.overseer.Run() }()
	return k.group.Add(pid)
}

// close ends what is left of a job.
func (k *keeper) close() (err error) {
	if k.overseer != nil {
		err = k.overseer.Close()
	}
	if k.ended != nil {
		err = errors.Join(err, <-k.ended)
	}
	if k.group != nil {
		err = errors.Join(err, k.group.Close())
	}
	return err
}

// within are the task's trees that are there, as they are really called. It is an
// error that one is not in the repository, or no file or folder: what go.mod or
// a symbolic link names is not thereby to be seen.
func (t Task) within() (trees []string, err error) {
	top, err := filepath.EvalSymlinks(cmp.Or(t.Top, t.Root))
	if err != nil {
		return nil, err
	}
	for _, tree := range t.Trees {
		real, err := filepath.EvalSymlinks(tree)
		if errors.Is(err, fs.ErrNotExist) || slices.Contains(t.Access.Read, tree) {
			continue
		}
		if err != nil {
			return nil, err
		}
		info, err := os.Stat(real)
		if err != nil {
			return nil, err
		}
		rel, err := filepath.Rel(top, real)
		if err != nil || !filepath.IsLocal(rel) || !info.IsDir() && !info.Mode().IsRegular() || concealed(rel) {
			return nil, hint.With(fmt.Errorf("%s is %s, which is no file or folder of the repository: it is not shown to the stage", tree, real), "have what go.mod and go.work name in the repository, and no symbolic link in its place")
		}
		trees = append(trees, tree, real)
	}
	return slices.Compact(trees), nil
}

// concealed tells whether a path is in a folder that is hidden.
func concealed(path string) bool {
	parts := strings.Split(path, string(filepath.Separator))
	return slices.Contains(parts, StateDir) || slices.Contains(parts, ".git")
}

// maxEntries bounds how many files and folders are looked at in a tree.
const maxEntries = 5_000_000

// hidden are those parts of a source tree that code of the repository does not
// see: what runs left there, and repositories, whose configuration can hold
// credentials.
func hidden(tree string) (hide []string, err error) {
	seen := 0
	err = filepath.WalkDir(tree, func(path string, d fs.DirEntry, err error) error {
		if seen++; err == nil && seen > maxEntries {
			err = fmt.Errorf("there are more than %d files in %s", maxEntries, tree)
		}
		if err != nil || !concealed(d.Name()) {
			return err
		}
		if hide = append(hide, path); d.IsDir() {
			return fs.SkipDir
		}
		return nil
	})
	return hide, err
}

// enter confines this process to what its task asks for. An error is the
// kernel's refusal.
func (t *Task) enter() (sandbox.Enforced, error) {
	if t.Confine == nil {
		return sandbox.Enforced{}, nil
	}
	e, err := sandbox.Enter(*t.Confine)
	if t.Access.RunsRepositoryCode && !sandbox.CanNarrow() {
		e.Files = sandbox.None // that code could write what is this process's own
	}
	if err != nil || !t.Confine.Namespaces {
		return e, err
	}
	return e, os.Setenv("TMPDIR", "/tmp")
}

// suffices tells whether what was enforced is enough for a job.
func (a Access) suffices(e sandbox.Enforced, least sandbox.Level) error {
	if !a.RunsRepositoryCode || a.Detaches || min(e.Files, e.Network) >= least {
		return nil
	}
	return hint.With(fmt.Errorf("it runs code of the repository, and this kernel confines that less than %s: files %s, network %s", least, e.Files, e.Network),
		"allow user namespaces, or Landlock and pidfd_getfd (docker run --cap-add SYS_PTRACE), or say --allow-unconfined where the repository is trusted")
}

// errRefused is a kernel that does not let a process confine itself.
type errRefused struct{ reason string }

func (e errRefused) Error() string { return "the kernel refuses to confine it: " + e.reason }
