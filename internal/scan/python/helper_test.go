package python

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
	"github.com/sluice-ci/sluice/internal/tool"
)

// service is a Python service of these files, with requirements.txt.
func service(t *testing.T, files map[string]string) scan.Service {
	t.Helper()
	dir := t.TempDir()
	put(t, dir, map[string]string{"requirements.txt": ""})
	put(t, dir, files)
	return scan.Service{Root: dir, Dir: dir, Python: true, Version: "v0", CacheDir: t.TempDir(), Tools: tool.Box{Dir: t.TempDir(), Path: machinePath}}
}

// machinePath is where Debian has the tools.
const machinePath = "/usr/bin:/bin"

func put(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// need skips a test where a program is missing; with CI=true that is a failure.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, name := range programs {
		if _, err := exec.LookPath(filepath.Join("/usr/bin", name)); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
}

// run does a job in this process, and gives its reports by stage, and its log.
func run(t *testing.T, s scan.Scanner, service scan.Service) (map[string]pipeline.Report, string) {
	t.Helper()
	a, log, err := try(t, s, service)
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	reports := map[string]pipeline.Report{}
	for _, r := range a.Reports {
		reports[r.Stage] = r
	}
	return reports, log
}

func try(t *testing.T, s scan.Scanner, service scan.Service) (pipeline.Answer, string, error) {
	t.Helper()
	job, err := s.Job(service)
	if err != nil {
		t.Fatal(err)
	}
	params, err := json.Marshal(job.Params)
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var log sharedLog
	a, err := s.Worker()(t.Context(), pipeline.Task{
		Job: job.Name, Stages: job.Stages, Root: service.Root, Dir: service.Dir, Out: t.TempDir(), Cache: t.TempDir(), Keep: t.TempDir(), Scratch: t.TempDir(),
		Params: params, Access: job.Access, Trees: job.Inputs.Trees, Program: program, Progress: func(string) {}, Log: &log,
	})
	return a, log.String(), err
}

// sharedLog is written to by tools that run at the same time.
type sharedLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *sharedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *sharedLog) String() string { return l.text.String() }

// found are the findings as "rule path:line".
func found(r pipeline.Report) string {
	var all []string
	for _, f := range r.Findings {
		all = append(all, f.Rule+" "+f.Location.Path+":"+itoa(f.Location.Line))
	}
	return strings.Join(all, ", ")
}

func outcome(r pipeline.Report) pipeline.Outcome {
	return pipeline.Decide(r, pipeline.Verdict{Blocking: r.Findings}, true).Outcome
}
