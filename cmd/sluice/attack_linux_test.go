package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// marked is what the keys and the environment say that a service's tests try to read.
const marked = "sluice-attack-marker"

// siege is a service with malicious tests, and what they strike at.
type siege struct {
	*service
	home string
	at   map[string]any
}

func newSiege(t *testing.T) *siege {
	t.Helper()
	s := &siege{service: newService(t)}
	s.home = s.folder("home")
	cache, modules := s.variable("SLUICE_CACHE"), s.folder("modules")
	hooks, state, tools := filepath.Join(s.dir, ".git", "hooks"), filepath.Join(s.dir, ".sluice"), s.folder("tools")
	builds := []string{filepath.Join(cache, "go-build"), filepath.Join(cache, "go-build-test")}
	for _, dir := range slices.Concat([]string{modules, hooks, state, tools, filepath.Join(s.home, ".ssh"), filepath.Join(s.home, ".config", "gcloud")}, builds) {
		must(t, os.MkdirAll(dir, 0o755))
	}
	for _, key := range []string{".ssh/id_ed25519", ".config/gcloud/credentials.db"} {
		must(t, os.WriteFile(filepath.Join(s.home, key), []byte(marked), 0o600))
	}
	s.env = append(s.env, "HOME="+s.home, "GOMODCACHE="+modules, "CLOUD_TOKEN="+marked, "GOTELEMETRY=off", "PATH="+tools+string(filepath.ListSeparator)+os.Getenv("PATH"))
	root, err := exec.Command("go", "env", "GOROOT").Output()
	must(t, err)
	s.at = map[string]any{
		"Home": s.home, "Marker": marked, "Sleeper": filepath.Join(s.dir, "main.go"),
		"Writable": slices.Concat([]string{modules, hooks, state, tools, s.dir}, builds), "Closed": []string{filepath.Join(strings.TrimSpace(string(root)), "VERSION")},
		"TCP": answering(t, "tcp", "127.0.0.1:0"), "UDP": answeringUDP(t), "Socket": answering(t, "unix", s.folder("docker.sock")), "Abstract": answering(t, "unix", "@"+filepath.Base(s.folder(".."))),
		"Program": setUID(t, tools),
	}
	text, err := json.Marshal(s.at)
	must(t, err)
	s.write("attacks.json", string(text))
	attack, err := os.ReadFile("testdata/attacks/attack_test.go")
	must(t, err)
	s.write("attack_test.go", string(attack))
	return s
}

// answering answers whoever connects.
func answering(t *testing.T, network, address string) string {
	t.Helper()
	l, err := net.Listen(network, address)
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 64))
			_, _ = c.Write([]byte("thanks"))
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}

func answeringUDP(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	go func() {
		buffer := make([]byte, 64)
		for {
			n, from, err := c.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, _ = c.WriteTo(buffer[:n], from)
		}
	}()
	return c.LocalAddr().String()
}

// setUID makes a program that says whether it has the power to change users.
func setUID(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "sudo")
	must(t, os.WriteFile(path, []byte("#!/bin/sh\ngrep -q 'CapEff:.*0000000000000000' /proc/self/status || echo privileged\n"), 0o755))
	return path
}

