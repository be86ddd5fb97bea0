package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	todo "github.com/sluice-ci/sluice/app"
	"github.com/sluice-ci/sluice/app/store"
	"github.com/sluice-ci/sluice/app/web"
)

// beTodo makes the test's own binary the command, so that it can be a process.
const beTodo = "BE_TODO"

func TestMain(m *testing.M) {
	if os.Getenv(beTodo) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// patient is a time that a busy machine does not need.
const patient = time.Minute

// process is a service that runs.
type process struct {
	*exec.Cmd
	url string
	log chan string
}

// start runs the command with settings such as "PORT=0", and waits until it
// says where it listens.
func start(t *testing.T, settings ...string) *process {
	t.Helper()
	service := newProcess(t, settings...)
	line := service.await(t, "App started successfully")
	if line["severity"] != "INFO" {
		t.Fatalf("the service says %v", line)
	}
	service.url = "http://" + line["address"].(string)
	return service
}

// newProcess runs the command with settings, and does not wait.
func newProcess(t *testing.T, settings ...string) *process {
	t.Helper()
	p := newCommand(t, nil, settings...)
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.ProcessState == nil {
			_ = p.Process.Kill()
			_ = p.Wait()
		}
	})
	service := &process{Cmd: p, log: make(chan string, 1<<20)} // the service never waits for who reads
	go func() {
		defer close(service.log)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			service.log <- lines.Text()
		}
	}()
	return service
}

// newCommand is the command as a process, not yet started.
func newCommand(t *testing.T, args []string, settings ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], args...) // #nosec G204 G702 -- the test's own binary
	cmd.Env = append([]string{beTodo + "=1", "HOST=127.0.0.1"}, settings...)
	return cmd
}

func (p *process) line(t *testing.T) map[string]any {
	t.Helper()
	text, ok := <-p.log
	if !ok {
		t.Fatal("the log has ended")
	}
	var line map[string]any
	if err := json.Unmarshal([]byte(text), &line); err != nil {
		t.Fatalf("log line %q: %v", text, err)
	}
	return line
}

// stop sends a signal and returns the rest of the log.
func (p *process) stop(t *testing.T, signal os.Signal) string {
	t.Helper()
	if err := p.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	var rest strings.Builder
	for line := range p.log {
		rest.WriteString(line + "\n")
	}
	if err := p.Wait(); (err == nil) != (signal == syscall.SIGTERM) {
		t.Errorf("after %v the process ended with %v", signal, err)
	}
	return rest.String()
}

var tokenInput = regexp.MustCompile(`name="csrf_token" value="([^"]+)"`)

// visitor returns a client with a session, and its token.
func (p *process) visitor(t *testing.T) (*http.Client, string) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{
		Jar: jar, Transport: &http.Transport{}, Timeout: patient,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(client.CloseIdleConnections)
	status, body := p.get(t, client, "/")
	found := tokenInput.FindStringSubmatch(body)
	if status != http.StatusOK || found == nil {
		t.Fatalf("GET /: status %d, token %v", status, found)
	}
	return client, found[1]
}

func (p *process) get(t *testing.T, client *http.Client, path string) (status int, body string) {
	t.Helper()
	response, err := client.Get(p.url + path) //nolint:noctx // the client has a timeout
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // read to its end
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(b)
}

// list names the list that a visitor's cookie opens.
func (p *process) list(t *testing.T, client *http.Client) todo.ListID {
	t.Helper()
	at, err := url.Parse(p.url)
	if err != nil {
		t.Fatal(err)
	}
	id, _, _ := strings.Cut(client.Jar.Cookies(at)[0].Value, ".")
	return todo.ListID(id)
}

