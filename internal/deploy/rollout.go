package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
)

// Rollout is the job that gives the traffic to the revision of a Deploy with
// the same fields.
type Rollout Deploy

// Name is that of the job.
func (Rollout) Name() string { return rolloutJob }

// Job plans the rollout of a service.
func (o Rollout) Job(s scan.Service) (pipeline.Job, error) {
	p, err := Deploy(o).params(s)
	if err != nil {
		return pipeline.Job{}, err
	}
	return pipeline.Job{
		Name: rolloutJob, Stages: []string{rolloutJob}, Needs: []string{deployJob, "dast"},
		Params: p, Always: true, Cost: 200 * time.Millisecond, Limit: time.Minute,
		Access: pipeline.Access{Network: pipeline.Machine, Write: []string{p.State}, Detaches: true},
	}, nil
}

// Worker moves the traffic.
func (o Rollout) Worker() pipeline.Worker {
	return func(ctx context.Context, t pipeline.Task) (pipeline.Answer, error) {
		var p params
		if err := json.Unmarshal(t.Params, &p); err != nil {
			return pipeline.Answer{}, fmt.Errorf("reading what to roll out: %w", err)
		}
		values := t.Needs[deployJob].Reports[deployJob].Values
		if values[RevisionValue] == "" {
			return pipeline.Answer{}, errors.New("rolling out: the deploy named no revision")
		}
		t.Progress("moving the traffic to " + values[RevisionValue])
		rev, err := Deploy(o).target(p).Promote(ctx, values[RevisionValue])
		rev.URL = rev.ServiceURL
		r, err := report(rolloutJob, p.Service, "image:/", rev, err)
		if err != nil {
			return pipeline.Answer{}, fmt.Errorf("rolling out %s: %w", values[RevisionValue], err)
		}
		return pipeline.Answer{Reports: []pipeline.Report{r}}, nil
	}
}
