package cloudrunlocal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sluice-ci/sluice/internal/hint"
)

// process is what a service for tests tells of its process.
type process struct {
	Env, Args []string
	WD        string
	UID, GID  int
	PID       int // on this machine, not in its namespace
}

func processAt(t *testing.T, url string) process {
	t.Helper()
	var p process
	if err := json.Unmarshal([]byte(get(t, url+"/process")), &p); err != nil {
		t.Fatal(err)
	}
	p.PID = p.onMachine(t, p.PID)
	return p
}

// onMachine is the number that a process which the service knows by another one
// has on this machine: the one with the service's environment.
func (p process) onMachine(t *testing.T, inner int) int {
	t.Helper()
	for _, pid := range processes() {
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err != nil || !bytes.HasPrefix(env, []byte(strings.Join(p.Env, "\x00"))) {
			continue
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			continue
		}
		_, line, _ := strings.Cut(string(status), "NSpid:")
		line, _, _ = strings.Cut(line, "\n")
		if numbers := strings.Fields(line); len(numbers) > 0 && numbers[len(numbers)-1] == strconv.Itoa(inner) {
			return pid
		}
	}
	t.Fatalf("process %d of the service is nowhere on this machine", inner)
	return 0
}

func supervisorPID(t *testing.T, c Client) int {
	t.Helper()
	info, alive := supervisorOf(state(c.State))
	if !alive {
		t.Fatal("there is no supervisor")
	}
	return info.PID
}

func gone(pid int) func() bool { return func() bool { return processStart(pid) == "" } }

func kill(t *testing.T, pid int) {
	t.Helper()
	start := processStart(pid)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := awaitExit(pid, start, 20*time.Second); err != nil {
		t.Fatal(err)
	}
}

func TestKilledSupervisor(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	one := serving(t, c, "VERSION=1")
	get(t, one.ServiceURL+"/data?text=kept")
	server := processAt(t, one.ServiceURL)
	orphan, err := strconv.Atoi(get(t, one.ServiceURL+"/fork?session=1"))
	if err != nil {
		t.Fatal(err)
	}
	orphan = server.onMachine(t, orphan)
	kill(t, supervisorPID(t, c))
	eventually(t, "its process has ended", gone(server.PID))

	svc, err := c.Status(t.Context())
	if err != nil || svc.Healthy || svc.Revision != one.Name || !strings.Contains(svc.Reason, "supervisor is not running") {
		t.Errorf("status without a supervisor: %+v, %v", svc, err)
	}
	if _, err := c.Promote(t.Context(), one.Name, 0); err == nil || hint.Remedy(err) == "" {
		t.Errorf("promoting without a supervisor: %v (%s)", err, hint.Remedy(err))
	}
	again := deploy(t, c, release("VERSION=1"))
	if !again.Reused || again.Name != one.Name || again.ServiceURL != one.ServiceURL {
		t.Errorf("after the restart: %+v, want %+v again", again, one)
	}
	if got := get(t, one.ServiceURL+"/data?text=+and+more"); got != "kept and more" {
		t.Errorf("the data is %q", got)
	}
	eventually(t, "what the killed process left behind has ended", gone(orphan))
}

// TestStaleProcessNumber: a number that now belongs to somebody else.
func TestStaleProcessNumber(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	serving(t, c, "VERSION=1")
	kill(t, supervisorPID(t, c))
	info, _ := supervisorOf(state(c.State))
	info.PID = os.Getpid()
	if err := writeJSON(state(c.State).supervisor(), info); err != nil {
		t.Fatal(err)
	}
	if svc, err := c.Status(t.Context()); err != nil || svc.Healthy || !strings.Contains(svc.Reason, "supervisor is not running") {
		t.Errorf("status: %+v, %v", svc, err)
	}
	if killSupervisor(info) {
		t.Fatal("killed another process") // in which case nobody reads this
	}
	if got := get(t, deploy(t, c, release("VERSION=1")).ServiceURL); got != "1" {
		t.Errorf("the service answers %q", got)
	}
}

func TestHungSupervisorIsReplaced(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	one := serving(t, c, "VERSION=1")
	pid := supervisorPID(t, c)
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := Down(t.Context(), c.State, DownOptions{}); err != nil {
		t.Fatal(err)
	}
	if !gone(pid)() {
		t.Error("the supervisor is still there")
	}
	if two := serving(t, c, "VERSION=2"); two.ServiceURL != one.ServiceURL {
		t.Errorf("the service moved from %s to %s", one.ServiceURL, two.ServiceURL)
	}
}