func TestServe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, "PORT=0", "DATA_DIR="+dir)
	client, token := p.visitor(t)
	response, err := client.PostForm(p.url+"/add", url.Values{"name": {"private"}, "csrf_token": {token}}) //nolint:noctx // it has a timeout
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Fatal(err)
	}
	line := p.line(t)
	if _, err := time.Parse(time.RFC3339Nano, line["time"].(string)); err != nil {
		t.Error(err)
	}
	if id, _ := line["request_id"].(string); len(id) < 20 {
		t.Errorf("the request has the id %q", id)
	}
	delete(line, "time")
	delete(line, "request_id")
	if diff := cmp.Diff(map[string]any{"severity": "INFO", "message": "Task added: item 1"}, line); diff != "" {
		t.Errorf("log line (-want +got):\n%s", diff)
	}
	if status, _ := p.get(t, client, "/complete/1"); status != http.StatusMethodNotAllowed {
		t.Errorf("GET /complete/1: status %d", status)
	}
	rest := p.stop(t, syscall.SIGTERM)
	if !strings.Contains(rest, `"message":"App stopped"`) {
		t.Errorf("the end of the log:\n%s", rest)
	}
	for _, name := range []string{databaseFile, keyFile} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v; want a file for its owner alone", name, info, err)
		}
	}
	again := start(t, "PORT=0", "DATA_DIR="+dir)
	again.url, p.url = p.url, again.url
	if status, body := p.get(t, client, "/"); status != http.StatusOK || !strings.Contains(body, "private") {
		t.Errorf("after a restart: status %d:\n%s", status, body)
	}
}

// TestNothingAcknowledgedIsLost ends the service under load, and counts.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	t.Parallel()
	for name, signal := range map[string]os.Signal{"SIGTERM": syscall.SIGTERM, "SIGKILL": syscall.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			p := start(t, "PORT=0", "DATA_DIR="+dir)
			acknowledged := load(t, p, signal)
			s, err := store.OpenSQLite(t.Context(), filepath.Join(dir, databaseFile), store.Options{Limit: patient})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			for list, n := range acknowledged {
				page, err := s.Page(t.Context(), list, todo.Query{})
				if err != nil {
					t.Fatal(err)
				}
				// The last may be there without its answer having come.
				if got := len(page.Items); got < n || got > n+1 {
					t.Errorf("a list has %d items, %d were acknowledged", got, n)
				}
			}
		})
	}
}

// load has visitors add items until the service is ended by a signal, some way
// into it, and returns how many items were acknowledged on each list.
func load(t *testing.T, p *process, signal os.Signal) map[todo.ListID]int {
	t.Helper()
	const visitors, each = 4, 3
	var mu sync.Mutex
	var wg sync.WaitGroup
	counts := map[todo.ListID]int{}
	underway := make(chan struct{}, visitors)
	for range visitors {
		client, token := p.visitor(t)
		list := p.list(t, client)
		wg.Go(func() {
			n := 0
			for ; n < 90 && add(client, p.url, token); n++ {
				if n == each {
					underway <- struct{}{}
				}
			}
			if n <= each { // it has not told yet
				underway <- struct{}{}
			}
			mu.Lock()
			defer mu.Unlock()
			counts[list] = n
		})
	}
	for range visitors {
		<-underway
	}
	p.stop(t, signal)
	wg.Wait()
	return counts
}

// add tells whether an item was acknowledged.
func add(client *http.Client, base, token string) bool {
	response, err := client.PostForm(base+"/add", url.Values{"name": {"x"}, "csrf_token": {token}}) //nolint:noctx // it has a timeout
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, response.Body)
	return errors.Join(err, response.Body.Close()) == nil && response.StatusCode == http.StatusSeeOther
}

