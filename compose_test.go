//go:build stack && linux

// Package compose_test builds the service's image with Docker and runs
// compose.yaml, for real, in namespaces of its own:
//
//	go test -tags stack -timeout 20m .
//
// Where no image can be pulled Debian's packages stand in for what is not ours:
// MariaDB for MySQL and a program that looks at its mounts for Grafana.
package compose_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	service = "http://127.0.0.1:8000"
	maxSize = 10_000_000 // bytes of the image, compressed as a push compresses it
)

// TestStack prepares what needs the network, and then runs itself again where
// there is none.
func TestStack(t *testing.T) {
	if folder := os.Getenv(insideVariable); folder != "" {
		enter(t)
		inside(t, folder)
		return
	}
	need(t, "docker", "dockerd", "debootstrap", "iptables", "tar")
	folder := t.TempDir()
	prepare(t, folder)
	isolated(t, folder)
}

func inside(t *testing.T, folder string) {
	s := startEngine(t, folder)
	s.makeStandIns(t)
	s.compose(t, "build")
	t.Run("dockerfile", s.testDockerfile)
	t.Run("flask", s.testFlask)
	t.Run("context", s.testContext)
	t.Run("image", s.testImage)
	t.Run("alone", s.testAlone)
	t.Cleanup(func() { s.testDown(t) })
	s.compose(t, "up", "--detach")
	for _, name := range services() {
		s.waitHealth(t, name, "healthy", 3*time.Minute)
	}
	t.Run("published", s.testPublished)
	t.Run("confined", s.testConfined)
	t.Run("networks", s.testNetworks)
	t.Run("list", s.testList)
	t.Run("prometheus", s.testPrometheus)
	t.Run("database away", s.testDatabaseAway)
}

func services() []string { return []string{"grafana", "mysql", "prometheus", "todo"} }

// testContext looks at what the builder was given.
func (s *stack) testContext(t *testing.T) {
	s.docker(t, "build", "--quiet", "--tag", "context", "--target", "build", "--build-arg", "GOPROXY="+moduleProxy, filepath.Join(s.project, "app"))
	allowed := regexp.MustCompile(`^(go\.(mod|sum)|[^.][^/]*\.go|(cmd|store|web)(/[^/.][^/]*)*)$`)
	files := strings.Fields(s.docker(t, "run", "--rm", "context", "find", "/src", "-type", "f", "-printf", `%P\n`))
	for _, name := range files {
		if !allowed.MatchString(name) || strings.HasSuffix(name, "_test.go") || strings.Contains(name, plantedName) {
			t.Errorf("%s is in the builder's context", name)
		}
	}
	if !slices.Contains(files, "cmd/todo/main.go") {
		t.Errorf("the builder's context lacks the program: %q", files)
	}
}

