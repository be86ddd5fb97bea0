//go:build infra

package terraform

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

const patience = 2 * time.Minute

// todo is what the service said of a visit: the lines of its log, and the names
// of its metrics.
type todo struct{ log, metrics []string }

// runTodo builds the service and runs it for one visit: two items are added, one
// is completed, and one form is forged.
func runTodo(t *testing.T) todo {
	t.Helper()
	program := filepath.Join(t.TempDir(), "todo")
	execute(t, "../app", "", []string{"CGO_ENABLED=0"}, "go", "build", "-o", program, "./cmd/todo")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program)
	cmd.Env = []string{"HOST=127.0.0.1", "PORT=0", "METRICS_ADDR=127.0.0.1:0", "DATA_DIR=" + t.TempDir()}
	cmd.Stderr = os.Stderr
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var s todo
	lines := bufio.NewScanner(output)
	at := s.addresses(t, lines)
	visit(ctx, t, "http://"+at["App started successfully"])
	s.metrics = metricNames(get(ctx, t, http.DefaultClient, "http://"+at["Metrics served"]+"/metrics"))
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
		s.log = append(s.log, lines.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("the service: %v", err)
	}
	return s
}

// addresses reads the log until it says where the service is.
func (s *todo) addresses(t *testing.T, lines *bufio.Scanner) map[string]string {
	t.Helper()
	at := map[string]string{}
	for at["App started successfully"] == "" || at["Metrics served"] == "" {
		if !lines.Scan() {
			t.Fatalf("the service has not started: %v", s.log)
		}
		s.log = append(s.log, lines.Text())
		var line struct{ Message, Address string }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			t.Fatalf("the log says %q: %v", lines.Text(), err)
		}
		at[line.Message] = line.Address
	}
	return at
}

func visit(ctx context.Context, t *testing.T, address string) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	page := get(ctx, t, browser, address)
	token := find(t, page, `name="csrf_token" value="([^"]+)"`)
	post(ctx, t, browser, address+"/add", http.StatusOK, url.Values{"csrf_token": {token}, "name": {"water the plants"}})
	post(ctx, t, browser, address+"/add", http.StatusOK, url.Values{"csrf_token": {token}, "name": {"feed the cat"}})
	item := find(t, get(ctx, t, browser, address), `action="(/complete/\d+)"`)
	post(ctx, t, browser, address+item, http.StatusOK, url.Values{"csrf_token": {token}})
	post(ctx, t, browser, address+"/add", http.StatusBadRequest, url.Values{"csrf_token": {"forged"}, "name": {"rob the bank"}})
}

func get(ctx context.Context, t *testing.T, client *http.Client, address string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	return answer(t, client, r, http.StatusOK)
}

func post(ctx context.Context, t *testing.T, client *http.Client, address string, want int, form url.Values) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer(t, client, r, want)
}

func answer(t *testing.T, client *http.Client, r *http.Request, want int) string {
	t.Helper()
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 4<<20))
	if err != nil || response.StatusCode != want {
		t.Fatalf("%s %s: %s, %v; want %d\n%s", r.Method, r.URL, response.Status, err, want, body)
	}
	return string(body)
}

func find(t *testing.T, page, pattern string) string {
	t.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(page)
	if found == nil {
		t.Fatalf("there is no %s in:\n%s", pattern, page)
	}
	return found[1]
}

// metricNames are those of the samples in Prometheus's text format.
func metricNames(text string) (names []string) {
	for line := range strings.Lines(text) {
		if name := regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*`).FindString(line); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// execute runs a program in a folder, with input and settings beside the
// environment's, and gives what it writes to standard output.
func execute(t *testing.T, dir, input string, env []string, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Stdin, cmd.Env = dir, strings.NewReader(input), append(os.Environ(), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", program, strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String()
}
