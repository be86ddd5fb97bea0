package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
}

// Name implements scan.Scanner.
func (Scanner) Name() string { return stage }

// Job implements scan.Scanner.
func (Scanner) Job(s scan.Service) (pipeline.Job, error) {
	job := pipeline.Job{Name: stage, Stages: []string{stage}, Needs: []string{"modules"}, Cost: 20 * time.Second}
	if s.GoModule == "" {
		job.NotApplicable = "there is no Go module to build"
		return job, nil
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
	res, err := Build(ctx, Recipe{
		Name: p.Name, Root: t.Root, Dir: t.Dir, Main: p.Main, Arch: p.Arch, Cache: p.Cache,
		Out: filepath.Join(t.Out, LayoutDir), Progress: t.Progress, Log: t.Log,
	})
	report := pipeline.Report{Stage: stage}
	var broken *CompileError
	switch {
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

func describe(r *pipeline.Report, res Result) {
	r.Tools = []pipeline.Tool{{Name: "go", Version: res.Go}}
	r.Examined = []pipeline.Count{{What: "files", N: res.Files}, {What: "layers", N: res.Layers}}
	r.Values = map[string]string{
		digestValue: res.Digest, "size": strconv.FormatInt(res.Size, 10),
		"binary": res.Binary, "module": res.Module,
	}
}
