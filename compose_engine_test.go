//go:build stack && linux

package compose_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	insideVariable = "STACK_FOLDER" // set in the isolated process
	project        = "todo-stack"
	patient        = 10 * time.Second // for one request
	commandLimit   = 10 * time.Minute // for one command
)

// need skips the test, or fails it in CI, where a tool is missing.
func need(t *testing.T, tools ...string) {
	t.Helper()
	var missing []string
	for _, tool := range tools {
		if _, err := find(tool); err != nil {
			missing = append(missing, tool)
		}
	}
	if _, err := composeCommand(); err != nil {
		missing = append(missing, "docker-compose")
	}
	why := ""
	switch {
	case len(missing) > 0:
		why = fmt.Sprintf("there is no %s: apt-get install docker.io docker-compose debootstrap iptables", strings.Join(missing, ", "))
	case os.Geteuid() != 0:
		why = "namespaces and a Docker engine of its own need root"
	default:
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// find prefers the tools of the system, which belong together, to what else is on PATH.
func find(tool string) (string, error) {
	for _, dir := range []string{"/usr/bin", "/usr/sbin"} {
		if name, err := exec.LookPath(filepath.Join(dir, tool)); err == nil {
			return name, nil
		}
	}
	return exec.LookPath(tool)
}

// composeCommand is the program, or the plugin where there is one.
func composeCommand() ([]string, error) {
	docker, err := find("docker")
	if err == nil && exec.Command(docker, "compose", "version").Run() == nil {
		return []string{docker, "compose"}, nil
	}
	compose, err := find("docker-compose")
	return []string{compose}, err
}

// isolated runs the test again in network, process and mount namespaces of its
// own: the engine there meets no other, every port is free, and all that was
// started ends with it.
func isolated(t *testing.T, folder string) {
	args := []string{"-test.run=^" + t.Name() + "$", "-test.v", "-test.timeout=" + (15 * time.Minute).String()}
	again := exec.CommandContext(t.Context(), "/proc/self/exe", args...)
	again.Env = append(os.Environ(), insideVariable+"="+folder)
	again.Stdout, again.Stderr = os.Stdout, os.Stderr
	again.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWNS,
		Pdeathsig:  syscall.SIGKILL,
	}
	if err := again.Run(); err != nil {
		t.Errorf("the test in its namespaces: %v", err)
	}
}

// enter finishes the namespaces: mounts that do not reach outside, /proc of the
// processes here, and loopback.
func enter(t *testing.T) {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(socket)
	loopback, err := unix.NewIfreq("lo")
	if err != nil {
		t.Fatal(err)
	}
	loopback.SetUint16(unix.IFF_UP)
	err = errors.Join(
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount("proc", "/proc", "proc", 0, ""),
		unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, loopback),
	)
	if err != nil {
		t.Fatalf("making the namespaces: %v", err)
	}
}

// stack is a Docker engine, and a copy of the project for it to run.
type stack struct {
	folder, project string
	env             []string
	visitor         *http.Client
}

// startEngine starts dockerd and waits until it says that it listens.
func startEngine(t *testing.T, folder string) *stack {
	s := &stack{folder: folder, project: filepath.Join(folder, "project")}
	socket := "unix://" + filepath.Join(folder, "docker.sock")
	daemon, err := find("dockerd")
	if err != nil {
		t.Fatal(err)
	}
	s.env = []string{
		"PATH=" + filepath.Dir(daemon) + ":/usr/bin:/usr/sbin:/bin:/sbin:" + os.Getenv("PATH"),
		"HOME=" + folder, "DOCKER_CONFIG=" + filepath.Join(folder, "config"), "DOCKER_HOST=" + socket,
		"DOCKER_BUILDKIT=1", "COMPOSE_DOCKER_CLI_BUILD=1", "BUILDKIT_PROGRESS=plain",
		"COMPOSE_PROJECT_NAME=" + project, "GOPROXY=" + moduleProxy,
	}
	in := func(name string) string { return filepath.Join(folder, name) }
	engine := exec.Command(daemon, "--host", socket, "--data-root", in("data"), "--exec-root", in("exec"), "--pidfile", in("docker.pid"))
	engine.Env = s.env
	said, err := engine.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Start(); err != nil {
		t.Fatal(err)
	}
	log := bufio.NewReader(io.TeeReader(said, create(t, in("docker.log"))))
	t.Cleanup(func() { stop(t, engine) })
	awaitLine(t, log, "API listen on")
	return s
}

// awaitLine reads until a line comes, and goes on reading so that the writer
// is never held up.
func awaitLine(t *testing.T, from *bufio.Reader, want string) {
	found := make(chan string, 1)
	go func() {
		var tail []string
		for {
			line, err := from.ReadString('\n')
			tail = append(tail[max(0, len(tail)-20):], line)
			if err == nil && !strings.Contains(line, want) {
				continue
			}
			if err == nil {
				tail = nil
			}
			found <- strings.Join(tail, "")
			_, _ = io.Copy(io.Discard, from)
			return
		}
	}()
	select {
	case instead := <-found:
		if instead != "" {
			t.Fatalf("the engine ended:\n%s", instead)
		}
	case <-time.After(time.Minute):
		t.Fatalf("the engine did not say %q within a minute", want)
	}
}

func stop(t *testing.T, engine *exec.Cmd) {
	kill := time.AfterFunc(time.Minute, func() { _ = engine.Process.Kill() })
	defer kill.Stop()
	if err := errors.Join(engine.Process.Signal(syscall.SIGTERM), engine.Wait()); err != nil {
		t.Errorf("ending the engine: %v", err)
	}
}

