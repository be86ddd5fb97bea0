package cloudrunlocal

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// serverEnv names the service for tests, which TestMain builds.
const serverEnv = "TEST_SERVER"

// TestMain is also the supervisor, when the tests start themselves as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "supervise" {
		os.Exit(Main(context.Background(), os.Args[2:]))
	}
	os.Exit(withServer(m))
}

func withServer(m *testing.M) int {
	dir, err := os.MkdirTemp("", "server")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	server := filepath.Join(dir, "server")
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", server, "./testdata/server")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the service for tests: %v\n%s", err, out)
		return 1
	}
	if err := os.Setenv(serverEnv, server); err != nil {
		return 1
	}
	return m.Run()
}

// short are limits that let tests of what never happens end soon.
func short() Limits {
	return Limits{Start: 10 * time.Second, Stop: 2 * time.Second, Drain: 20 * time.Second, Linger: time.Minute, Backoff: 20 * time.Millisecond}
}

// newClient is a client to a service of its own, which is gone after the test.
func newClient(t *testing.T) Client {
	t.Helper()
	c := Client{State: StateDir(t.TempDir(), "todo", "/src/todo"), Limits: short()}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("supervisor.log:\n%s", tail(filepath.Join(c.State, "logs", "supervisor.log")))
		}
		if !state(c.State).exists() {
			return
		}
		if err := Down(context.Background(), c.State, DownOptions{}); err != nil {
			t.Errorf("down: %v", err)
		}
		if crash := tail(state(c.State).crashLog()); strings.Contains(crash, "DATA RACE") || strings.Contains(crash, "panic") {
			t.Errorf("the supervisor crashed:\n%s", crash)
		}
	})
	return c
}

// release is the service for tests with an environment: "VERSION=1".
func release(env ...string) Release {
	vars := map[string]string{}
	for _, kv := range env {
		name, value, _ := strings.Cut(kv, "=")
		vars[name] = value
	}
	return Release{
		Service: "todo", Directory: "/src/todo", Image: "sha256:" + strings.Repeat("0", 64), Env: vars,
		Process: Process{Entrypoint: []string{"/app/server"}, Env: []string{"PATH=/app", "FROM_IMAGE=yes"}, WorkingDir: "/app"},
		Unpack:  unpackServer,
	}
}

func unpackServer(dir string) error {
	app := filepath.Join(dir, "app")
	if err := os.MkdirAll(app, 0o755); err != nil {
		return err
	}
	data, err := os.ReadFile(os.Getenv(serverEnv))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(app, "server"), data, 0o555); err != nil {
		return err
	}
	return os.Chmod(app, 0o555)
}

func deploy(t *testing.T, c Client, r Release) Revision {
	t.Helper()
	rev, err := c.Deploy(t.Context(), r)
	if err != nil {
		t.Fatalf("deploying: %v", err)
	}
	return rev
}

func promote(t *testing.T, c Client, rev Revision) Revision {
	t.Helper()
	rev, err := c.Promote(t.Context(), rev.Name, 0)
	if err != nil {
		t.Fatalf("promoting: %v", err)
	}
	return rev
}

// serving deploys a release and gives it the traffic.
func serving(t *testing.T, c Client, env ...string) Revision {
	t.Helper()
	return promote(t, c, deploy(t, c, release(env...)))
}

func get(t *testing.T, url string) string {
	t.Helper()
	status, body := fetch(t, url)
	if status != http.StatusOK {
		t.Fatalf("GET %s: status %d: %s", url, status, body)
	}
	return body
}

func fetch(t *testing.T, url string) (int, string) {
	t.Helper()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second}
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// eventually waits for what another process does, of which there is no event.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Fatalf("not so within 20 s: %s", what)
}

func contextWithCause(t *testing.T, cause error) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(t.Context())
	return ctx, func() { cancel(cause) }
}

func itoa(n int) string { return strconv.Itoa(n) }
