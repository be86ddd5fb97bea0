package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

// stage is the name of the job and of its only stage.
const stage = "build"

// LayoutDir is where, in the job's outputs, the image's OCI layout is.
const LayoutDir = "image"

// digestValue is the name of the report's value that the image is known by.
const digestValue = "digest"

// Scanner plans and does the stage "build". The report's values are "digest",
// "size" (bytes), "binary" (its path in the image) and "module".
type Scanner struct{}

// params are what the worker needs of the service.
type params struct {
	Name  string `json:"name"`
	Main  string `json:"main"`
	Arch  string `json:"arch"`
	Cache string `json:"cache"` // Sluice's, for the compiler's

	Socket string `json:"socket,omitempty"` // the Docker engine's, for a Dockerfile; "" is Go
}

// Name implements scan.Scanner.
func (Scanner) Name() string { return stage }

// Job implements scan.Scanner.
func (Scanner) Job(s scan.Service) (pipeline.Job, error) {
	job := pipeline.Job{Name: stage, Stages: []string{stage}, Needs: []string{"modules"}, Cost: 20 * time.Second}
	if s.GoModule == "" {
		return dockerfileJob(s, job)
	}
	tool, err := gotool.Find()
	if err != nil {
		return job, err
	}
	job.Params = params{Name: s.Name, Main: s.Main, Arch: runtime.GOARCH, Cache: s.CacheDir}
	job.Inputs = pipeline.Inputs{Trees: sources(s.Root, s.Dir), Values: tool.Facts()}
	job.Inputs.Values["build"] = strings.Join(append(buildSettings(runtime.GOARCH), buildFlags...), " ")
	job.Inputs.Values["sluice"] = s.Version
	job.Access = pipeline.Access{Network: pipeline.NoNetwork, Read: tool.Reads(), Write: []string{filepath.Join(s.CacheDir, string(gotool.CheckZone))}}
	return job, nil
}

// dockerfileJob plans a build by a Dockerfile. It is done each time: what comes of
// it depends on more than the source, and the engine keeps what it can.
func dockerfileJob(s scan.Service, job pipeline.Job) (_ pipeline.Job, err error) {
	if !HasDockerfile(s.Dir) {
		job.NotApplicable = "there is neither a Go module nor a " + DockerfileName + " to build"
		return job, nil
	}
	p := params{Name: s.Name}
	if p.Socket, err = socketOf(os.Getenv("DOCKER_HOST")); err != nil {
		return job, err
	}
	job.Needs, job.Always, job.Limit, job.Cost = nil, true, time.Hour, time.Minute
	job.Params = p
	job.Inputs.Trees = []string{s.Dir}
	job.Access = pipeline.Access{Network: pipeline.Loopback, Read: []string{p.Socket}, RunsRepositoryCode: true}
	return job, nil
}

// Built opens the image that the job left, and no other: its digest must be the
// one that the job reported.
func Built(build pipeline.Need) (*Image, error) {
	im, err := Open(filepath.Join(build.Out, LayoutDir))
	if err != nil {
		return nil, err
	}
	if made := build.Reports[stage].Values[digestValue]; made != im.Digest() {
		return nil, hint.With(fmt.Errorf("the image is %s, and stage %s made %.80q", im.Digest(), stage, made), "run again with --no-cache, which builds it anew")
	}
	return im, nil
}

// Worker implements scan.Scanner.
func (Scanner) Worker() pipeline.Worker { return work }

func work(ctx context.Context, t pipeline.Task) (pipeline.Answer, error) {
	var p params
	if err := json.Unmarshal(t.Params, &p); err != nil {
		return pipeline.Answer{}, fmt.Errorf("reading the parameters of %s: %w", t.Job, err)
	}
	report := pipeline.Report{Stage: stage}
	res, err := p.build(ctx, t)
	var broken *CompileError
	var step *BuildError
	switch {
	case errors.As(err, &step):
		report.Findings, report.Rules = []sarif.Finding{step.Finding}, []sarif.Rule{dockerfileRule}
		report.Tools = []pipeline.Tool{{Name: dockerfileRule.Tool}}
	case errors.As(err, &broken):
		report.Findings, report.Rules = broken.Findings, []sarif.Rule{compileRule}
		report.Tools = []pipeline.Tool{{Name: "go", Version: broken.Go}}
	case err != nil:
		return pipeline.Answer{}, err
	default:
		describe(&report, res)
	}
	return pipeline.Answer{Reports: []pipeline.Report{report}}, nil
}

func (p params) build(ctx context.Context, t pipeline.Task) (Result, error) {
	out := filepath.Join(t.Out, LayoutDir)
	if p.Socket == "" {
		return Build(ctx, Recipe{
			Name: p.Name, Root: t.Root, Dir: t.Dir, Main: p.Main, Arch: p.Arch, Cache: p.Cache,
			Out: out, Progress: t.Progress, Log: t.Log,
		})
	}
	temp, err := os.MkdirTemp(t.Scratch, "sluice-image-") // the image may be more than memory takes
	if err != nil {
		return Result{}, err
	}
	res, err := Dockerfile{
		Dir: t.Dir, File: DockerfileName, Root: t.Root, Socket: p.Socket, Out: out, Temp: temp, Fresh: t.Fresh, Progress: t.Progress, Log: t.Log,
	}.Build(ctx)
	return res, errors.Join(err, os.RemoveAll(temp))
}

func describe(r *pipeline.Report, res Result) {
	r.Tools = []pipeline.Tool{{Name: "go", Version: res.Go}}
	if res.Engine != "" {
		r.Tools = []pipeline.Tool{{Name: "docker", Version: res.Engine}}
		r.Notes = []string{"a Docker engine built the image, by instructions that reach the network: building it again may give another one"}
	}
	r.Examined = []pipeline.Count{{What: "files", N: res.Files}, {What: "layers", N: res.Layers}}
	r.Values = map[string]string{
		digestValue: res.Digest, "size": strconv.FormatInt(res.Size, 10),
		"binary": res.Binary, "module": res.Module,
	}
}

// Rules implements scan.Catalogue.
func (Scanner) Rules() map[string][]sarif.Rule {
	return map[string][]sarif.Rule{stage: {compileRule, dockerfileRule}}
}