// attacks are the tests that failed, each with those that are part of it.
func attacks(output string) (names []string) {
	for _, m := range regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`).FindAllStringSubmatch(output, -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	return names
}

// TestAttacks has tests of a malicious change try all that they are to be kept
// from: each works when the go command runs them, and none when Sluice does.
func TestAttacks(t *testing.T) {
	t.Parallel()
	s := newSiege(t)
	free := exec.Command("go", "test", "-count=1", "-vet=off", ".")
	free.Dir, free.Env = s.dir, append(slices.Clone(s.env), "GOCACHE="+filepath.Join(s.variable("SLUICE_CACHE"), "go-build-test"), "GOFLAGS=")
	out, err := free.CombinedOutput()
	if err == nil {
		t.Fatalf("no attack works without Sluice:\n%s", out)
	}
	worked := attacks(string(out))
	for _, want := range s.wanted() {
		if !slices.Contains(worked, want) {
			t.Errorf("%s does not work without Sluice either:\n%s", want, out)
		}
	}
	sleeper := []string{"tail", "-f", filepath.Join(s.dir, "main.go")}
	pid := awaitPID(t, sleeper...) // it outlived the go command
	p, err := os.FindProcess(pid)
	must(t, err)
	must(t, p.Kill())

	s.resists("full", nil, nil)
	if os.Geteuid() != 0 {
		return
	}
	shared := []string{"TestFillTheDisk", "TestSend", "TestSend/TCP"} // there the loopback interface is everybody's
	s.resists("partial", shared, without("-sys_admin"))               // without it root gets no namespaces
	s.give(ordinary)
	s.resists("full", nil, as(ordinary))
	s.resists("partial", shared, namespaceless(ordinary))
	s.resists("full", nil, namespaceless(ordinary), "--sudo")
}

// ordinary is the number of a user, and of his group, who owns nothing else here.
const ordinary = 54321

// without has a command lack a capability.
func without(capability string) func(*exec.Cmd) {
	return prefix("setpriv", "--bounding-set="+capability, "--inh-caps="+capability)
}

// as has a user start a command.
func as(uid int) func(*exec.Cmd) {
	return prefix("setpriv", fmt.Sprintf("--reuid=%d", uid), fmt.Sprintf("--regid=%d", uid), "--clear-groups", "--bounding-set=+all")
}

// namespaceless has a user start a command who may not make user namespaces: he
// is in one in which nobody may.
func namespaceless(uid int) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) {
		as(uid)(cmd)
		prefix("sh", "-c", `echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"`, "sh")(cmd)
		everybody := []syscall.SysProcIDMap{{Size: 65536}}
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER, UidMappings: everybody, GidMappings: everybody, GidMappingsEnableSetgroups: true}
	}
}

// prefix has a command be started by another one.
func prefix(args ...string) func(*exec.Cmd) {
	return func(cmd *exec.Cmd) {
		by := exec.Command(args[0])
		cmd.Path, cmd.Err, cmd.Args = by.Path, by.Err, slices.Concat(args, []string{cmd.Path}, cmd.Args[1:])
	}
}

// give makes all of the siege a user's, who can use sudo as well.
func (s *siege) give(uid int) {
	t := s.t
	t.Helper()
	work := filepath.Dir(s.dir)
	for _, zone := range []string{"go-build", "go-build-test"} {
		at := filepath.Join(s.variable("SLUICE_CACHE"), zone)
		kept, err := filepath.EvalSymlinks(at)
		must(t, err)
		must(t, os.Remove(at))
		must(t, linkAll(kept, at))
	}
	for _, dir := range []string{work, s.variable("XDG_STATE_HOME")} {
		must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.Type().IsRegular() && links(d) > 1 { // what is shared is not given away
				return err
			}
			return os.Lchown(path, uid, uid)
		}))
	}
	must(t, os.Chmod(filepath.Dir(work), 0o711))
	bin := filepath.Join(filepath.Dir(work), "sudo")
	must(t, os.Mkdir(bin, 0o700))
	build := exec.Command("go", "build", "-o", filepath.Join(bin, "sudo"), "testdata/sudo/main.go")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building sudo: %v\n%s", err, out)
	}
	must(t, errors.Join(os.Chown(bin, 0, uid), os.Chmod(bin, 0o710), os.Chmod(filepath.Join(bin, "sudo"), 0o755|os.ModeSetuid))) // nobody else can use it
	s.env = append(s.env, "PATH="+bin+string(filepath.ListSeparator)+s.variable("PATH"))
	who := exec.Command("sudo", "-n", "id", "-u")
	who.Path, who.Err, who.Env = filepath.Join(bin, "sudo"), nil, s.env
	as(uid)(who)
	if out, err := who.CombinedOutput(); err != nil || string(out) != "0\n" {
		t.Fatalf("sudo does not make him root: %v %s", err, out)
	}
}

