package scantest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
)

// limit is how long one run of a worker may take. It is there for what hangs.
const limit = 2 * time.Minute

// suite is an adapter being tried.
type suite struct {
	Adapter
	args    []string // of the test program, to be a worker's process
	service Service
}

func newSuite(t *testing.T, a Adapter, args ...string) *suite {
	t.Helper()
	return &suite{Adapter: a, args: args, service: a.Make(t)}
}

// bench is one run of a worker.
type bench struct {
	job    pipeline.Job
	task   pipeline.Task
	launch pipeline.Processes
	usage  string // the file in which the process says how much memory it took
}

// bench plans a run on a service, for which the worker has kept what is in
// cache. The folders before come first in its PATH.
func (s *suite) bench(t *testing.T, service Service, cache string, before ...string) (*bench, error) {
	job, err := s.Scanner.Job(service.Service)
	if err != nil {
		return nil, fmt.Errorf("planning: %w", err)
	}
	if want := s.NoCheck == ""; job.Check != want {
		return nil, fmt.Errorf("the job's Check is %t, want %t", job.Check, want)
	}
	params, err := json.Marshal(job.Params)
	if err != nil {
		return nil, err
	}
	dir := t.TempDir()
	b := &bench{job: job, usage: filepath.Join(dir, "usage")}
	b.task = pipeline.Task{
		Job: job.Name, Stages: job.Stages, Root: service.Root, Dir: service.Dir, Out: filepath.Join(dir, "out"), Cache: cache,
		Params: params, Needs: service.Needs, Access: job.Access, Trees: job.Inputs.Trees, Lock: filepath.Join(dir, "lock"),
	}
	if err := os.WriteFile(b.task.Lock, nil, 0o600); err != nil {
		return nil, err
	}
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	// Not confined: the tools that fail are not where tools are.
	b.launch = pipeline.Processes{Exe: exe, Args: s.args, Logs: dir, Env: func(pipeline.Access) []string { return environment(b.usage, before) }}
	return b, os.Mkdir(b.task.Out, 0o700)
}

// environment is that of a worker's process: this one's, with folders before
// the others in PATH.
func environment(usage string, before []string) []string {
	path := ""
	for _, dir := range before {
		path += dir + string(filepath.ListSeparator)
	}
	return append(os.Environ(), childVariable+"="+usage, "PATH="+path+os.Getenv("PATH"))
}

// run runs the worker to its end, or to that of ctx.
func (b *bench) run(ctx context.Context) verdict {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if b.job.NotApplicable != "" {
		return decide(b.job, notApplicable(b.job), nil)
	}
	answer, err := b.launch.Launch(ctx, b.task, func(string) {})
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	v := decide(b.job, answer, err)
	if text, err := os.ReadFile(b.usage); err == nil {
		v.memory, _ = strconv.ParseUint(string(text), 10, 64) // 0 is unknown
	}
	return v
}

// notApplicable is what the pipeline makes of a job with nothing to do.
func notApplicable(job pipeline.Job) (a pipeline.Answer) {
	for _, stage := range job.Stages {
		a.Reports = append(a.Reports, pipeline.Report{Stage: stage, NotApplicable: job.NotApplicable})
	}
	return a
}

// child is a worker's process. It tells how much memory the worker took.
func child(scanners ...scan.Scanner) int {
	workers := map[string]pipeline.Worker{}
	for _, s := range scanners {
		workers[s.Name()] = func(ctx context.Context, t pipeline.Task) (pipeline.Answer, error) {
			defer tellUsage(os.Getenv(childVariable))
			return s.Worker()(ctx, t)
		}
	}
	return pipeline.Child(context.Background(), workers)
}

// tellUsage writes how much memory this process has had of the system.
func tellUsage(file string) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	_ = os.WriteFile(file, strconv.AppendUint(nil, m.Sys, 10), 0o600) // without it the usage is unknown
}
