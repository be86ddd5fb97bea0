// Package testexec is what the go command starts in place of each test program
// (go test -exec): it confines the program further than the go command itself
// is, and keeps what a passing one said, since with -exec the go command does
// not.
//
// It does its work while the program that links it is being initialised: it is
// started twice for every package that is tested, and the initialisation of
// Sluice's other parts takes longer than many tests do. Packages are initialised
// in the order of their names, as soon as what they import is; so this one
// imports little, of the standard library only: neither encoding/json nor
// os/exec, by which others would be ready before it. A test holds that.
package testexec

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Name is the argument that makes a program which links this package the
// wrapper: "PROGRAM Name TEST-PROGRAM ARGUMENT…".
const Name = "test-exec"

// Confined is the argument by which the wrapper starts itself, to become the test
// program: "PROGRAM Confined TEST-PROGRAM ARGUMENT…", which may write to Settings.Write
// only. Of the settings nothing else counts.
const Confined = "test-exec-confined"

// Variable is the environment variable that holds the Settings, encoded.
const Variable = "SLUICE_TEST_EXEC"

// Settings are what the wrapper is told. All paths are absolute.
type Settings struct {
	Write []string          // files and folders that a test program may write to
	Env   map[string]string // for the test program, besides what the go command gives it
	// Kept is the folder of what passing test programs said before, "" when that
	// does not count, and Keep that for what they say now; "" keeps nothing.
	Kept, Keep string
	// Sources are the folders whose files decide, when a test opens them, whether
	// what was said still holds.
	Sources []string
	Facts   string // what else decides that
}

// An init function, because everything else would come after the
// initialisation of packages that a test program does not need.
func init() {
	if len(os.Args) < 3 {
		return
	}
	switch os.Args[1] {
	case Name:
		os.Exit(wrap(os.Args[2], os.Args[3:]))
	case Confined:
		fmt.Fprintln(os.Stderr, "confining a test program:", become(os.Args[2], os.Args[3:]))
		os.Exit(1)
	}
}

// wrap runs a test program, or says what it said before. It returns the exit status.
func wrap(program string, args []string) int {
	s, err := decode(os.Getenv(Variable))
	if err != nil {
		fmt.Fprintf(os.Stderr, "reading %s: %v\n", Variable, err)
		return 2
	}
	t := trial{Settings: s, program: program, args: args, env: s.environ()}
	kept, err := t.kept()
	if err != nil {
		fmt.Fprintln(os.Stderr, "looking for what the test program said before:", err)
		return 2
	}
	if kept.replay(os.Stdout) {
		return 0
	}
	status, err := t.run(kept)
	if err != nil {
		fmt.Fprintln(os.Stderr, "running a test program:", err)
		return max(status, 1)
	}
	return status
}

// environ is the test program's environment.
func (s Settings) environ() []string {
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		_, ours := s.Env[name]
		return ours || name == Variable
	})
	for name, value := range s.Env {
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	return env
}

// trial is one run of a test program.
type trial struct {
	Settings
	program string
	args    []string
	env     []string
}

// flag is the value of one of the test program's flags; "" when it is not given.
func (t trial) flag(name string) string {
	for _, arg := range t.args {
		if value, ok := strings.CutPrefix(arg, "-test."+name+"="); ok {
			return value
		}
	}
	return ""
}

// run runs the test program to its end, and keeps what a passing one said.
func (t trial) run(k record) (status int, err error) {
	log := path.Join(path.Dir(t.program), "opened.txt")
	write := slices.Concat(t.Write, []string{log})
	for _, file := range []string{log, t.flag("coverprofile")} { // made here, for a rule must be about something
		if file != "" {
			if err := os.WriteFile(file, nil, 0o600); err != nil {
				return 1, err
			}
			write = append(write, file)
		}
	}
	if dir := t.flag("gocoverdir"); dir != "" {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return 1, err
		}
		write = append(write, dir)
	}
	said := &head{most: maxSaid}
	status, err = t.start(write, append(slices.Clone(t.args), "-test.testlogfile="+log), io.MultiWriter(os.Stdout, said))
	if err != nil || status != 0 || said.over {
		return status, err
	}
	return 0, k.keep(said.text, log)
}

// patience is how long the output of a program that has ended may stay open.
const patience = 10 * time.Second

// start starts the confined program and waits for it. It dies with this process.
func (t trial) start(write, args []string, out io.Writer) (status int, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return 1, err
	}
	defer r.Close()
	runtime.LockOSThread() // whose end would be taken for this process's
	defer runtime.UnlockOSThread()
	argv := append([]string{os.Args[0], Confined, t.program}, args...)
	env := append(slices.Clone(t.env), Variable+"="+Settings{Write: write}.Encode())
	p, err := os.StartProcess("/proc/self/exe", argv, &os.ProcAttr{Env: env, Files: []*os.File{os.Stdin, w, w}, Sys: withParent()}) // #nosec G204 G702 -- it is this program
	if err = errors.Join(err, w.Close()); err != nil {
		return 1, err
	}
	copied := make(chan error, 1)
	go func() {
		_, err := io.Copy(out, r)
		copied <- err
	}()
	state, err := p.Wait()
	if err != nil {
		return 1, err
	}
	select {
	case err = <-copied:
	case <-time.After(patience):
		err = errors.New("it has ended, and a process that it started holds its output open")
	}
	if code := state.ExitCode(); code != 0 {
		if code < 0 {
			fmt.Fprintln(os.Stderr, state) // "signal: killed", as the go command says it
			code = 1
		}
		return code, err
	}
	return 0, err
}

// become makes this process the test program, confined. It returns only with an error.
func become(program string, args []string) error {
	s, err := decode(os.Getenv(Variable))
	if err != nil {
		return fmt.Errorf("reading %s: %w", Variable, err)
	}
	runtime.LockOSThread() // the rules are for a thread, which then becomes the process
	if err := restrictWriting(s.Write); err != nil {
		return err
	}
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, Variable+"=") })
	return syscall.Exec(program, append([]string{program}, args...), env) // #nosec G204 G702 -- this is what the package is for
}

// head keeps the beginning of what is written to it.
type head struct {
	text []byte
	most int
	over bool
}

func (h *head) Write(p []byte) (int, error) {
	if h.over = h.over || len(h.text)+len(p) > h.most; !h.over {
		h.text = append(h.text, p...)
	}
	return len(p), nil
}