// linkAll has a folder hold the same files as another one.
func linkAll(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		at := filepath.Join(to, strings.TrimPrefix(path, from))
		if d.IsDir() {
			return os.Mkdir(at, 0o755)
		}
		if err := os.Link(path, at); !errors.Is(err, fs.ErrNotExist) { // another test may have replaced it
			return err
		}
		return nil
	})
}

func links(d fs.DirEntry) uint64 {
	info, err := d.Info()
	if err != nil {
		return 0
	}
	return uint64(info.Sys().(*syscall.Stat_t).Nlink)
}

// resists runs the tests at a level of confinement, and sees that no attack works
// but those that it does not stop.
func (s *siege) resists(level string, passes []string, start func(*exec.Cmd), flags ...string) {
	t := s.t
	t.Helper()
	confined := s.command(t.Context(), append([]string{"run", "--only", "test", "--no-cache"}, flags...)...)
	if start != nil {
		start(confined)
	}
	out, _ := confined.CombinedOutput() // what failed is in the report
	report, err := os.ReadFile(filepath.Join(s.dir, ".sluice", "latest", "junit.xml"))
	if err != nil {
		t.Fatalf("%s: no report: %v\n%s", level, err, out)
	}
	must(t, os.Remove(filepath.Join(s.dir, ".sluice", "latest", "junit.xml"))) // the next run's is another
	worked := failures(report)
	if diff := cmp.Diff(passes, worked); diff != "" {
		t.Errorf("%s: attacks that worked (-want +got):\n%s\n%s", level, diff, out)
	}
	if processOf(t, "tail", "-f", filepath.Join(s.dir, "main.go")) != 0 {
		t.Errorf("%s: a process outlived its test", level)
	}
	for _, dir := range s.at["Writable"].([]string) {
		if _, err := os.Stat(filepath.Join(dir, "attack")); err == nil {
			t.Errorf("%s: there is a file in %s", level, dir)
		}
	}
	record, err := os.ReadFile(filepath.Join(s.dir, ".sluice", "latest", "run.json"))
	must(t, err)
	if !strings.Contains(string(record), `"files": "`+level+`"`) {
		t.Errorf("it was not confined as %s: %s", level, record)
	}
}

// TestHijackedTool has the go command itself, in the hands of each stage that
// starts it, try the same.
func TestHijackedTool(t *testing.T) {
	t.Parallel()
	s := newSiege(t)
	root := s.hijack()
	s.env = append(s.env, "PATH="+filepath.Join(root, "bin")+string(filepath.ListSeparator)+s.variable("PATH"))
	told := filepath.Join(s.variable("SLUICE_CACHE"), "go-build", "attack.txt")
	unbound := func(*exec.Cmd) {}
	levels := map[string]func(*exec.Cmd){"full": unbound}
	if os.Geteuid() == 0 {
		levels["partial"] = without("-sys_admin")
	}
	for level, start := range levels {
		for _, stage := range []string{"lint", "sast", "build"} {
			run := s.command(t.Context(), "run", "--only", stage, "--no-cache")
			start(run)
			out, _ := run.CombinedOutput() // what it finds in the attack's source is beside the point
			text, err := os.ReadFile(told)
			if err != nil {
				t.Fatalf("%s, %s: it was not started: %v\n%s", level, stage, err, out)
			}
			must(t, os.Remove(told))
			if diff := cmp.Diff([]string{"TestWrite", "TestWrite/go-build"}, attacks(string(text))); diff != "" { // the build cache is its own
				t.Errorf("%s, %s: attacks that worked (-want +got):\n%s\n%s", level, stage, diff, text)
			}
			if !strings.Contains(string(text), "--- PASS: TestReadKeys/id_ed25519") {
				t.Errorf("%s, %s: nothing was tried:\n%s", level, stage, text)
			}
			if processOf(t, "tail", "-f", filepath.Join(s.dir, "main.go")) != 0 {
				t.Errorf("%s, %s: a process outlived its stage", level, stage)
			}
		}
	}
}

