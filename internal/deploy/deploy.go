package deploy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/cloudrunlocal"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/image"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

// Names of jobs and of a report's values, which later stages read.
const (
	deployJob, rolloutJob, buildJob = "deploy", "rollout", "build"

	RevisionValue   = "revision"    // the revision's name
	URLValue        = "url"         // deploy: of the revision; rollout: of the service
	ServiceURLValue = "service_url" // of the service
	ImageValue      = "image"       // the image's digest
)

// limit is how long a deploy may take; it may wait for another one.
const limit = 5 * time.Minute

// Deploy is the job that starts a revision without traffic.
type Deploy struct {
	Root    string               // folder of the local services' states; "" is cloudrunlocal.Root
	Command []string             // starts a supervisor; nil is this program
	Limits  cloudrunlocal.Limits // of a supervisor that is started
}

// params are what the jobs are told. They say where, not what: that is the image.
type params struct {
	Service   string            `json:"service"`
	Directory string            `json:"directory"`
	State     string            `json:"state"`
	Env       map[string]string `json:"env,omitempty"`
	Secrets   map[string]string `json:"secrets,omitempty"` // names in the store, by environment variable
	Port      int               `json:"port,omitempty"`
}

// Name is that of the job.
func (Deploy) Name() string { return deployJob }

// Job plans the deploy of a service.
func (d Deploy) Job(s scan.Service) (pipeline.Job, error) {
	p, err := d.params(s)
	if err != nil {
		return pipeline.Job{}, err
	}
	return pipeline.Job{
		Name: deployJob, Stages: []string{deployJob}, Needs: []string{buildJob},
		Params: p, Always: true, Cost: time.Second, Limit: limit,
		Access: pipeline.Access{Network: pipeline.Machine, Write: []string{p.State}, RunsRepositoryCode: true, Detaches: true,
			Secrets: slices.Sorted(maps.Keys(p.Secrets))},
	}, nil
}

func (d Deploy) params(s scan.Service) (params, error) {
	if s.Target != "" && s.Target != cloudrunlocal.Target {
		return params{}, hint.With(fmt.Errorf("the target %q is not supported yet", s.Target), "use --target "+cloudrunlocal.Target)
	}
	root := d.Root
	if root == "" {
		var err error
		if root, err = cloudrunlocal.Root(os.Getenv); err != nil {
			return params{}, err
		}
	}
	return params{Service: s.Name, Directory: s.Dir, State: cloudrunlocal.StateDir(root, s.Name, s.Dir), Env: s.Options.Env, Secrets: s.Options.Secrets, Port: s.Options.Port}, nil
}

func (d Deploy) target(p params) Target {
	c := cloudrunlocal.Client{State: p.State, Command: d.Command, Limits: d.Limits}
	return Local{Client: c, Service: p.Service, Directory: p.Directory, Port: p.Port}
}

// Discard stops a revision that was deployed for a service and will get no
// traffic, because a check of it failed or the run was broken off.
func (d Deploy) Discard(ctx context.Context, s scan.Service, revision string) error {
	p, err := d.params(s)
	if err != nil {
		return err
	}
	return d.target(p).Discard(ctx, revision)
}

// Worker deploys.
func (d Deploy) Worker() pipeline.Worker {
	return func(ctx context.Context, t pipeline.Task) (pipeline.Answer, error) {
		var p params
		if err := json.Unmarshal(t.Params, &p); err != nil {
			return pipeline.Answer{}, fmt.Errorf("reading what to deploy: %w", err)
		}
		img, err := image.Built(t.Needs[buildJob])
		if err != nil {
			return pipeline.Answer{}, err
		}
		if err := p.given(t.Secrets); err != nil {
			return pipeline.Answer{}, err
		}
		rev, err := d.target(p).Deploy(ctx, Release{Image: img, Env: p.Env, Secrets: t.Secrets, Progress: t.Progress})
		r, err := report(deployJob, p.Service, command(img.Config()), rev, err)
		if err != nil {
			return pipeline.Answer{}, fmt.Errorf("deploying %s: %w", p.Service, err)
		}
		return pipeline.Answer{Reports: []pipeline.Report{r}}, nil
	}
}

// given tells whether every declared secret has a value. A service that starts
// without one might do so in a way that is not secure.
func (p params) given(values map[string]string) error {
	for _, variable := range slices.Sorted(maps.Keys(p.Secrets)) {
		if values[variable] == "" {
			return hint.With(fmt.Errorf("the secret %s of %s has no value", variable, p.Service), fmt.Sprintf(
				"set %s in the environment of sluice run, or write the value to sluice/secrets/%s/%s in your configuration folder ($XDG_CONFIG_HOME, or ~/.config), with mode 0600", variable, p.Service, p.Secrets[variable]))
		}
	}
	return nil
}

// command is the file that an image runs, as a place.
func command(c image.Config) string {
	for _, args := range [][]string{c.Entrypoint, c.Cmd} {
		if len(args) > 0 {
			return "image:" + path.Join("/", args[0])
		}
	}
	return "image:/"
}

// report is what came of a revision. That it does not work is a finding.
func report(stage, service, place string, rev Revision, err error) (pipeline.Report, error) {
	r := pipeline.Report{Stage: stage, Examined: []pipeline.Count{{What: "revisions", N: 1}}}
	var bad *Unhealthy
	switch {
	case errors.As(err, &bad):
		r.Findings = []sarif.Finding{unhealthy(stage, service, place, bad)}
		r.Rules = []sarif.Rule{unhealthyRule()}
		return r, nil
	case err != nil:
		return r, err
	}
	r.Values = map[string]string{RevisionValue: rev.Name, URLValue: rev.URL, ServiceURLValue: rev.ServiceURL, ImageValue: rev.Image}
	if rev.Reused {
		r.Notes = []string{rev.Name + " is already serving this image"}
	}
	return r, nil
}

func unhealthyRule() sarif.Rule {
	return sarif.Rule{
		ID: "unhealthy", Tool: "sluice", Name: "Revision that does not become healthy",
		Why: "A revision gets no traffic before it has answered a health check. What served before still serves.",
		Fix: "See what the process printed. It must listen on the address in HOST and the port in PORT, and answer GET /health (or GET /) with a status below 500.",
	}
}

func unhealthy(stage, service, place string, bad *Unhealthy) sarif.Finding {
	message := bad.Error()
	if log := strings.TrimSpace(bad.Log); log != "" {
		message += "; its log ends with:\n" + log
	}
	return sarif.Finding{
		Rule: "unhealthy", Tool: "sluice", Stage: stage, Message: message, Severity: sarif.High,
		Location: sarif.Location{Path: place}, Identity: "unhealthy " + service,
	}
}
