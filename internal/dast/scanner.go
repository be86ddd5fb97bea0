package dast

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
)

// deployJob is the job, and its stage, whose report has the "url" that is checked.
const deployJob = "deploy"

// limit is how long the whole check may take.
const limit = 5 * time.Minute

// Scanner plans and does the stage "dast" for the revision that was deployed.
type Scanner struct{}

// params are what the worker is told.
type params struct {
	Version string `json:"version"`
}

// Name implements scan.Scanner.
func (Scanner) Name() string { return stage }

// Job implements scan.Scanner.
func (Scanner) Job(s scan.Service) (pipeline.Job, error) {
	return pipeline.Job{
		Name: stage, Stages: []string{stage}, Needs: []string{deployJob},
		Check: true, Params: params{Version: s.Version}, Always: true, Cost: time.Second, Limit: limit,
		Access: pipeline.Access{Network: pipeline.Machine},
	}, nil
}

// Worker implements scan.Scanner.
func (Scanner) Worker() pipeline.Worker { return work }

func work(ctx context.Context, t pipeline.Task) (pipeline.Answer, error) {
	var p params
	if err := json.Unmarshal(t.Params, &p); err != nil {
		return pipeline.Answer{}, fmt.Errorf("reading the parameters of %s: %w", t.Job, err)
	}
	address := t.Needs[deployJob].Reports[deployJob].Values["url"]
	if address == "" {
		return pipeline.Answer{}, hint.With(errors.New("the deploy names no address to check"), "see the log of the deploy")
	}
	base, err := url.Parse(address)
	if err != nil {
		return pipeline.Answer{}, fmt.Errorf("reading the address of the deploy: %w", err)
	}
	report, err := Check(ctx, base, Options{Version: p.Version, Cache: t.Cache, Progress: t.Progress, Log: t.Log})
	return pipeline.Answer{Reports: []pipeline.Report{report}, Volatile: true}, err
}
