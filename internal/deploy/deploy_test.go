package deploy

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/sluice-ci/sluice/internal/cloudrunlocal"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/image"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

const serverEnv = "TEST_SERVER"

// TestMain is also a supervisor and a stage's process, when the tests start
// themselves as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "supervise" {
		os.Exit(cloudrunlocal.Main(context.Background(), os.Args[2:]))
	}
	if len(os.Args) > 1 && os.Args[1] == "stage" {
		os.Exit(pipeline.Child(context.Background(), map[string]pipeline.Worker{"deploy": Deploy{}.Worker(), "rollout": Rollout{}.Worker()}))
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
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", server, "../cloudrunlocal/testdata/server")
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

// pipe is what the tests run of a pipeline: a service, and its built image.
type pipe struct {
	service scan.Service
	deploy  Deploy
	build   string // the output folder of the build job
}

func newPipe(t *testing.T) pipe {
	t.Helper()
	p := pipe{service: scan.Service{Name: "todo", Root: "/src", Dir: "/src/todo"}, deploy: Deploy{Root: t.TempDir()}, build: t.TempDir()}
	// Another user, whom root becomes to run the image, must get to its folder.
	if err := os.Chmod(filepath.Dir(p.deploy.Root), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		services, err := filepath.Glob(filepath.Join(p.deploy.Root, "*"))
		if err != nil {
			t.Error(err)
		}
		for _, dir := range services {
			if err := cloudrunlocal.Down(context.Background(), dir, cloudrunlocal.DownOptions{Data: true}); err != nil {
				t.Error(err)
			}
		}
	})
	writeImage(t, p.build, runtime.GOARCH)
	return p
}

// writeImage packs the service for tests, as the build job does.
func writeImage(t *testing.T, dir, arch string) {
	t.Helper()
	server, err := os.ReadFile(os.Getenv(serverEnv))
	if err != nil {
		t.Fatal(err)
	}
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	for _, h := range []tar.Header{
		{Name: "app/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "app/server", Typeflag: tar.TypeReg, Mode: 0o555, Size: int64(len(server))},
	} {
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Write(server); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	packed, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(layer.Bytes())), nil }, tarball.WithMediaType(types.OCILayer), tarball.WithCompressionLevel(gzip.BestSpeed))
	if err != nil {
		t.Fatal(err)
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	img, err := mutate.AppendLayers(base, packed)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", arch
	config.Config = v1.Config{User: "65532:65532", Entrypoint: []string{"/app/server"}, Env: []string{"PATH=/app"}}
	if img, err = mutate.ConfigFile(img, config); err != nil {
		t.Fatal(err)
	}
	path, err := layout.Write(filepath.Join(dir, "image"), empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := path.AppendImage(img); err != nil {
		t.Fatal(err)
	}
}

// run does a job in this process, given the reports of earlier ones.
func (p pipe) run(t *testing.T, s scan.Scanner, deployed pipeline.Report) (pipeline.Report, error) {
	t.Helper()
	a, err := s.Worker()(t.Context(), p.task(t, s, deployed))
	if err != nil {
		return pipeline.Report{}, err
	}
	if len(a.Reports) != 1 {
		t.Fatalf("got %d reports, want one", len(a.Reports))
	}
	return a.Reports[0], nil
}

func (p pipe) task(t *testing.T, s scan.Scanner, deployed pipeline.Report) pipeline.Task {
	t.Helper()
	job, err := s.Job(p.service)
	if err != nil {
		t.Fatal(err)
	}
	params, err := json.Marshal(job.Params)
	if err != nil {
		t.Fatal(err)
	}
	return pipeline.Task{
		Job: job.Name, Stages: job.Stages, Params: params, Access: job.Access, Progress: func(string) {}, Log: io.Discard,
		Needs: map[string]pipeline.Need{"build": p.built(), "deploy": {Reports: map[string]pipeline.Report{"deploy": deployed}}},
	}
}

// built is what the job "build" leaves.
func (p pipe) built() pipeline.Need {
	need := pipeline.Need{Out: p.build}
	if img, err := image.Open(filepath.Join(p.build, image.LayoutDir)); err == nil {
		need.Reports = map[string]pipeline.Report{"build": {Values: map[string]string{"digest": img.Digest()}}}
	}
	return need
}

// TestAnotherImage is not deployed: one that build did not report.
func TestAnotherImage(t *testing.T) {
	t.Parallel()
	p := newPipe(t)
	task := p.task(t, p.deploy, pipeline.Report{})
	for _, digest := range []string{"", "sha256:" + strings.Repeat("0", 64)} {
		task.Needs["build"].Reports["build"].Values["digest"] = digest
		if _, err := p.deploy.Worker()(t.Context(), task); err == nil || !strings.Contains(err.Error(), "and stage build made") {
			t.Errorf("built %q: %v", digest, err)
		}
	}
}

// deliver deploys and rolls out.
func (p pipe) deliver(t *testing.T) (deployed, rolledOut pipeline.Report) {
	t.Helper()
	deployed, err := p.run(t, p.deploy, pipeline.Report{})
	if err != nil {
		t.Fatalf("deploy: %v (%s)", err, hint.Remedy(err))
	}
	rolledOut, err = p.run(t, Rollout(p.deploy), deployed)
	if err != nil {
		t.Fatalf("rollout: %v", err)
	}
	return deployed, rolledOut
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s, %v: %s", url, resp.Status, err, body)
	}
	return string(body)
}

