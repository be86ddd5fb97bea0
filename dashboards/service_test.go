package dashboards_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// service is a running to-do service.
type service struct{ url, metrics string }

// startService builds the service and starts it, with a database of its own.
func startService(t *testing.T) service {
	t.Helper()
	program := filepath.Join(t.TempDir(), "todo")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/todo")
	build.Dir = filepath.Join("..", "app")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the service: %v\n%s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(os.Environ(), "HOST=127.0.0.1", "PORT=0", "METRICS_ADDR=127.0.0.1:0", "DATA_DIR="+t.TempDir(), "K_SERVICE=",
		"TRUSTED_HEADERS=X-Forwarded-For", "RATE_LIMIT=50", "LOG_LEVEL=info", "SESSION_KEYS=", "SESSION_KEYS_FILE=", "INSTANCE_CONNECTION_NAME=", "DB_HOST=")
	log, writer := io.Pipe()
	t.Cleanup(func() { writer.Close() })
	start(t, cmd, writer)
	return readAddresses(t, log)
}

// readAddresses reads the log until it says where the service is, and goes on
// reading after that, so that the service is never held up by it.
func readAddresses(t *testing.T, log io.Reader) service {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	lines := make(chan string)
	go func() {
		for s := bufio.NewScanner(log); s.Scan(); {
			select {
			case lines <- s.Text():
			case <-ctx.Done():
			}
		}
	}()
	defer cancel()
	at := map[string]string{}
	for at["App started successfully"] == "" || at["Metrics served"] == "" {
		select {
		case text := <-lines:
			var line struct{ Message, Address string }
			if err := json.Unmarshal([]byte(text), &line); err != nil {
				t.Fatalf("the log says %q: %v", text, err)
			}
			at[line.Message] = line.Address
		case <-ctx.Done():
			t.Fatalf("the service has not started: %v", at)
		}
	}
	return service{url: "http://" + at["App started successfully"], metrics: at["Metrics served"]}
}

// load keeps a visitor busy until the test ends, and one who asks too often.
func (s service) load(t *testing.T) {
	t.Helper()
	var busy sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	for client, tour := range map[string]func(*visitor){"192.0.2.1": (*visitor).everything, "192.0.2.2": (*visitor).tooMuch} {
		v := s.visitor(ctx, t, client)
		busy.Go(func() {
			again := time.NewTicker(time.Second)
			defer again.Stop()
			for tour(v); v.err == nil && ctx.Err() == nil; tour(v) {
				select {
				case <-ctx.Done():
				case <-again.C:
				}
			}
			if v.err != nil && ctx.Err() == nil {
				t.Errorf("client %s: %v", client, v.err)
			}
		})
	}
	t.Cleanup(func() { stop(); busy.Wait() })
}

// visitor is a browser as far as cookies go. It stops at the first answer that
// is not the one it wants.
type visitor struct {
	ctx          context.Context
	http         http.Client
	url, address string
	page         string // the last one that was read
	err          error
}

func (s service) visitor(ctx context.Context, t *testing.T, address string) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &visitor{ctx: ctx, url: s.url, address: address}
	v.http = http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return v
}

var (
	tokenField = regexp.MustCompile(`name="csrf_token" value="([^"]+)"`)
	itemForm   = regexp.MustCompile(`action="/complete/(\d+)"`)
)

// everything asks each route for what works and for what does not.
func (v *visitor) everything() {
	for _, path := range []string{"/", "/?show=open", "/?show=done", "/health", "/health/live", "/health/ready", "/static/style.css"} {
		v.get(path, http.StatusOK)
	}
	for range 2 {
		v.post("/add", http.StatusSeeOther, "name", "water the plants")
	}
	v.get("/", http.StatusOK)
	id := v.found(itemForm)
	v.post("/complete/"+id, http.StatusSeeOther)
	v.post("/reopen/"+id, http.StatusSeeOther)
	v.post("/edit/"+id, http.StatusSeeOther, "name", "feed the cat")
	v.post("/delete/"+id, http.StatusSeeOther)
	v.post("/add", http.StatusUnprocessableEntity, "name", " ")
	v.post("/complete/"+id, http.StatusNotFound)
	v.post("/add", http.StatusBadRequest, "csrf_token", "forged")
	v.get("/nowhere", http.StatusNotFound)
	v.get("/complete/1", http.StatusMethodNotAllowed)
	v.get("/", http.StatusOK)
	v.post("/complete/"+v.found(itemForm), http.StatusSeeOther)
	v.post("/clear", http.StatusSeeOther)
}

// tooMuch asks until it is refused.
func (v *visitor) tooMuch() {
	for range 10_000 {
		if status := v.do(http.MethodGet, "/nowhere", ""); v.err != nil || status == http.StatusTooManyRequests {
			return
		}
	}
	v.err = errors.New("a client that asks 10,000 times in a row is not refused")
}

func (v *visitor) get(path string, want int) { v.want(http.MethodGet, path, "", want) }

// post sends a form of names and values, with the token of the page last read
// unless it names one.
func (v *visitor) post(path string, want int, fields ...string) {
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	if !form.Has("csrf_token") {
		v.get("/", http.StatusOK)
		form.Set("csrf_token", v.found(tokenField))
	}
	v.want(http.MethodPost, path, form.Encode(), want)
}

func (v *visitor) found(in *regexp.Regexp) string {
	found := in.FindStringSubmatch(v.page)
	if v.err == nil && found == nil {
		v.err = fmt.Errorf("there is no %v in:\n%s", in, v.page)
	}
	if v.err != nil {
		return ""
	}
	return found[1]
}

func (v *visitor) want(method, path, body string, want int) {
	if v.err != nil {
		return
	}
	if status := v.do(method, path, body); v.err == nil && status != want {
		v.err = fmt.Errorf("%s %s: status %d, want %d:\n%s", method, path, status, want, v.page)
	}
}

func (v *visitor) do(method, path, body string) int {
	r, err := http.NewRequestWithContext(v.ctx, method, v.url+path, strings.NewReader(body))
	if err != nil {
		v.err = err
		return 0
	}
	r.Header.Set("X-Forwarded-For", v.address)
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := v.http.Do(r)
	if err != nil {
		v.err = err
		return 0
	}
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	v.page, v.err = string(page), err
	return answer.StatusCode
}
