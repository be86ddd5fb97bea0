package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-ci/sluice/internal/pipeline"
)

// service is a copy of testdata/service in a git repository, with a cache and
// a state of its own.
type service struct {
	t   *testing.T
	dir string
	env []string
}

func newService(t *testing.T) *service {
	t.Helper()
	must(t, openSources())
	work := t.TempDir()
	s := &service{t: t, dir: filepath.Join(work, "svc")}
	must(t, os.CopyFS(s.dir, os.DirFS("testdata/service")))
	must(t, commitAll(s.dir, "the service"))
	cache, err := cacheIn(work)
	must(t, err)
	state, err := stateHome()
	must(t, err)
	s.env = append(os.Environ(), "CI=", "SLUICE_CACHE="+cache, "XDG_STATE_HOME="+state)
	t.Cleanup(func() {
		if out, err := s.command(context.Background(), "down").CombinedOutput(); err != nil {
			t.Errorf("taking the service down: %v\n%s", err, out)
		}
		_ = os.RemoveAll(state)
	})
	return s
}

func (s *service) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Env = s.dir, s.env
	return cmd
}

func (s *service) write(name, content string) {
	s.t.Helper()
	must(s.t, os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o644))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestKilledRuns kills twenty runs, each of changed source, at random moments.
// Each leaves a record that can be read, and the next run is not in its way.
func TestKilledRuns(t *testing.T) {
	t.Parallel()
	s := newService(t)
	began := time.Now()
	if out, err := s.command(t.Context(), "run").CombinedOutput(); err != nil {
		t.Fatalf("the first run: %v\n%s", err, out)
	}
	whole := time.Since(began)
	for i := range 20 {
		s.write("change.go", fmt.Sprintf("package main\n\n// Change is number %d.\nconst Change = %d\n", i, i))
		cmd := s.command(t.Context(), "run")
		must(t, cmd.Start())
		timer := time.AfterFunc(rand.N(whole), func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait() // killed, or done before it
		timer.Stop()
		checkRecords(t, s.dir)
	}
	out, err := s.command(t.Context(), "run").CombinedOutput()
	if err != nil {
		t.Fatalf("the run after twenty that were killed: %v\n%s", err, out)
	}
	status, err := s.command(t.Context(), "status", "--json").Output()
	if err != nil || strings.Count(string(status), `"healthy": true`) != 1 {
		t.Errorf("status (%v): %s", err, status)
	}
	leftovers, err := filepath.Glob(filepath.Join(filepath.Dir(s.dir), "cache", "work", "*"))
	if err != nil || len(leftovers) != 0 {
		t.Errorf("work folders are left: %v %v", leftovers, err)
	}
}

func checkRecords(t *testing.T, dir string) {
	t.Helper()
	records, err := filepath.Glob(filepath.Join(dir, ".sluice", "runs", "*", "run.json"))
	if err != nil || len(records) == 0 {
		t.Fatalf("no records: %v", err)
	}
	for _, name := range records {
		data, err := os.ReadFile(name)
		must(t, err)
		var rec pipeline.Record
		if err := json.Unmarshal(data, &rec); err != nil || rec.ID == "" {
			t.Errorf("%s is damaged: %v", name, err)
		}
	}
	latest, _, err := pipeline.Latest(dir)
	if err != nil || latest.State != pipeline.Finished {
		t.Errorf("the latest run is %q: %v", latest.State, err)
	}
}

// TestInterrupt presses Ctrl-C while a test hangs that has started a process
// which left its group.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	s := newService(t)
	s.write("hang_test.go", `package main

import (
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

func TestHang(t *testing.T) {
	file, err := filepath.Abs("main.go")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("tail", "-f", file)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	select {}
}
`)
	cmd := s.command(t.Context(), "run", "--only", "test")
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	pid := awaitPID(t, "tail", "-f", filepath.Join(s.dir, "main.go"))
	must(t, cmd.Process.Signal(os.Interrupt))
	text, err := io.ReadAll(bufio.NewReader(out))
	must(t, err)
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 3 || !strings.Contains(string(text), "interrupted") {
		t.Errorf("exit status %d, want 3\n%s", code, text)
	}
	await(t, "a process outlived the interrupted run", func() bool { return syscall.Kill(pid, 0) != nil })
}

// awaitPID waits for a process that a test starts. The number that the test
// knows it by is of a namespace of its own.
func awaitPID(t *testing.T, command ...string) (pid int) {
	t.Helper()
	await(t, "the test was never started", func() bool {
		pid = processOf(t, command...)
		return pid != 0
	})
	return pid
}

// processOf is the number of a process with this command line, 0 when there is none.
func processOf(t *testing.T, command ...string) int {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	must(t, err)
	for _, path := range lines {
		text, err := os.ReadFile(path)
		if err != nil || string(text) != strings.Join(command, "\x00")+"\x00" {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			return pid
		}
	}
	return 0
}

// await asks until ok, for two minutes at most.
func await(t *testing.T, complaint string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	end := time.After(2 * time.Minute)
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatal(complaint)
		}
	}
}

// TestSameDigest builds one commit in two folders, at two times, with caches,
// home folders and umasks of their own.
func TestSameDigest(t *testing.T) {
	t.Parallel()
	digests := map[string]bool{}
	for _, zone := range []string{"UTC", "Asia/Tokyo"} {
		s := newService(t)
		s.env = append(s.env, "TZ="+zone, "HOME="+t.TempDir(), "GOFLAGS=-tags="+strings.ToLower(zone[:3]))
		modCache(t, s)
		out, err := s.command(t.Context(), "build", "--json").Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		var rec struct{ Digest string }
		must(t, json.Unmarshal(out, &rec))
		digests[rec.Digest] = true
	}
	if len(digests) != 1 || digests[""] {
		t.Errorf("digests %v, want one", digests)
	}
}

// modCache keeps the module cache where it is when HOME is elsewhere.
func modCache(t *testing.T, s *service) {
	t.Helper()
	out, err := exec.Command("go", "env", "GOMODCACHE").Output()
	must(t, err)
	s.env = append(s.env, "GOMODCACHE="+strings.TrimSpace(string(out)))
}