func TestDeployThenRollout(t *testing.T) {
	t.Parallel()
	p := newPipe(t)
	p.service.Options.Env = map[string]string{"VERSION": "one"}
	deployed, rolledOut := p.deliver(t)
	v := deployed.Values
	want := map[string]string{RevisionValue: v[RevisionValue], URLValue: v[ServiceURLValue], ServiceURLValue: v[ServiceURLValue], ImageValue: v[ImageValue]}
	if diff := cmp.Diff(want, rolledOut.Values); diff != "" {
		t.Errorf("rollout's values (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(v[RevisionValue], "todo-00001-") || !strings.HasPrefix(v[ImageValue], "sha256:") || v[URLValue] == v[ServiceURLValue] {
		t.Errorf("deploy's values: %v", v)
	}
	if got := get(t, v[ServiceURLValue]); got != "one" {
		t.Errorf("the service answers %q", got)
	}
	again, _ := p.deliver(t)
	if diff := cmp.Diff(v, again.Values); diff != "" || len(again.Notes) != 1 {
		t.Errorf("the same again: notes %q, values (-want +got):\n%s", again.Notes, diff)
	}
}

func TestUnhealthyRevisionIsAFinding(t *testing.T) {
	t.Parallel()
	p := newPipe(t)
	p.service.Options.Env = map[string]string{"VERSION": "good"}
	good, _ := p.deliver(t)
	p.service.Options.Env = map[string]string{"VERSION": "bad", "MODE": "exit"}
	r, err := p.run(t, p.deploy, pipeline.Report{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Findings) != 1 || len(r.Rules) != 1 || len(r.Values) != 0 {
		t.Fatalf("got report %+v, want one finding", r)
	}
	f := r.Findings[0]
	if f.Rule != "unhealthy" || r.Rules[0].ID != f.Rule || f.Severity != sarif.High || f.Stage != "deploy" || f.Location.Path != "image:/app/server" ||
		!strings.Contains(f.Message, "exit status 3") || !strings.Contains(f.Message, "cannot find the") {
		t.Errorf("got finding %+v", f)
	}
	if got := get(t, good.Values[ServiceURLValue]); got != "good" {
		t.Errorf("the service answers %q", got)
	}
}

func TestRevisionThatDiesBeforeItsRollout(t *testing.T) {
	t.Parallel()
	p := newPipe(t)
	p.deploy.Limits.Backoff = limit
	deployed, err := p.run(t, p.deploy, pipeline.Report{})
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := http.Get(deployed.Values[URLValue] + "/crash"); err == nil {
		_ = resp.Body.Close()
	}
	r, err := p.run(t, Rollout(p.deploy), deployed)
	if err != nil || len(r.Findings) != 1 || r.Findings[0].Stage != "rollout" {
		t.Errorf("got report %+v, %v, want a finding", r, err)
	}
}

func TestDiscard(t *testing.T) {
	t.Parallel()
	p := newPipe(t)
	deployed, err := p.run(t, p.deploy, pipeline.Report{})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.deploy.Discard(t.Context(), p.service, deployed.Values[RevisionValue]); err != nil {
		t.Fatal(err)
	}
	if _, err := p.run(t, Rollout(p.deploy), deployed); err == nil || hint.Remedy(err) == "" {
		t.Errorf("rolled out what was discarded: %v", err)
	}
}

func TestNotRun(t *testing.T) {
	t.Parallel()
	p := newPipe(t)
	for name, report := range map[string]pipeline.Report{"no report": {}, "findings only": {Findings: []sarif.Finding{{Rule: "unhealthy"}}}} {
		if r, err := p.run(t, Rollout(p.deploy), report); err == nil || !strings.Contains(err.Error(), "named no revision") {
			t.Errorf("rollout after a deploy with %s: %+v, %v", name, r, err)
		}
	}
	p.build = t.TempDir()
	if r, err := p.run(t, p.deploy, pipeline.Report{}); err == nil {
		t.Errorf("deploy of no image: %+v", r)
	}
	writeImage(t, p.build, "s390x")
	if r, err := p.run(t, p.deploy, pipeline.Report{}); err == nil || !strings.Contains(err.Error(), "linux/s390x") || hint.Remedy(err) == "" {
		t.Errorf("deploy of an image for another machine: %+v, %v", r, err)
	}
}

func TestJob(t *testing.T) {
	t.Parallel()
	d := Deploy{Root: "/state"}
	s := scan.Service{Name: "todo", Dir: "/src/todo", Target: "local", Options: scan.Options{Port: 8080}}
	for _, sc := range []scan.Scanner{d, Rollout(d)} {
		job, err := sc.Job(s)
		if err != nil {
			t.Fatal(err)
		}
		state := cloudrunlocal.StateDir("/state", "todo", "/src/todo")
		if diff := cmp.Diff(params{Service: "todo", Directory: "/src/todo", State: state, Port: 8080}, job.Params); diff != "" || !job.Always {
			t.Errorf("%s: always %t, params (-want +got):\n%s", job.Name, job.Always, diff)
		}
		s := s
		s.Target = "production"
		if _, err := sc.Job(s); err == nil || !strings.Contains(err.Error(), "production") {
			t.Errorf("%s to a target that there is not: %v", job.Name, err)
		}
	}
}

// TestServiceOutlivesTheRun deploys in processes that end, as stages are.
func TestServiceOutlivesTheRun(t *testing.T) {
	t.Parallel()
	p := newPipe(t)
	p.service.Options.Env = map[string]string{"VERSION": "alive"}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	processes := pipeline.Processes{Exe: exe, Args: []string{"stage"}, Logs: t.TempDir(), Env: func(pipeline.Access) []string { return []string{"PATH=/usr/bin:/bin", "TMPDIR=" + os.TempDir()} }}
	deployed := pipeline.Report{}
	for _, s := range []scan.Scanner{p.deploy, Rollout(p.deploy)} {
		task := p.task(t, s, deployed)
		task.Lock = filepath.Join(t.TempDir(), "lock")
		if err := os.WriteFile(task.Lock, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		a, err := processes.Launch(t.Context(), task, func(string) {})
		if err != nil {
			t.Fatal(err)
		}
		deployed = a.Reports[0]
	}
	if got := get(t, deployed.Values[URLValue]); got != "alive" {
		t.Errorf("the service answers %q", got)
	}
}
