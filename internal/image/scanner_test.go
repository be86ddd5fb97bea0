package image

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

var _ scan.Scanner = Scanner{}

func plan(t *testing.T, r Recipe) (scan.Service, pipeline.Job) {
	t.Helper()
	s := scan.Service{Name: r.Name, Root: r.Root, Dir: r.Dir, Main: r.Main, GoModule: "example.com/todo", Version: "v1 (test)", CacheDir: r.Cache}
	job, err := Scanner{}.Job(s)
	check(t, err)
	return s, job
}

func task(t *testing.T, s scan.Service, job pipeline.Job) pipeline.Task {
	t.Helper()
	return pipeline.Task{
		Job: job.Name, Stages: job.Stages, Root: s.Root, Dir: s.Dir, Out: t.TempDir(), Cache: t.TempDir(),
		Params: encode(t, job.Params), Progress: func(string) {}, Log: io.Discard,
	}
}

func TestJob(t *testing.T) {
	t.Parallel()
	r := service(t, with(hello(), "go.work", "go 1.24\n\nuse ./svc\n"))
	_, job := plan(t, r)
	if diff := cmp.Diff([]string{"build"}, job.Stages); diff != "" || job.Name != "build" || !cmp.Equal(job.Needs, []string{"modules"}) {
		t.Errorf("job %+v", job)
	}
	if job.NotApplicable != "" || job.Always || job.Access.RunsRepositoryCode || job.Access.Network != pipeline.NoNetwork {
		t.Errorf("job %+v", job)
	}
	if diff := cmp.Diff(sources(r.Root, r.Dir), job.Inputs.Trees); diff != "" {
		t.Errorf("trees (-want +got):\n%s", diff)
	}
	v := job.Inputs.Values
	if !strings.HasPrefix(v["go"], "go1.") || v["sluice"] != "v1 (test)" || !strings.Contains(v["build"], "CGO_ENABLED=0") || !strings.Contains(v["build"], "-trimpath") {
		t.Errorf("values %v", v)
	}
}

func TestJobWithoutGo(t *testing.T) {
	t.Parallel()
	job, err := Scanner{}.Job(scan.Service{Name: "todo", Root: "/r", Dir: "/r"})
	if err != nil || job.NotApplicable == "" {
		t.Errorf("job %+v, %v", job, err)
	}
}

func TestWorker(t *testing.T) {
	t.Parallel()
	s, job := plan(t, service(t, hello()))
	tk := task(t, s, job)
	answer, err := Scanner{}.Worker()(t.Context(), tk)
	check(t, err)
	im, err := Open(filepath.Join(tk.Out, LayoutDir))
	check(t, err)
	report := answer.Reports[0]
	want := map[string]string{"digest": im.Digest(), "size": strconv.FormatInt(im.Size(), 10), "binary": "/app/todo", "module": "example.com/todo"}
	if diff := cmp.Diff(want, report.Values); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]pipeline.Count{{What: "files", N: 4}, {What: "layers", N: 2}}, report.Examined); diff != "" {
		t.Errorf("examined (-want +got):\n%s", diff)
	}
	if len(answer.Reports) != 1 || report.Stage != "build" || len(report.Findings) != 0 || report.NotRun != "" || len(report.Tools) != 1 {
		t.Errorf("answer %+v", answer)
	}
	onlyThese(t, tk.Out, "image")
}

func TestWorkerFindsCodeThatDoesNotCompile(t *testing.T) {
	t.Parallel()
	s, job := plan(t, service(t, with(hello(), "svc/greet/greet.go", "package greet\n\nfunc Hello() int { return \"\" }\n")))
	tk := task(t, s, job)
	answer, err := Scanner{}.Worker()(t.Context(), tk)
	check(t, err)
	report := answer.Reports[0]
	wantPlace := sarif.Location{Path: "svc/greet/greet.go", Line: 3, Column: 27}
	if len(report.Findings) != 1 || report.Findings[0].Location != wantPlace || len(report.Rules) != 1 || report.Values != nil {
		t.Errorf("report %+v", report)
	}
	onlyThese(t, tk.Out)
}

func TestWorkerIsNotRun(t *testing.T) {
	t.Parallel()
	s, job := plan(t, service(t, hello()))
	tk := task(t, s, job)
	tk.Params = []byte("{")
	if _, err := (Scanner{}).Worker()(t.Context(), tk); err == nil || !strings.Contains(err.Error(), "parameters of build") {
		t.Errorf("broken parameters: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (Scanner{}).Worker()(ctx, task(t, s, job)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
