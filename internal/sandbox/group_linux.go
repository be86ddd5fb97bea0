package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Group bounds what all processes in it take together (cgroups(7)). It is made
// by a parent, for a process that it starts and all that this one will start.
type Group struct {
	parts []part
	level Level
	// Why tells, where the level is less than full, what is not bound and why.
	Why error
}

// part is a group's folder in one of the kernel's hierarchies. It is locked for
// as long as who made it lives, so that others know those that were left behind.
type part struct {
	dir  string
	lock *os.File
}

// bound is what one controller is to keep.
type bound struct {
	controller string
	most       uint64
	v1, v2     []setting
}

// setting is a file of a group, and what is written there.
type setting struct {
	file, value string
	optional    bool // the kernel may have been built without it
}

// NewGroup makes a group with the bounds on memory and processes that were asked
// for. Where the kernel or whom this process was started by grants none, the
// group has no effect, and says so.
func NewGroup(l Limits) *Group {
	processes, memory := strconv.FormatUint(l.Processes, 10), strconv.FormatUint(l.Memory, 10)
	g := &Group{}
	own, err := ownGroups()
	if err != nil {
		g.Why = fmt.Errorf("finding this process's own groups: %w", err)
		return g
	}
	bounded := 0
	for _, b := range []bound{
		{"pids", l.Processes, []setting{{"pids.max", processes, false}}, []setting{{"pids.max", processes, false}}},
		{"memory", l.Memory, []setting{{"memory.limit_in_bytes", memory, false}, {"memory.memsw.limit_in_bytes", memory, true}},
			[]setting{{"memory.max", memory, false}, {"memory.swap.max", "0", true}}}, // the largest process is ended, and who waits for it can tell
	} {
		if err := g.bind(own, b); err != nil {
			g.Why = errors.Join(g.Why, fmt.Errorf("bounding %s by a group: %w", b.controller, err))
			continue
		}
		bounded++
	}
	g.level = Level(bounded)
	return g
}

// Level is full where memory and processes are both bound, partial where one is.
func (g *Group) Level() Level { return g.level }

// bind has a controller keep its bound, in a folder that another one may have
// made already.
func (g *Group) bind(own map[string]ownGroup, b bound) error {
	if b.most == 0 {
		return errors.New("no limit was asked for")
	}
	at, ok := own[b.controller]
	settings := b.v1
	if !ok {
		at, settings = own[""], b.v2
		if err := at.enable(b.controller); err != nil {
			return err
		}
	}
	if err := at.ours(); err != nil {
		return err
	}
	i := slices.IndexFunc(g.parts, func(p part) bool { return filepath.Dir(p.dir) == at.dir })
	if i < 0 {
		sweep(at.dir)
		p, err := newPart(at.dir)
		if err != nil {
			return err
		}
		i, g.parts = len(g.parts), append(g.parts, p)
	}
	for _, s := range settings {
		err := write(g.parts[i].dir, s.file, s.value)
		if s.optional && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Add puts a process into the group, before it is told what to do: what it
// started earlier stays outside.
func (g *Group) Add(pid int) error {
	for _, p := range g.parts {
		if err := write(p.dir, "cgroup.procs", strconv.Itoa(pid)); err != nil {
			return fmt.Errorf("putting process %d into a group: %w", pid, err)
		}
	}
	return nil
}

// Close kills what is left in the group and removes it.
func (g *Group) Close() error {
	var failed error
	for _, p := range g.parts {
		failed = errors.Join(failed, p.remove())
	}
	g.parts = nil
	return failed
}

// prefix marks the groups that are Sluice's.
const prefix = "sluice-"

// newPart makes a folder and locks it. Another process may have taken it, not
// yet locked, for one that was left behind.
func newPart(parent string) (part, error) {
	for range 10 {
		dir, err := os.MkdirTemp(parent, prefix)
		if err != nil {
			return part{}, err
		}
		if p, err := lock(dir); err == nil {
			return p, nil
		}
	}
	return part{}, errors.New("other processes removed the group, ten times")
}

// lock takes a folder that nobody else has, and that is still there.
func lock(dir string) (part, error) {
	f, err := os.Open(dir)
	if err != nil {
		return part{}, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil { // #nosec G115 -- a descriptor
		return part{}, errors.Join(err, f.Close())
	}
	if _, err := os.Stat(dir); err != nil {
		return part{}, errors.Join(err, f.Close())
	}
	return part{dir, f}, nil
}

// sweep removes the groups of processes that were killed, as far as this one may.
func sweep(parent string) {
	left, _ := filepath.Glob(filepath.Join(parent, prefix+"*"))
	for _, dir := range left[:min(len(left), 1000)] {
		if p, err := lock(dir); err == nil {
			_ = p.remove()
		}
	}
}

func (p part) remove() error {
	err := p.kill()
	if err == nil {
		err = os.Remove(p.dir)
	}
	return errors.Join(err, p.lock.Close())
}

// kill ends all processes of a group, and waits for their end.
func (p part) kill() error {
	_ = write(p.dir, "pids.max", "0") // so that none comes after; not all hierarchies can
	for range 100 {
		pids, err := p.processes()
		if err != nil || len(pids) == 0 {
			return err
		}
		for _, pid := range pids {
			if err := p.end(pid); err != nil {
				return fmt.Errorf("ending process %d of a group: %w", pid, err)
			}
		}
	}
	return errors.New("ending the processes of a group: they start others too fast")
}

func (p part) processes() (pids []int, err error) {
	text, err := os.ReadFile(filepath.Join(p.dir, "cgroup.procs"))
	if err != nil {
		return nil, err
	}
	for field := range strings.FieldsSeq(string(text)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

// longestEnd is how long a killed process may take, milliseconds.
const longestEnd = 10_000

// end kills one process, unless another one has its number by now.
func (p part) end(pid int) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if pids, err := p.processes(); err != nil || !slices.Contains(pids, pid) {
		return err
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	return ended(fd)
}

func ended(fd int) error {
	events := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}} // #nosec G115 -- a descriptor
	for {
		n, err := unix.Poll(events, longestEnd)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if n == 0 {
			err = cmp.Or(err, error(unix.ETIMEDOUT))
		}
		return err
	}
}

func write(dir, file, text string) error {
	f, err := os.OpenFile(filepath.Join(dir, file), os.O_WRONLY, 0) // #nosec G304 -- a file of the kernel's
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