func create(t *testing.T, name string) *os.File {
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func (s *stack) docker(t *testing.T, args ...string) (stdout string) {
	t.Helper()
	docker, err := find("docker")
	if err != nil {
		t.Fatal(err)
	}
	return s.command(t, nil, append([]string{docker}, args...)...)
}

func (s *stack) compose(t *testing.T, args ...string) {
	t.Helper()
	program, err := composeCommand()
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	s.command(t, nil, append(program, args...)...)
	t.Logf("compose %s: %.1f s", strings.Join(args, " "), time.Since(began).Seconds())
}

// command runs a command in the project's folder. Cleaning up uses it too, when
// the test's context has ended.
func (s *stack) command(t *testing.T, stdin io.Reader, args ...string) (stdout string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), commandLimit)
	defer cancel()
	var out, errs bytes.Buffer
	c := exec.CommandContext(ctx, args[0], args[1:]...)
	c.Dir, c.Env, c.Stdin, c.Stdout, c.Stderr = s.project, s.env, stdin, &out, &errs
	c.WaitDelay = patient
	if err := c.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, last(out.String()+errs.String(), 8<<10))
	}
	return out.String()
}

func last(s string, n int) string { return s[max(0, len(s)-n):] }

func (s *stack) inspect(t *testing.T, what string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(s.docker(t, "inspect", what)), into); err != nil {
		t.Fatal(err)
	}
}

// id is the container of a service.
func (s *stack) id(t *testing.T, service string) string {
	t.Helper()
	id := strings.TrimSpace(s.docker(t, "ps", "--all", "--no-trunc", "--quiet",
		"--filter", "label=com.docker.compose.project="+project, "--filter", "label=com.docker.compose.service="+service))
	if id == "" || strings.Contains(id, "\n") {
		t.Fatalf("%s: want one container: %q", service, id)
	}
	return id
}

func (s *stack) address(t *testing.T, service, network string) string {
	t.Helper()
	var got []struct {
		NetworkSettings struct {
			Networks map[string]struct{ IPAddress string }
		}
	}
	s.inspect(t, s.id(t, service), &got)
	return got[0].NetworkSettings.Networks[project+"_"+network].IPAddress
}

func (s *stack) waitHealth(t *testing.T, service, want string, limit time.Duration) {
	t.Helper()
	s.waitHealthOf(t, s.id(t, service), want, limit)
}

// waitHealthOf looks at a container's health at first and whenever the engine
// says that something happened to it.
func (s *stack) waitHealthOf(t *testing.T, container, want string, limit time.Duration) {
	t.Helper()
	docker, err := find("docker")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	since := strconv.FormatInt(time.Now().Add(-time.Second).Unix(), 10) // events from before it listens come too
	events := exec.CommandContext(ctx, docker, "events", "--since", since, "--filter", "container="+container)
	events.Env = s.env
	lines, err := events.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := events.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cancel(); _ = events.Wait() }()
	for each := bufio.NewScanner(lines); ; {
		health := strings.TrimSpace(s.docker(t, "inspect", "--format", "{{.Name}} {{.State.Status}} {{.State.Health.Status}}", container))
		if strings.HasSuffix(health, " running "+want) {
			return
		}
		if !each.Scan() {
			t.Fatalf("%s, want %s within %v:\n%s\n%s", health, want, limit,
				last(s.docker(t, "inspect", "--format", "{{json .State.Health}}", container), 2<<10), last(s.logs(container), 4<<10))
		}
	}
}

// logs are both streams, for a failure's message.
func (s *stack) logs(container string) string {
	docker, err := find("docker")
	if err != nil {
		return err.Error()
	}
	c := exec.Command(docker, "logs", "--tail", "40", container)
	c.Env = s.env
	text, err := c.CombinedOutput()
	return fmt.Sprint(string(text), err)
}

// ask makes a GET request. Without an answer the status is 0 and the body is the error.
func ask(t *testing.T, client *http.Client, url string) (status int, body string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	b, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(b)
}

// eventually asks what has no event to wait for, until it holds.
func eventually(t *testing.T, what string, limit time.Duration, holds func() bool) {
	t.Helper()
	began := time.Now()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for !holds() {
		if time.Since(began) > limit {
			t.Fatalf("waited %v for %s", limit, what)
		}
		<-again.C
	}
	t.Logf("%s: %.1f s", what, time.Since(began).Seconds())
}

// listening are the TCP sockets that listen in this network namespace, in order
// (proc(5), /proc/net/tcp).
func listening(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, name := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if fields := strings.Fields(line); len(fields) > 3 && fields[3] == "0A" {
				found = append(found, socketAddress(t, fields[1]))
			}
		}
	}
	slices.Sort(found)
	return found
}

// socketAddress reads an address as the kernel writes it: words of 32 bits in
// the machine's order, little-endian here, and the port.
func socketAddress(t *testing.T, text string) string {
	t.Helper()
	address, port, _ := strings.Cut(text, ":")
	b, err := hex.DecodeString(address)
	number, portErr := strconv.ParseUint(port, 16, 16)
	if err := errors.Join(err, portErr); err != nil {
		t.Fatal(err)
	}
	for word := range slices.Chunk(b, 4) {
		slices.Reverse(word)
	}
	return net.JoinHostPort(net.IP(b).String(), strconv.FormatUint(number, 10))
}

func keys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }
