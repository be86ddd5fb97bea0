package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// await reads the log until a line says something.
func (p *process) await(t *testing.T, message string) map[string]any {
	t.Helper()
	for {
		line := p.line(t)
		if text, _ := line["message"].(string); strings.HasPrefix(text, message) {
			return line
		}
	}
}

// TestNeverReadyOnCloudRun holds for what would be lost with the instance.
func TestNeverReadyOnCloudRun(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	for name, settings := range map[string][]string{
		"no database": {"SESSION_KEYS=" + strings.Repeat("A", 44)},
		"no keys":     {"DB_HOST=192.0.2.1", "DB_USER=u", "DB_NAME=n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProcess(t, append(settings, "PORT=0", "K_SERVICE=todo", "HOME="+home)...)
			if line := p.await(t, "not ready, ever: "); line["severity"] != "ERROR" {
				t.Errorf("the log says %v", line)
			}
			p.url = "http://" + p.await(t, "App started")["address"].(string)
			client := &http.Client{Timeout: patient}
			for path, want := range map[string]int{"/": 503, "/health": 503, "/health/ready": 503, "/health/live": 200} {
				if status, _ := p.get(t, client, path); status != want {
					t.Errorf("GET %s: status %d, want %d", path, status, want)
				}
			}
			p.stop(t, syscall.SIGTERM)
			if left, err := filepath.Glob(home + "/*"); err != nil || len(left)+len(glob(t, home+"/.*/*")) != 0 {
				t.Errorf("%v was written, %v", left, err)
			}
		})
	}
	p := start(t, "PORT=0", "K_SERVICE=todo", "DATA_DIR="+t.TempDir()) // a volume that somebody named
	if status, _ := p.get(t, &http.Client{Timeout: patient}, "/health/ready"); status != http.StatusOK {
		t.Errorf("with DATA_DIR: status %d, want 200", status)
	}
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestMetricsListener(t *testing.T) {
	t.Parallel()
	p := newProcess(t, "PORT=0", "METRICS_ADDR=127.0.0.1:0", "DATA_DIR="+t.TempDir())
	metrics := p.await(t, "Metrics served")["address"].(string)
	p.url = "http://" + p.await(t, "App started")["address"].(string)
	client := &http.Client{Timeout: patient}
	if status, _ := p.get(t, client, "/metrics"); status != http.StatusNotFound {
		t.Errorf("the public listener's /metrics: status %d, want 404", status)
	}
	public := p.url
	p.url = "http://" + metrics
	status, body := p.get(t, client, "/metrics")
	for _, name := range []string{
		"todo_app_requests_total 1\n", "todo_add_request_latency_seconds_count 0\n", "csrf_failures_total 0\n", "todo_build_info{", "todo_database_up ",
		`go_sql_max_open_connections{db_name="read"}`, `go_sql_max_open_connections{db_name="write"} 1`, "process_resident_memory_bytes ", "go_goroutines ",
	} {
		if status != http.StatusOK || !strings.Contains(body, "\n"+name) {
			t.Errorf("metrics: status %d, want 200 and %s", status, name)
		}
	}
	if status, _ := p.get(t, client, "/"); status != http.StatusNotFound {
		t.Errorf("the metrics listener serves pages: status %d", status)
	}

	// Another instance waits for the address, and gets it.
	second := newProcess(t, "PORT=0", "METRICS_ADDR="+metrics, "DATA_DIR="+t.TempDir())
	if line := second.await(t, "Metrics wait"); line["severity"] != "WARNING" {
		t.Errorf("the log says %v", line)
	}
	second.await(t, "App started")
	p.url = public
	p.stop(t, syscall.SIGTERM)
	if got := second.await(t, "Metrics served")["address"]; got != metrics {
		t.Errorf("the second instance serves metrics at %v, want %s", got, metrics)
	}
}