// hijack makes a toolchain whose go command attacks.
func (s *siege) hijack() (root string) {
	t := s.t
	t.Helper()
	root = s.folder("go")
	bin := filepath.Join(root, "bin")
	must(t, os.MkdirAll(bin, 0o755))
	real := filepath.Dir(s.at["Closed"].([]string)[0])
	must(t, os.Symlink(real, filepath.Join(bin, "real")))
	for _, name := range []string{"VERSION", "src", "pkg", "lib", "misc", "test", "api", "doc"} {
		must(t, os.Symlink(filepath.Join(real, name), filepath.Join(root, name)))
	}
	for output, args := range map[string][]string{"attack.test": {"test", "-c", "-vet=off"}, "go": {"build"}} {
		cmd := exec.Command("go", slices.Concat(args, []string{"-o", filepath.Join(bin, output)})...)
		cmd.Dir, cmd.Env = s.dir, append(slices.Clone(s.env), "GOCACHE="+filepath.Join(s.variable("SLUICE_CACHE"), "go-build"), "GOFLAGS=", "CGO_ENABLED=0")
		if output == "go" {
			cmd.Dir, cmd.Args = "testdata/hijacked", append(cmd.Args, "main.go")
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("building %s: %v\n%s", output, err, out)
		}
	}
	return root
}

// failures are the names of the tests that failed, of a JUnit report.
func failures(report []byte) (names []string) {
	for _, m := range regexp.MustCompile(`<testcase [^>]*name="([^"]*)"[^>]*>\s*<failure`).FindAllSubmatch(report, -1) {
		names = append(names, string(m[1]))
	}
	slices.Sort(names)
	return names
}

// wanted are the attacks that work unconfined.
func (s *siege) wanted() []string {
	names := []string{"TestReadKeys/id_ed25519", "TestReadKeys/credentials.db", "TestReadEnvironment", "TestReadEnvironmentsOfOthers",
		"TestSend/TCP", "TestSend/UDP", "TestSend/Unix_socket", "TestSend/abstract_Unix_socket", "TestOpenForWriting/VERSION", "TestFillTheDisk"}
	for _, dir := range s.at["Writable"].([]string) {
		names = append(names, "TestWrite/"+filepath.Base(dir))
	}
	if os.Geteuid() == 0 {
		names = append(names, "TestBecomeRoot")
	}
	return names
}

// TestCompilerCannotRead has the C compiler put a key into a test program.
func TestCompilerCannotRead(t *testing.T) {
	t.Parallel()
	s := newService(t)
	key := s.folder("id_ed25519")
	must(t, os.WriteFile(key, []byte(marked), 0o600))
	s.env = append(s.env, "CGO_ENABLED=1")
	s.write("key.go", "package main\n\n/*\n__asm__(\".pushsection .data\\n.globl key\\nkey:\\n.incbin \\\""+key+"\\\"\\n.byte 0\\n.popsection\\n\");\nextern char key[];\nstatic char *all(void) { return key; }\n*/\nimport \"C\"\n\nfunc stolen() string { return C.GoString(C.all()) }\n")
	s.write("key_test.go", "package main\n\nimport \"testing\"\n\nfunc TestKey(t *testing.T) { t.Log(stolen()) }\n")
	free := exec.Command("go", "test", "-count=1", "-vet=off", "-v", "-run", "TestKey", ".")
	free.Dir, free.Env = s.dir, append(slices.Clone(s.env), "GOFLAGS=", "GOCACHE="+s.folder("free"))
	if out, err := free.CombinedOutput(); err != nil || !strings.Contains(string(out), marked) {
		t.Fatalf("it does not work without Sluice either: %v\n%s", err, out)
	}
	out, err := s.command(t.Context(), "run", "--only", "test").CombinedOutput()
	if err == nil || strings.Contains(string(out), marked) {
		t.Errorf("it worked: %v\n%s", err, out)
	}
	if !strings.Contains(string(out), "id_ed25519") {
		t.Errorf("it is not told what could not be read:\n%s", out)
	}
}

