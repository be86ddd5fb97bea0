// Package modules fetches the modules that a Go service is built and tested
// from. It is the only step that may reach a module proxy: the steps after it
// find everything in the module cache.
package modules

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sluice-ci/sluice/internal/gomod"
	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
)

// stage is the question that the job answers: are all modules there?
const stage = "modules"

// Scanner plans and does the fetching.
//
// The report's Values are "modcache", the module cache, and "needed", the
// modules that packages and tests import, one "path@version" a line.
type Scanner struct{}

// params is what the worker is told.
type params struct {
	CacheDir string
}

// Name is that of the job.
func (Scanner) Name() string { return "modules" }

// Job plans the job. A go.mod that cannot be read is left to the worker to
// explain.
func (Scanner) Job(s scan.Service) (pipeline.Job, error) {
	job := pipeline.Job{Name: "modules", Stages: []string{stage}, Params: params{s.CacheDir}}
	if s.GoModule == "" {
		job.NotApplicable = "there is no go.mod"
		return job, nil
	}
	tc, err := gotool.Find()
	if err != nil {
		return job, err
	}
	w, _ := gomod.Find(s.Dir)
	job.Inputs = pipeline.Inputs{Trees: w.Trees(), Values: tc.Facts()}
	maps.Copy(job.Inputs.Values, map[string]string{"sluice": s.Version, "modcache": tc.ModCache})
	job.Access = pipeline.Access{Network: pipeline.Outside, Read: append(tc.Reads(), accounts()...), Write: []string{tc.ModCache, buildCache(s.CacheDir)}}
	job.Valid = valid
	return job, nil
}

// buildCache is where the go command keeps its index of packages.
func buildCache(cache string) string { return filepath.Join(cache, string(gotool.CheckZone)) }

// Worker does the job.
func (Scanner) Worker() pipeline.Worker { return work }

func work(ctx context.Context, t pipeline.Task) (pipeline.Answer, error) {
	var p params
	if err := json.Unmarshal(t.Params, &p); err != nil {
		return pipeline.Answer{}, fmt.Errorf("reading the job's parameters: %w", err)
	}
	tc, err := gotool.Find()
	if err != nil {
		return pipeline.Answer{}, err
	}
	f := fetcher{Task: t, tc: tc, cache: p.CacheDir, environ: environ()}
	report, err := f.fetch(ctx)
	return pipeline.Answer{Reports: []pipeline.Report{report}}, err
}

// valid tells whether the modules that an answer names are still there.
func valid(a pipeline.Answer) bool {
	if len(a.Reports) != 1 {
		return false
	}
	values := a.Reports[0].Values
	return values["modcache"] != "" && len(absent(values["modcache"], strings.Fields(values["needed"]))) == 0
}

// report is the same whether something had to be fetched or not, so that the
// jobs that read it need not be done again.
func (f *fetcher) report(needed []string, files int) pipeline.Report {
	return pipeline.Report{
		Stage:    stage,
		Tools:    []pipeline.Tool{{Name: "go", Version: strings.TrimPrefix(f.tc.Version, "go")}},
		Examined: []pipeline.Count{{What: "source files", N: files}, {What: "modules", N: len(needed)}},
		Values: map[string]string{
			"modcache": f.tc.ModCache,
			"needed":   strings.Join(needed, "\n"),
			"modules":  strconv.Itoa(len(needed)),
		},
	}
}
