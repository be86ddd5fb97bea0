// Package gotest runs a Go service's tests: with the race detector, with
// coverage, and with the suspicion that a test that was not seen to run did not
// run.
package gotest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"time"

	"github.com/sluice-ci/sluice/internal/gomod"
	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
	"github.com/sluice-ci/sluice/internal/testdb"
)

// stage is the question that the job answers: does it work?
const stage = "test"

// noTests is why the question does not arise for a service.
const noTests = "the service has no tests"

// defaultLimit is go test's -timeout for one package's tests.
const defaultLimit = 5 * time.Minute

// Scanner plans and runs the tests.
//
// Outputs are junit.xml and coverage.out, a profile as go test writes it. The
// report's Values are "tests", "passed", "failed" and "skipped" (subtests
// included), and "coverage", a percentage of statements.
type Scanner struct{}

// params is what the worker is told.
type params struct {
	Version  string // of Sluice
	CacheDir string
	Limit    time.Duration // of one package's tests
	Coverage int           // least percentage of statements; 0 is no limit
	Services []string      // that the tests ask for
}

// all is how long everything together may take, with ten minutes for
// compiling. The runner's own limit is above it, so that the worker can say
// which tests were running.
func (p params) all() time.Duration { return 2*p.Limit + 10*time.Minute }

// Name is that of the job.
func (Scanner) Name() string { return "test" }

// Job plans the job. What keeps the tests from being compiled is left to the
// worker to find.
func (Scanner) Job(s scan.Service) (pipeline.Job, error) {
	job := pipeline.Job{Name: "test", Stages: []string{stage}, Needs: []string{"modules"}, Check: true, Cost: time.Minute}
	if s.GoModule == "" {
		job.NotApplicable = "there is no go.mod"
		return job, nil
	}
	w, _ := gomod.Find(s.Dir)
	if s.Options.Coverage == 0 && !mayHaveTests(s.Dir, w) {
		job.NotApplicable = noTests
		return job, nil
	}
	p := params{Version: s.Version, CacheDir: s.CacheDir, Limit: defaultLimit, Coverage: s.Options.Coverage, Services: s.Options.Services}
	if s.Options.TestLimit != "" {
		var err error
		if p.Limit, err = time.ParseDuration(s.Options.TestLimit); err != nil || p.Limit <= 0 {
			return job, hint.With(fmt.Errorf("the time limit of tests, %q, is no duration", s.Options.TestLimit), `write it as "90s" or "5m"`)
		}
	}
	tc, err := gotool.Find()
	if err != nil {
		return job, err
	}
	job.Params, job.Limit = p, p.all()+time.Minute
	job.Inputs = pipeline.Inputs{Trees: w.Trees(), Values: tc.Facts()}
	maps.Copy(job.Inputs.Values, map[string]string{"sluice": s.Version, "race": findRace().why})
	maps.Copy(job.Inputs.Values, testdb.Facts(p.Services))
	job.Access = pipeline.Access{
		Network: pipeline.Loopback, RunsRepositoryCode: true, Read: tc.Reads(),
		Write: []string{filepath.Join(s.CacheDir, string(gotool.TestZone))},
	}
	job.Cost = time.Minute
	return job, nil
}

// Worker does the job.
func (Scanner) Worker() pipeline.Worker { return work }

func work(ctx context.Context, t pipeline.Task) (pipeline.Answer, error) {
	r := runner{Task: t, race: findRace(), proofs: scan.Proofs{Dir: t.Cache}}
	if err := json.Unmarshal(t.Params, &r.params); err != nil {
		return pipeline.Answer{}, fmt.Errorf("reading the job's parameters: %w", err)
	}
	r.limits = r.params.limits()
	var err error
	if r.tc, err = gotool.Find(); err != nil {
		return pipeline.Answer{}, err
	}
	report, err := r.run(ctx)
	return pipeline.Answer{Reports: []pipeline.Report{report}}, err
}
