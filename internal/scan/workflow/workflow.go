// Package workflow answers the stage "workflow": can what GitHub runs for this
// repository be taken over, or say that a check passed which did not? actionlint
// parses the workflows and tells what is wrong with their syntax; the rules
// about how they may be abused are this package's.
//
// Nothing in the repository configures it: .github/actionlint.yaml is not read,
// and no comment switches a rule off.
package workflow

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
)

// Stage is the name of the job and of the one stage that it answers.
const Stage = "workflow"

// The tools that findings name.
const (
	tool           = "sluice"
	linter         = "actionlint"
	actionlintIs   = "v1.7.12"
	settingsFile   = ".github/actionlint.yaml"
	settingsFileML = ".github/actionlint.yml"
)

// Scanner looks at the workflows of the repository that a service is in.
type Scanner struct{}

var _ scan.Scanner = Scanner{}

// params are what the worker is told.
type params struct {
	// Top is the top of the work tree from the service's root: "..".
	Top     string `json:"top"`
	Version string `json:"version"` // of Sluice
}

// Name is that of the job.
func (Scanner) Name() string { return Stage }

// Job plans to look at the whole repository's workflows, not the service's
// alone: GitHub reads them at its top, and runs them with one set of secrets.
func (Scanner) Job(s scan.Service) (pipeline.Job, error) {
	top := cmp.Or(s.GitTop, s.Root)
	job := pipeline.Job{Name: Stage, Stages: []string{Stage}, Check: true, Cost: 300 * time.Millisecond, Limit: 5 * time.Minute,
		Access: pipeline.Access{Network: pipeline.NoNetwork}}
	rel, err := filepath.Rel(s.Root, top)
	if err != nil {
		return job, fmt.Errorf("planning the check of workflows: %w", err)
	}
	job.Params = params{Top: filepath.ToSlash(rel), Version: s.Version}
	// A workflow may name an action in any folder of the repository.
	job.Inputs = pipeline.Inputs{Trees: []string{top}, Values: map[string]string{"sluice": s.Version, linter: actionlintIs}}
	root, err := os.OpenRoot(top)
	if err != nil {
		return job, fmt.Errorf("planning the check of workflows: %w", err)
	}
	defer root.Close()
	// What cannot be listed is left to the worker to say.
	if names, err := list(root); err == nil && len(names) == 0 {
		job.NotApplicable = "the repository has no GitHub workflow (.github/workflows) and no action below .github"
	}
	return job, nil
}

// Worker looks at them.
func (Scanner) Worker() pipeline.Worker { return work }

func work(ctx context.Context, t pipeline.Task) (pipeline.Answer, error) {
	var p params
	if err := json.Unmarshal(t.Params, &p); err != nil {
		return pipeline.Answer{}, fmt.Errorf("reading the job's parameters: %w", err)
	}
	test, err := scan.Proofs{Dir: t.Cache}.Once(map[string]string{"sluice": p.Version, linter: actionlintIs}, func() (pipeline.SelfTest, error) { return selfTest(ctx) })
	if err != nil {
		return pipeline.Answer{}, fmt.Errorf("the self-test: %w", err)
	}
	root, err := os.OpenRoot(filepath.Join(t.Root, filepath.FromSlash(p.Top)))
	if err != nil {
		return pipeline.Answer{}, hint.With(fmt.Errorf("opening the repository: %w", err), "make the folder readable")
	}
	defer root.Close()
	seen, err := look(ctx, root)
	if err != nil {
		return pipeline.Answer{}, err
	}
	report := seen.report(p.Top)
	report.SelfTest = &test
	return pipeline.Answer{Reports: []pipeline.Report{report}}, nil
}