// TestSettingsThatRunPrograms has the repository's git configuration, the go
// command's environment file and go.mod name programs to run.
func TestSettingsThatRunPrograms(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		plant func(s *service, program string)
		free  []string
		only  string // the stages that start what could be misled
	}{
		"core.fsmonitor": {func(s *service, program string) {
			must(t, exec.Command("git", "-C", s.dir, "config", "core.fsmonitor", program).Run())
		}, []string{"git", "status"}, "secrets"},
		"core.hooksPath": {func(s *service, program string) {
			must(t, os.Symlink(program, filepath.Join(filepath.Dir(program), "post-index-change")))
			must(t, exec.Command("git", "-C", s.dir, "config", "core.hooksPath", filepath.Dir(program)).Run())
		}, []string{"git", "update-index", "--force-write-index"}, "secrets"},
		"GOFLAGS": {func(s *service, program string) {
			s.env = append(s.env, "GOFLAGS=", "HOME="+s.folder("home"), "XDG_CONFIG_HOME="+s.folder("home"), "GOCACHE="+s.folder("free"))
			must(t, os.MkdirAll(s.folder("home/go"), 0o755))
			must(t, os.WriteFile(s.folder("home/go/env"), []byte("GOFLAGS=-toolexec="+program+"\n"), 0o600))
		}, []string{"go", "build", "-o", "/dev/null", "."}, "lint,test,build"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t)
			ran := s.folder("ran")
			program := s.folder("programs/program")
			must(t, os.Mkdir(filepath.Dir(program), 0o755))
			must(t, os.WriteFile(program, []byte("#!/bin/sh\ntouch "+ran+"\ncase $1 in /*) exec \"$@\";; esac\n"), 0o755))
			tt.plant(s, program)
			free := exec.Command(tt.free[0], tt.free[1:]...)
			free.Dir, free.Env = s.dir, s.env
			out, _ := free.CombinedOutput()
			if _, err := os.Stat(ran); err != nil {
				t.Fatalf("it does not work without Sluice either: %v\n%s", err, out)
			}
			must(t, os.Remove(ran))
			if out, err := s.command(t.Context(), "run", "--only", tt.only).CombinedOutput(); err != nil {
				t.Errorf("the run: %v\n%s", err, out)
			}
			if _, err := os.Stat(ran); err == nil {
				t.Error("the program was run")
			}
		})
	}
}

// TestToolchainLine has go.mod ask for another toolchain, which the go command
// would fetch.
func TestToolchainLine(t *testing.T) {
	t.Parallel()
	s := newService(t)
	text, err := os.ReadFile(filepath.Join(s.dir, "go.mod"))
	must(t, err)
	s.write("go.mod", string(text)+"\ntoolchain go1.999.0\n")
	free := exec.Command("go", "version")
	free.Dir, free.Env = s.dir, append(slices.Clone(s.env), "GOTOOLCHAIN=auto", "GOPROXY=off", "GOFLAGS=")
	if out, err := free.CombinedOutput(); err == nil || !strings.Contains(string(out), "go1.999.0") {
		t.Fatalf("the go command does not look for it: %v\n%s", err, out)
	}
	s.env = append(s.env, "GOTOOLCHAIN=auto")
	if out, err := s.command(t.Context(), "run", "--only", "test,build").CombinedOutput(); err != nil {
		t.Errorf("the toolchain that is here was not used: %v\n%s", err, out)
	}
}