func TestProcessThatDiesIsRestarted(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	c.Limits.Backoff = 300 * time.Millisecond
	one := serving(t, c, "VERSION=1", "COUNT=starts")
	for range 3 {
		fetch(t, one.ServiceURL+"/crash")
		eventually(t, "status says that it is unhealthy", func() bool {
			svc, err := c.Status(t.Context())
			return err == nil && !svc.Healthy && strings.Contains(svc.Reason, "exit status 7")
		})
		eventually(t, "it is restarted", func() bool {
			svc, err := c.Status(t.Context())
			return err == nil && svc.Healthy
		})
	}
	data, err := os.ReadFile(filepath.Join(state(c.State).data(), "starts"))
	if err != nil || string(data) != "xxxx" {
		t.Errorf("starts: %q, %v; want 4", data, err)
	}
}

func TestGivenPort(t *testing.T) {
	t.Parallel()
	port := unusedPort(t)
	c := newClient(t)
	r := release("VERSION=1")
	r.Port = port
	one := promote(t, c, deploy(t, c, r))
	if want := serviceURL(port); one.ServiceURL != want || get(t, want) != "1" {
		t.Errorf("the service is at %s, want %s", one.ServiceURL, want)
	}
	next := unusedPort(t)
	r.Port = next
	if again := deploy(t, c, r); !again.Reused || again.ServiceURL != serviceURL(next) {
		t.Errorf("deployed %+v for port %d", again, next)
	}
	if _, err := c.Promote(t.Context(), one.Name, next); err != nil {
		t.Fatal(err)
	}
	if got := get(t, serviceURL(next)); got != "1" {
		t.Errorf("at the new port the service answers %q", got)
	}
	if c, err := net.Dial("tcp", loopback(port)); err == nil {
		t.Errorf("the old port still answers: %v", c.Close())
	}
}

func unusedPort(t *testing.T) int {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func TestTakenPort(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	me := fmt.Sprintf("(pid %d)", os.Getpid())

	c, r := newClient(t), release("VERSION=1")
	r.Port = portOf(l)
	_, err = c.Deploy(t.Context(), r)
	wantTaken(t, err, me, "stop it")

	r.Port = 0
	one := promote(t, c, deploy(t, c, r))
	r.Port = portOf(l)
	_, err = c.Deploy(t.Context(), r)
	wantTaken(t, err, me, "stop it")
	_, err = c.Promote(t.Context(), one.Name, r.Port)
	wantTaken(t, err, me, "stop it")
	if got := get(t, one.ServiceURL); got != "1" {
		t.Errorf("the service answers %q", got)
	}

	neighbour := Client{State: StateDir(filepath.Dir(c.State), "other", "/src/other"), Limits: short()}
	if _, err := fmt.Sscanf(one.ServiceURL, "http://127.0.0.1:%d", &r.Port); err != nil {
		t.Fatal(err)
	}
	_, err = neighbour.Deploy(t.Context(), r)
	wantTaken(t, err, "by the service todo of /src/todo", "run sluice down in /src/todo")
}

func wantTaken(t *testing.T, err error, who, remedy string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), who) || !strings.Contains(hint.Remedy(err), remedy) {
		t.Errorf("got error %v with remedy %q, want one about %q with %q", err, hint.Remedy(err), who, remedy)
	}
}

func TestPortIsKeptOrElseAnother(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	one := serving(t, c, "VERSION=1")
	kill(t, supervisorPID(t, c))
	l, err := net.Listen("tcp", strings.TrimPrefix(one.ServiceURL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	two := serving(t, c, "VERSION=2")
	if two.ServiceURL == one.ServiceURL || get(t, two.ServiceURL) != "2" {
		t.Errorf("the service is at %s, which is taken", two.ServiceURL)
	}
}

func TestDeploysAtOnce(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	revisions := make(chan Revision, 4)
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			rev, err := c.Deploy(t.Context(), release(fmt.Sprintf("VERSION=%d", n)))
			if err != nil {
				t.Errorf("deploy %d: %v", n, err)
				return
			}
			if _, err := c.Promote(t.Context(), rev.Name, 0); err != nil {
				t.Errorf("promoting %s: %v", rev.Name, err)
			}
			revisions <- rev
		})
		all.Go(func() {
			for range 10 {
				if _, err := List(t.Context(), filepath.Dir(c.State)); err != nil {
					t.Errorf("list: %v", err)
				}
			}
		})
	}
	all.Wait()
	close(revisions)
	numbers := map[string]bool{}
	for rev := range revisions {
		numbers[rev.Name[:len("todo-00001")]] = true
	}
	if len(numbers) != 4 {
		t.Errorf("revisions: %v, want 4 of different numbers", numbers)
	}
	services, err := List(t.Context(), filepath.Dir(c.State))
	if err != nil || len(services) != 1 || !services[0].Healthy {
		t.Errorf("services: %+v, %v", services, err)
	}
}