func (s *stack) testImage(t *testing.T) {
	var image []struct {
		Config struct {
			User, StopSignal string
			Entrypoint, Env  []string
			Volumes          map[string]any
			ExposedPorts     map[string]any
			Labels           map[string]string
			Healthcheck      struct{ Test []string }
		}
	}
	s.inspect(t, "todo", &image)
	c := image[0].Config
	got := []any{c.User, c.StopSignal, c.Entrypoint, c.Healthcheck.Test, keys(c.Volumes), keys(c.ExposedPorts)}
	want := []any{"65532:65532", "SIGTERM", []string{"/todo"}, []string{"CMD", "/todo", "healthcheck"}, []string{"/data"}, []string{"8000/tcp"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	if c.Labels["org.opencontainers.image.title"] != "todo" {
		t.Errorf("labels: %q", c.Labels)
	}
	if history := s.docker(t, "history", "--no-trunc", "todo"); strings.Contains(history, moduleProxy) {
		t.Errorf("the image tells how it was built:\n%s", history)
	}
	if size := s.compressed(t, "todo"); size >= maxSize {
		t.Errorf("compressed it is %d bytes, want less than %d", size, maxSize)
	} else {
		t.Logf("compressed it is %d bytes", size)
	}
	s.testFiles(t)
}

// testFiles wants three files in the image: no shell, no package manager, no
// secret, and nothing that its user could change but the data folder.
func (s *stack) testFiles(t *testing.T) {
	id := strings.TrimSpace(s.docker(t, "create", "todo"))
	archive := s.docker(t, "export", id)
	s.docker(t, "rm", "--volumes", id)
	type owned struct {
		UID, GID int
		Mode     int64
	}
	got := map[string]owned{}
	for files := tar.NewReader(strings.NewReader(archive)); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		// What Docker itself puts into every container.
		if name := path.Clean(h.Name); !regexp.MustCompile(`^(\.dockerenv|(dev|proc|sys)(/.*)?|etc/(hosts|hostname|resolv\.conf|mtab)|etc|etc/ssl)$`).MatchString(name) {
			got[name] = owned{h.Uid, h.Gid, h.Mode & 0o7777}
		}
	}
	want := map[string]owned{
		"todo": {0, 0, 0o755}, "data": {65532, 65532, 0o755},
		"etc/ssl/certs": {0, 0, 0o755}, "etc/ssl/certs/ca-certificates.crt": {0, 0, 0o644},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// compressed is the size of an image's layers when they are pushed.
func (s *stack) compressed(t *testing.T, image string) int64 {
	var size counter
	for files := tar.NewReader(strings.NewReader(s.docker(t, "save", image))); ; {
		h, err := files.Next()
		if errors.Is(err, io.EOF) {
			return int64(size)
		}
		if err != nil {
			t.Fatal(err)
		}
		// Newer engines name layers by digest.
		if path.Base(h.Name) == "layer.tar" || strings.HasPrefix(h.Name, "blobs/") {
			z := gzip.NewWriter(&size)
			if _, err := io.Copy(z, files); errors.Join(err, z.Close()) != nil {
				t.Fatal(err)
			}
		}
	}
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// testAlone runs the image by itself, with all taken from it that can be.
func (s *stack) testAlone(t *testing.T) {
	t.Cleanup(func() { s.docker(t, "rm", "--force", "--volumes", "alone") })
	s.docker(t, "run", "--detach", "--name", "alone", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--network", "none", "todo")
	s.waitHealthOf(t, "alone", "healthy", time.Minute)
	s.docker(t, "stop", "alone")
	if code := strings.TrimSpace(s.docker(t, "inspect", "--format", "{{.State.ExitCode}}", "alone")); code != "0" {
		t.Errorf("after SIGTERM it ended with %s:\n%s", code, s.docker(t, "logs", "alone"))
	}
}

func (s *stack) testPublished(t *testing.T) {
	want := []string{"127.0.0.1:3000", "127.0.0.1:8000"}
	if diff := cmp.Diff(want, listening(t)); diff != "" {
		t.Errorf("listening sockets (-want +got):\n%s", diff)
	}
	for _, at := range []string{"/metrics", "/debug/pprof/"} {
		if status, _ := ask(t, http.DefaultClient, service+at); status != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", at, status)
		}
	}
}

// testConfined holds every container to the limits that compose.yaml promises.
func (s *stack) testConfined(t *testing.T) {
	secrets := s.secrets(t)
	for _, name := range services() {
		var got []struct {
			Config struct {
				User string
				Env  []string
			}
			HostConfig struct {
				ReadonlyRootfs, Privileged            bool
				CapAdd, CapDrop, SecurityOpt          []string
				Memory, NanoCpus, PidsLimit, OomScore int64
				LogConfig                             struct{ Config map[string]string }
			}
		}
		s.inspect(t, s.id(t, name), &got)
		c, h := got[0].Config, got[0].HostConfig
		if c.User == "" || strings.HasPrefix(c.User, "0") || strings.HasPrefix(c.User, "root") {
			t.Errorf("%s runs as %q", name, c.User)
		}
		if !h.ReadonlyRootfs || h.Privileged || len(h.CapAdd) != 0 || !slices.Equal(h.CapDrop, []string{"ALL"}) || !slices.Contains(h.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s is not confined: %+v", name, h)
		}
		if h.Memory <= 0 || h.NanoCpus <= 0 || h.PidsLimit <= 0 || h.LogConfig.Config["max-size"] == "" || h.LogConfig.Config["max-file"] == "" {
			t.Errorf("%s is not limited: %+v", name, h)
		}
		for _, secret := range secrets {
			if strings.Contains(strings.Join(c.Env, "\n")+s.docker(t, "logs", s.id(t, name)), secret) {
				t.Errorf("a secret is in the environment or the log of %s", name)
			}
		}
	}
}

// testNetworks wants the database within reach of the service alone.
func (s *stack) testNetworks(t *testing.T) {
	want := map[string][]string{
		"database": {"internal", "mysql", "todo"},
		"metrics":  {"internal", "grafana", "prometheus", "todo"},
		"public":   {"grafana", "todo"},
	}
	for name, want := range want {
		var got []struct {
			Internal   bool
			Containers map[string]any
		}
		s.inspect(t, project+"_"+name, &got)
		var members []string
		for _, member := range services() {
			if _, ok := got[0].Containers[s.id(t, member)]; ok {
				members = append(members, member)
			}
		}
		if got[0].Internal {
			members = slices.Insert(members, 0, "internal")
		}
		if diff := cmp.Diff(want, members); diff != "" {
			t.Errorf("network %s (-want +got):\n%s", name, diff)
		}
	}
}

var (
	tokenInput = regexp.MustCompile(`name="csrf_token" value="([^"]+)"`)
	itemAction = regexp.MustCompile(`action="(/complete/[0-9]+)"`)
)

// testList is a visitor who adds an item and completes it.
func (s *stack) testList(t *testing.T) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s.visitor = &http.Client{Jar: jar, Timeout: patient}
	_, page := ask(t, s.visitor, service)
	token := tokenInput.FindStringSubmatch(page)
	if token == nil {
		t.Fatalf("there is no token in the page:\n%s", page)
	}
	if status, _ := s.post(t, "/add", url.Values{"name": {"buy milk"}}); status != http.StatusBadRequest {
		t.Errorf("without its token: status %d, want 400", status)
	}
	_, page = s.post(t, "/add", url.Values{"name": {"buy milk"}, "csrf_token": {token[1]}})
	action := itemAction.FindStringSubmatch(page)
	if action == nil || !strings.Contains(page, "buy milk") {
		t.Fatalf("the item is not in the page:\n%s", page)
	}
	status, page := s.post(t, action[1], url.Values{"csrf_token": {token[1]}})
	if status != http.StatusOK || itemAction.MatchString(page) || !strings.Contains(page, "buy milk") {
		t.Errorf("the item is not complete: status %d:\n%s", status, page)
	}
}

func (s *stack) post(t *testing.T, at string, form url.Values) (status int, page string) {
	t.Helper()
	response, err := s.visitor.PostForm(service+at, form)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(b)
}

// testPrometheus waits for the first scrapes, and wants the rules to be loaded.
func (s *stack) testPrometheus(t *testing.T) {
	api := "http://" + s.address(t, "prometheus", "metrics") + ":9090/api/v1/"
	var rules struct{ Data struct{ Groups []any } }
	_, body := ask(t, http.DefaultClient, api+"rules")
	if err := json.Unmarshal([]byte(body), &rules); err != nil || len(rules.Data.Groups) == 0 {
		t.Errorf("no rules are loaded: %v:\n%s", err, body)
	}
	for _, query := range []string{`up{job="todo"} == 1`, `todo_app_requests_total > 0`, `todo_database_up == 1`} {
		eventually(t, "Prometheus to answer "+query, 2*time.Minute, func() bool {
			status, body := ask(t, http.DefaultClient, api+"query?query="+url.QueryEscape(query))
			var answer struct{ Data struct{ Result []any } }
			return status == http.StatusOK && json.Unmarshal([]byte(body), &answer) == nil && len(answer.Data.Result) == 1
		})
	}
}

// testDatabaseAway stops the database, starts the service anew without it, and
// wants all to be well by itself when it is back: the session and the item, too.
func (s *stack) testDatabaseAway(t *testing.T) {
	if s.visitor == nil {
		t.Fatal("there is no visitor")
	}
	s.compose(t, "stop", "mysql")
	s.eventuallyAnswers(t, "/health/ready", http.StatusServiceUnavailable)
	s.eventuallyAnswers(t, "/health/live", http.StatusOK)
	if status, page := ask(t, s.visitor, service); status != http.StatusServiceUnavailable {
		t.Errorf("without its database the page is %d:\n%s", status, page)
	}
	s.waitHealth(t, "todo", "unhealthy", time.Minute)
	s.compose(t, "restart", "todo")
	s.eventuallyAnswers(t, "/health/live", http.StatusOK)
	s.eventuallyAnswers(t, "/health/ready", http.StatusServiceUnavailable)
	s.compose(t, "start", "mysql")
	s.waitHealth(t, "todo", "healthy", 2*time.Minute)
	if status, page := ask(t, s.visitor, service); status != http.StatusOK || !strings.Contains(page, "buy milk") {
		t.Errorf("after its database came back: status %d:\n%s", status, page)
	}
}

func (s *stack) eventuallyAnswers(t *testing.T, at string, want int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s to be %d", at, want), 30*time.Second, func() bool {
		status, _ := ask(t, http.DefaultClient, service+at)
		return status == want
	})
}

// testDown wants nothing to be left but the images.
func (s *stack) testDown(t *testing.T) {
	s.compose(t, "down", "--volumes", "--timeout", "60")
	for _, what := range [][]string{{"ps", "--all"}, {"volume", "ls"}, {"network", "ls", "--filter", "type=custom"}} {
		if left := s.docker(t, append(what, "--quiet")...); left != "" {
			t.Errorf("docker %s after down: %s", strings.Join(what, " "), left)
		}
	}
	if left := listening(t); len(left) != 0 {
		t.Errorf("still listening after down: %q", left)
	}
}

// secrets are what secrets.sh made.
func (s *stack) secrets(t *testing.T) []string {
	names, err := filepath.Glob(filepath.Join(s.project, "deploy/compose/secrets/*"))
	if err != nil || len(names) == 0 {
		t.Fatalf("there are no secrets: %v", err)
	}
	var texts []string
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(bytes.TrimSpace(text)))
	}
	return texts
}
