package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/dast"
	"github.com/sluice-ci/sluice/internal/deploy"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/image"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
	"github.com/sluice-ci/sluice/internal/scan/gocode"
	"github.com/sluice-ci/sluice/internal/scan/gotest"
	"github.com/sluice-ci/sluice/internal/scan/govuln"
	"github.com/sluice-ci/sluice/internal/scan/guard"
	"github.com/sluice-ci/sluice/internal/scan/licenses"
	"github.com/sluice-ci/sluice/internal/scan/modules"
	"github.com/sluice-ci/sluice/internal/scan/python"
	"github.com/sluice-ci/sluice/internal/scan/secrets"
	"github.com/sluice-ci/sluice/internal/scan/trivy"
	"github.com/sluice-ci/sluice/internal/scan/workflow"
	"github.com/sluice-ci/sluice/internal/vulndb"
)

// scanners are all parts of the pipeline, in the order in which their stages
// are shown. This list is what there is to change for a new one.
func scanners() []scan.Scanner {
	return []scan.Scanner{
		modules.Scanner{},
		vulndb.Scanner{},
		gocode.Scanner{},
		python.Scanner{},
		gotest.Scanner{},
		python.Tests{},
		secrets.Scanner{},
		trivy.IaC{},
		trivy.Validate{},
		trivy.Database{},
		workflow.Scanner{},
		govuln.Deps{},
		trivy.Deps{},
		licenses.Scanner{},
		image.Scanner{},
		govuln.Image{},
		trivy.Image{},
		guard.Scanner{},
		deploy.Deploy{},
		dast.Scanner{},
		deploy.Rollout{},
	}
}

// jobs plans everything there is to do for a service. What deploys waits for
// every check.
func jobs(s scan.Service) ([]pipeline.Job, error) {
	var all []pipeline.Job
	var checks []string
	for _, sc := range scanners() {
		j, err := sc.Job(s)
		if err != nil {
			return nil, err
		}
		switch j.Name {
		case policyJob:
			j.Reads = slices.Clone(checks)
		case deployJob:
			j.Gates = slices.Clone(checks)
		}
		checks = append(checks, j.Name)
		all = append(all, j)
	}
	return all, nil
}

// Jobs that the command line itself must know.
const (
	deployJob  = "deploy"
	rolloutJob = "rollout"
	buildJob   = "build"
	testJob    = "test"
	policyJob  = guard.Stage
)

// workers are what a child process can do, by job.
func workers() map[string]pipeline.Worker {
	all := map[string]pipeline.Worker{}
	for _, sc := range scanners() {
		all[sc.Name()] = sc.Worker()
	}
	return all
}

// choose narrows the jobs to the stages up to one, or to some only, without others.
func choose(all []pipeline.Job, s selection) ([]pipeline.Job, error) {
	var stages []string
	for _, j := range all {
		for _, stage := range j.Stages {
			if !slices.Contains(stages, stage) {
				stages = append(stages, stage)
			}
		}
	}
	for _, stage := range slices.Concat(s.only, s.without, []string{s.until}) {
		if stage != "" && !slices.Contains(stages, stage) {
			return nil, usage(hint.With(fmt.Errorf("there is no stage %q", stage), "the stages are "+strings.Join(stages, ", ")))
		}
	}
	wanted := stages
	switch {
	case len(s.only) > 0 && s.until != "":
		return nil, usage(hint.With(fmt.Errorf("--only and --until were both given"), "choose one of them"))
	case len(s.only) > 0:
		wanted = s.only
	case s.until != "":
		wanted = stages[:slices.Index(stages, s.until)+1]
	case len(s.without) == 0:
		return all, nil
	}
	return pipeline.Select(all, slices.DeleteFunc(slices.Clone(wanted), func(stage string) bool { return slices.Contains(s.without, stage) }))
}