func TestDeployWaitsNoLongerThanItsContext(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	if err := state(c.State).make(); err != nil {
		t.Fatal(err)
	}
	unlock, err := lock(t.Context(), state(c.State).deployLock())
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	ctx, cancel := contextWithCause(t, errors.New("that will do"))
	cancel()
	if _, err := c.Deploy(ctx, release("VERSION=1")); err == nil || !strings.Contains(err.Error(), "that will do") {
		t.Errorf("got error %v", err)
	}
}

func TestDeployThatIsBrokenOffLeavesNoRevision(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	serving(t, c, "VERSION=1")
	ctx, cancel := contextWithCause(t, errors.New("broken off"))
	r := release("VERSION=2", "MODE=sick", "COUNT=started")
	r.Progress = func(text string) {
		if strings.HasPrefix(text, "waiting for the new") {
			go func() {
				defer cancel()
				eventually(t, "the process runs", func() bool {
					_, err := os.Stat(filepath.Join(state(c.State).data(), "started"))
					return err == nil
				})
			}()
		}
	}
	if _, err := c.Deploy(ctx, r); err == nil {
		t.Fatal("the deploy went on")
	}
	eventually(t, "the revision is removed", func() bool {
		found, err := os.ReadDir(state(c.State).revisions())
		return err == nil && len(found) == 1
	})
}

func TestDown(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	one := serving(t, c, "VERSION=1")
	get(t, one.ServiceURL+"/data?text=kept")
	server := processAt(t, one.ServiceURL)
	pid := supervisorPID(t, c)
	if err := Down(t.Context(), c.State, DownOptions{}); err != nil {
		t.Fatal(err)
	}
	if !gone(server.PID)() || !gone(pid)() {
		t.Error("a process is still there")
	}
	l, err := net.Listen("tcp", strings.TrimPrefix(one.ServiceURL, "http://"))
	if err != nil {
		t.Fatalf("the port is not free: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if services, err := List(t.Context(), filepath.Dir(c.State)); err != nil || len(services) != 0 {
		t.Errorf("services: %+v, %v", services, err)
	}
	if two := serving(t, c, "VERSION=2"); get(t, two.ServiceURL+"/data?text=") != "kept" {
		t.Error("the data is lost")
	}
	if err := Down(t.Context(), c.State, DownOptions{Data: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(state(c.State).data()); !os.IsNotExist(err) {
		t.Errorf("the data is still there: %v", err)
	}
	if err := Down(t.Context(), c.State+"-other", DownOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("taking down what never was: %v", err)
	}
}

func TestStopEndsTheWholeGroup(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	one := serving(t, c, "VERSION=1")
	child, err := strconv.Atoi(get(t, one.ServiceURL+"/fork"))
	if err != nil {
		t.Fatal(err)
	}
	child = processAt(t, one.ServiceURL).onMachine(t, child)
	serving(t, c, "VERSION=2")
	eventually(t, "what the old process started has ended", gone(child))
}

func TestDamagedState(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	one := serving(t, c, "VERSION=1")
	kill(t, supervisorPID(t, c))
	record := state(c.State).recordOf(one.Name)
	if err := os.WriteFile(record, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if rev := serving(t, c, "VERSION=1"); rev.Name == one.Name {
		t.Error("a damaged revision was started")
	}
	kill(t, supervisorPID(t, c))
	if err := os.WriteFile(state(c.State).service(), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	services, err := List(t.Context(), filepath.Dir(c.State))
	if err != nil || len(services) != 1 || services[0].Healthy || !strings.Contains(services[0].Reason, "service.json") {
		t.Errorf("services: %+v, %v", services, err)
	}
	if _, err := c.Deploy(t.Context(), release("VERSION=1")); err == nil || !strings.Contains(hint.Remedy(err), "remove that file") {
		t.Errorf("deploy: %v (%s)", err, hint.Remedy(err))
	}
}

func TestSupervisorThatCannotStart(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	c.Command = []string{"/bin/sh", "-c", "echo no such thing >&2; exit 4"}
	if _, err := c.Deploy(t.Context(), release("VERSION=1")); err == nil || !strings.Contains(err.Error(), "no such thing") {
		t.Errorf("got error %v", err)
	}
}

func TestWaitingRevisionsAreBounded(t *testing.T) {
	t.Parallel()
	c := newClient(t)
	serving(t, c, "VERSION=0")
	for v := range maxWaiting {
		deploy(t, c, release(fmt.Sprintf("VERSION=%d", v+1)))
	}
	if _, err := c.Deploy(t.Context(), release("VERSION=more")); err == nil || !strings.Contains(err.Error(), "waiting for traffic") {
		t.Errorf("got error %v", err)
	}
}