func TestMigrateCommand(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 2 { // the second time there is nothing to do
		if out, err := newCommand(t, []string{"migrate"}, "DATA_DIR="+dir).CombinedOutput(); err != nil {
			t.Fatalf("todo migrate: %v\n%s", err, out)
		}
	}
	if found := glob(t, dir+"/*"); !cmp.Equal(found, []string{filepath.Join(dir, databaseFile)}) {
		t.Errorf("todo migrate left %v", found)
	}
	var out bytes.Buffer
	env := map[string]string{"K_SERVICE": "todo", "HOME": dir}
	if got := run(t.Context(), []string{"migrate"}, func(name string) string { return env[name] }, &out, &out); got != exitFailed || !strings.Contains(out.String(), "INSTANCE_CONNECTION_NAME") {
		t.Errorf("todo migrate on Cloud Run without a database: exit %d, %s", got, &out)
	}
}

func TestSecretsAsFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, "PORT=0", "DATA_DIR="+dir)
	client, token := first.visitor(t)
	first.stop(t, syscall.SIGTERM)
	again := start(t, "PORT=0", "DATA_DIR="+t.TempDir(), "SESSION_KEYS_FILE="+filepath.Join(dir, keyFile))
	if !add(client, again.url, token) {
		t.Error("the key of the file is not used")
	}
}

// TestTraceInLog finds a request's lines by the trace that the platform gave it.
func TestTraceInLog(t *testing.T) {
	t.Parallel()
	const id = "105445aa7843bc8bf206b12000100000"
	p := start(t, "PORT=0", "DATA_DIR="+t.TempDir(), "GOOGLE_CLOUD_PROJECT=my-project", "LOG_LEVEL=debug")
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/add", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Cloud-Trace-Context", id+"/74;o=1")
	response, err := (&http.Client{Timeout: patient}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Fatal(err)
	}
	failure, request := p.await(t, "CSRF failure: "), p.await(t, "request")
	got, err := json.Marshal([]any{failure["severity"], failure["logging.googleapis.com/trace"], failure["logging.googleapis.com/spanId"], failure["logging.googleapis.com/trace_sampled"]})
	if want := `["WARNING","projects/my-project/traces/` + id + `","000000000000004a",true]`; err != nil || string(got) != want {
		t.Errorf("the line has %s, %v; want %s", got, err, want)
	}
	if failure["request_id"] == "" || failure["request_id"] != request["request_id"] {
		t.Errorf("two lines of one request have the ids %v and %v", failure["request_id"], request["request_id"])
	}
}

// TestSilentConnections are a thousand that say nothing, or stop in the middle
// of a request: others are served meanwhile, and they are hung up on.
func TestSilentConnections(t *testing.T) {
	t.Parallel()
	p := start(t, "PORT=0", "DATA_DIR="+t.TempDir(), "RATE_LIMIT=0")
	address := strings.TrimPrefix(p.url, "http://")
	silent := make([]net.Conn, 1000)
	for i := range silent {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close() //nolint:errcheck // it sent nothing that matters
		if i%2 == 0 {
			if _, err := io.WriteString(conn, "POST /add HTTP/1.1\r\nHost: x\r\nContent-Le"); err != nil {
				t.Fatal(err)
			}
		}
		silent[i] = conn
	}
	client, token := p.visitor(t)
	if !add(client, p.url, token) {
		t.Error("a visitor cannot add while others are silent")
	}
	for i, conn := range silent {
		if err := conn.SetReadDeadline(time.Now().Add(patient)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, conn); err != nil {
			t.Fatalf("silent connection %d is not hung up on: %v", i, err)
		}
	}
}

// TestSlowBody sends a form byte by byte: the service does not wait for its end.
func TestSlowBody(t *testing.T) {
	t.Parallel()
	p := start(t, "PORT=0", "DATA_DIR="+t.TempDir())
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // it sent nothing that matters
	if _, err := io.WriteString(conn, "POST /add HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\nname="); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(patient)); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") && len(answer) > 0 {
		t.Errorf("the answer is %q, %v; want 400 or none", answer, err)
	}
}