// TestTwoInstances share a folder, as two revisions do while one replaces the other.
func TestTwoInstances(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	instances := make([]*process, 2)
	var wg sync.WaitGroup
	for i := range instances {
		wg.Go(func() { instances[i] = start(t, "PORT=0", "DATA_DIR="+dir) })
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	client, token := instances[0].visitor(t)
	if !add(client, instances[1].url, token) {
		t.Error("an instance does not know the session of the other")
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if name := e.Name(); name != keyFile && !strings.HasPrefix(name, databaseFile) {
			t.Errorf("%s was left in the data folder", name)
		}
	}
}

func TestHealthcheck(t *testing.T) {
	t.Parallel()
	p := start(t, "PORT=0", "DATA_DIR="+t.TempDir())
	_, port, err := net.SplitHostPort(strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	if out, err := newCommand(t, []string{"healthcheck"}, "PORT="+port).CombinedOutput(); err != nil {
		t.Errorf("a healthy service: %v\n%s", err, out)
	}
	p.stop(t, syscall.SIGTERM)
	out, err := newCommand(t, []string{"healthcheck"}, "PORT="+port).CombinedOutput()
	if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != exitFailed || !strings.Contains(string(out), "/health") {
		t.Errorf("a service that is gone: %v\n%s", err, out)
	}
}

func TestHealthcheckOfAnotherService(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: patient, Handler: http.RedirectHandler("http://127.0.0.1:1/", http.StatusFound)}
	go server.Serve(listener) //nolint:errcheck // closed below
	t.Cleanup(func() { _ = server.Close() })
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	if err := healthcheck(t.Context(), config{host: "127.0.0.1", port: port}); err == nil || !strings.Contains(err.Error(), "302") {
		t.Errorf("health check: %v, want the answer's status", err)
	}
	for host, want := range map[string]string{"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1", "10.1.2.3": "10.1.2.3", "todo.internal": "todo.internal"} {
		if got := healthHost(host); got != want {
			t.Errorf("healthHost(%q) = %q, want %q", host, got, want)
		}
	}
}

// TestRefusedStarts are ended by what is wrong, in words that name it.
func TestRefusedStarts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	badKey := filepath.Join(dir, "badkey")
	large := filepath.Join(dir, "large")
	for path, content := range map[string]string{file: "", filepath.Join(badKey, keyFile): "short", filepath.Join(large, keyFile): strings.Repeat("x", maxKeyFile+1)} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	taken, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	tests := map[string]struct {
		args []string
		env  map[string]string
		want int
		says string
	}{
		"port":           {env: map[string]string{"PORT": "http"}, want: exitUsage, says: `PORT="http"`},
		"port too large": {env: map[string]string{"PORT": "65536"}, want: exitUsage, says: `PORT="65536"`},
		"level":          {env: map[string]string{"LOG_LEVEL": "loud"}, want: exitUsage, says: `LOG_LEVEL="loud"`},
		"header":         {env: map[string]string{"TRUSTED_HEADERS": "X-Forwarded-Proto,X-Real-IP"}, want: exitUsage, says: "X-Real-IP"},
		"argument":       {args: []string{"serve", "now"}, want: exitUsage, says: `["serve" "now"]`},
		"flag":           {args: []string{"-port"}, want: exitUsage, says: "-port"},
		"file as root":   {env: map[string]string{"HOME": "/", "XDG_STATE_HOME": file}, want: exitFailed, says: "DATA_DIR"},
		"shared":         {env: map[string]string{"TODO_SHARED_LIST": "yes"}, want: exitUsage, says: `TODO_SHARED_LIST="yes": want true or false`},
		"rate":           {env: map[string]string{"RATE_LIMIT": "-1"}, want: exitUsage, says: `RATE_LIMIT="-1"`},
		"items":          {env: map[string]string{"MAX_ITEMS": "0"}, want: exitUsage, says: `MAX_ITEMS="0"`},
		"metrics":        {env: map[string]string{"METRICS_ADDR": "9464"}, want: exitUsage, says: `METRICS_ADDR="9464"`},
		"metrics away":   {env: map[string]string{"DATA_DIR": filepath.Join(dir, "new"), "METRICS_ADDR": "198.51.100.1:1"}, want: exitFailed, says: "METRICS_ADDR"},
		"two databases":  {env: map[string]string{"INSTANCE_CONNECTION_NAME": "a:b:c", "DB_HOST": "h", "DB_USER": "u", "DB_NAME": "n"}, want: exitUsage, says: "both set"},
		"no instance":    {env: map[string]string{"DB_USER": "u", "DB_NAME": "n"}, want: exitUsage, says: "INSTANCE_CONNECTION_NAME or DB_HOST"},
		"no user":        {env: map[string]string{"DB_HOST": "h"}, want: exitUsage, says: "DB_USER and DB_NAME"},
		"bad instance":   {env: map[string]string{"INSTANCE_CONNECTION_NAME": "mine", "DB_USER": "u", "DB_NAME": "n"}, want: exitUsage, says: "project:region:instance"},
		"tls":            {env: map[string]string{"DB_HOST": "h", "DB_USER": "u", "DB_NAME": "n", "DB_TLS": "maybe"}, want: exitUsage, says: `DB_TLS="maybe"`},
		"no such secret": {env: map[string]string{"SESSION_KEYS_FILE": filepath.Join(dir, "none")}, want: exitUsage, says: "SESSION_KEYS_FILE"},
		"empty secret":   {env: map[string]string{"SESSION_KEYS_FILE": file}, want: exitUsage, says: "is empty"},
		"large secret":   {env: map[string]string{"SESSION_KEYS_FILE": filepath.Join(large, keyFile)}, want: exitUsage, says: "larger than"},
		"secret twice":   {env: map[string]string{"SESSION_KEYS_FILE": filepath.Join(badKey, keyFile), "SESSION_KEYS": "x"}, want: exitUsage, says: "both set"},
		"folder is file": {env: map[string]string{"DATA_DIR": file}, want: exitFailed, says: file},
		"below a file":   {env: map[string]string{"HOME": file}, want: exitFailed, says: file},
		"session keys":   {env: map[string]string{"DATA_DIR": dir, "SESSION_KEYS": "short"}, want: exitFailed, says: "SESSION_KEYS"},
		"kept key":       {env: map[string]string{"DATA_DIR": badKey}, want: exitFailed, says: keyFile},
		"large kept key": {env: map[string]string{"DATA_DIR": large}, want: exitFailed, says: "larger than"},
		"port is taken":  {env: map[string]string{"DATA_DIR": filepath.Join(dir, "new"), "HOST": "127.0.0.1", "PORT": port}, want: exitFailed, says: port},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			env := func(name string) string { return tt.env[name] }
			if got := run(t.Context(), tt.args, env, &out, &out); got != tt.want || !strings.Contains(out.String(), tt.says) {
				t.Errorf("exit %d, want %d and %q:\n%s", got, tt.want, tt.says, &out)
			}
		})
	}
}

