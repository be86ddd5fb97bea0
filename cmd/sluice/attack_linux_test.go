package main

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
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
		"TCP": answering(t, "tcp", "127.0.0.1:0"), "UDP": answeringUDP(t), "Socket": answering(t, "unix", s.folder("docker.sock")), "Abstract": answering(t, "unix", "@"+filepath.Base(filepath.Dir(s.dir))),
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

	s.resists("full", nil)
	if os.Geteuid() == 0 { // without this capability root gets no namespaces, and the loopback interface is everybody's
		s.resists("partial", []string{"TestFillTheDisk", "TestSend", "TestSend/TCP"}, "setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin")
	}
}

// resists runs the tests at a level of confinement, and sees that no attack works
// but those that it does not stop.
func (s *siege) resists(level string, passes []string, prefix ...string) {
	t := s.t
	t.Helper()
	confined := s.command(t.Context(), "run", "--only", "test", "--no-cache")
	confined.Args = append(prefix, confined.Args...)
	if len(prefix) > 0 {
		var err error
		confined.Path, err = exec.LookPath(prefix[0])
		must(t, err)
	}
	out, _ := confined.CombinedOutput() // what failed is in the report
	report, err := os.ReadFile(filepath.Join(s.dir, ".sluice", "latest", "junit.xml"))
	if err != nil {
		t.Fatalf("%s: no report: %v\n%s", level, err, out)
	}
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
