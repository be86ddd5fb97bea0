package gocode

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
)

// BenchmarkRepository analyses the repository that GOCODE_BENCH_DIR names, with
// the cache folder GOCODE_BENCH_CACHE, and writes the reports to GOCODE_BENCH_OUT.
// bench/gocode.sh runs it.
func BenchmarkRepository(b *testing.B) {
	dir, cache := os.Getenv("GOCODE_BENCH_DIR"), os.Getenv("GOCODE_BENCH_CACHE")
	if dir == "" || cache == "" {
		b.Skip("GOCODE_BENCH_DIR and GOCODE_BENCH_CACHE are not set")
	}
	service := scan.Service{Root: dir, Dir: dir, GoModule: "bench", Version: "bench", CacheDir: cache}
	job, err := Scanner{}.Job(service)
	if err != nil {
		b.Fatal(err)
	}
	params, err := json.Marshal(job.Params)
	if err != nil {
		b.Fatal(err)
	}
	task := pipeline.Task{
		Job: job.Name, Stages: job.Stages, Root: dir, Dir: dir, Out: b.TempDir(), Cache: filepath.Join(cache, "gocode"),
		Params: params, Progress: func(string) {}, Log: os.Stderr,
	}
	if err := os.MkdirAll(task.Cache, 0o750); err != nil {
		b.Fatal(err)
	}
	var answer pipeline.Answer
	for b.Loop() {
		if answer, err = (Scanner{}).Worker()(b.Context(), task); err != nil {
			b.Fatal(err)
		}
	}
	if out := os.Getenv("GOCODE_BENCH_OUT"); out != "" {
		text, err := json.Marshal(answer)
		if err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(out, text, 0o600); err != nil { // #nosec G703 -- who runs the benchmark names the file
			b.Fatal(err)
		}
	}
}