func TestFolderThatCannotBeWrittenTo(t *testing.T) {
	t.Parallel()
	dir := "/proc/self" // where not even root can make a file
	if runtime.GOOS != "linux" {
		dir = filepath.Join(t.TempDir(), "locked")
		if err := os.Mkdir(dir, 0o500); err != nil {
			t.Fatal(err)
		}
	}
	root, err := openDataDir(dir, true)
	if err == nil {
		_ = root.Close()
	}
	if err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "DATA_DIR") {
		t.Errorf("error %v, want one that names the folder and the setting", err)
	}
}

// withDefaults fills in what a configuration has without a setting.
func (c *config) withDefaults() {
	if c.port == "" {
		c.port = "8000"
	}
	if c.maxItems == 0 {
		c.maxItems, c.web.RateLimit = 1000, 50
	}
}

func mysqlAt(host, tls string) map[string]string {
	return map[string]string{"DB_HOST": host, "DB_USER": "u", "DB_NAME": "n", "DB_TLS": tls}
}

func mysqlConfig(host string, plain bool) config {
	return config{data: dataConfig{dir: "/data"}, mysql: &store.MySQL{Host: host, User: "u", Database: "n", PlainText: plain}}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		env  map[string]string
		want config
	}{
		"nothing":        {nil, config{data: dataConfig{dir: "/data"}}},
		"home":           {map[string]string{"HOME": "/home/x"}, config{data: dataConfig{dir: "/home/x/.local/state/todo/data"}}},
		"root's home":    {map[string]string{"HOME": "/"}, config{data: dataConfig{dir: "/data"}}},
		"state":          {map[string]string{"HOME": "/home/x", "XDG_STATE_HOME": "/state"}, config{data: dataConfig{dir: "/state/todo/data"}}},
		"relative state": {map[string]string{"HOME": "relative", "XDG_STATE_HOME": "state"}, config{data: dataConfig{dir: "/data"}}},
		"cloud sql": {
			map[string]string{"INSTANCE_CONNECTION_NAME": "p:r:i", "DB_USER": "u", "DB_PASS": "s", "DB_NAME": "n", "PRIVATE_IP": "true", "K_SERVICE": "todo"},
			config{
				data:  dataConfig{dir: "/data", fleeting: "on Cloud Run the file system is lost with the instance"},
				mysql: &store.MySQL{Instance: "p:r:i", User: "u", Password: "s", Database: "n", PrivateIP: true},
			},
		},
		"loopback":  {mysqlAt("127.0.0.1:3306", ""), mysqlConfig("127.0.0.1:3306", true)},
		"socket":    {mysqlAt("/run/mysqld/mysqld.sock", ""), mysqlConfig("/run/mysqld/mysqld.sock", true)},
		"elsewhere": {mysqlAt("db.internal", ""), mysqlConfig("db.internal", false)},
		"no TLS":    {mysqlAt("mysql", "off"), mysqlConfig("mysql", true)},
		"TLS":       {mysqlAt("localhost", "verify"), mysqlConfig("localhost", false)},
		"all": {
			map[string]string{"HOST": "::1", "PORT": "0", "DATA_DIR": "/data", "LOG_LEVEL": "Warning", "TRUSTED_HEADERS": "x-forwarded-proto, X-Forwarded-For", "TRUSTED_PROXIES": "2",
				"TODO_SHARED_LIST": "true", "LOG_ITEM_TEXT": "true", "MAX_ITEMS": "7", "RATE_LIMIT": "9", "METRICS_ADDR": ":9464", "GOOGLE_CLOUD_PROJECT": "p"},
			config{
				host: "::1", port: "0", data: dataConfig{dir: "/data"}, level: 4, maxItems: 7, metrics: ":9464", project: "p",
				web: web.Options{SharedList: true, LogItemText: true, RateLimit: 9, Proxy: web.Proxy{Proto: true, Hops: 2}},
			},
		},
	}
	for name, tt := range tests {
		got, err := readConfig(func(name string) string { return tt.env[name] })
		tt.want.withDefaults()
		if diff := cmp.Diff(tt.want, got, cmp.AllowUnexported(config{}, dataConfig{})); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestVersionAndHelp(t *testing.T) {
	t.Parallel()
	var out, help bytes.Buffer
	none := func(string) string { return "" }
	if got := run(t.Context(), []string{"-version"}, none, &out, io.Discard); got != exitOK || !strings.HasPrefix(out.String(), "todo ") {
		t.Errorf("-version: exit %d, %q", got, &out)
	}
	if got := run(t.Context(), []string{"-help"}, none, io.Discard, &help); got != exitOK {
		t.Errorf("-help: exit %d", got)
	}
	for _, v := range variables {
		if !strings.Contains(help.String(), "  "+v.name+" ") {
			t.Errorf("-help does not tell of %s", v.name)
		}
	}
}

func TestLogSpeaksToCloudLogging(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := newLogger(&out, -4, "")
	log.Debug("d")
	log.Info("i")
	log.Warn("w")
	log.Error("e")
	var got []string
	for line := range strings.Lines(out.String()) {
		var fields struct{ Severity string }
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatal(err)
		}
		got = append(got, fields.Severity)
	}
	if diff := cmp.Diff([]string{"DEBUG", "INFO", "WARNING", "ERROR"}, got); diff != "" {
		t.Errorf("severities (-want +got):\n%s", diff)
	}
}
