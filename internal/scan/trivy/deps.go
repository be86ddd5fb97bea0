package trivy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/pydist"
	"github.com/sluice-ci/sluice/internal/scan"
)

// DepsName is the name of the job that looks at Python's packages.
const DepsName = "trivy-deps"

const depsStage = "deps"

// Deps plans and does the part of the stage "deps" that is about the packages
// that a Python service requires.
type Deps struct{ probe probe }

var _ scan.Scanner = Deps{}

// depsParams is what the planner hands to the worker.
type depsParams struct {
	params
	Dir  string    `json:"dir"` // the service's, relative to its root, with slashes
	Tree *workTree `json:"tree,omitempty"`
}

// Name implements scan.Scanner.
func (Deps) Name() string { return DepsName }

// Job implements scan.Scanner.
func (Deps) Job(s scan.Service) (pipeline.Job, error) {
	job := pipeline.Job{
		Name: DepsName, Stages: []string{depsStage}, Needs: []string{DatabaseName}, Check: true,
		Access: pipeline.Access{Network: pipeline.NoNetwork, Read: []string{s.JobCache(DatabaseName)}},
		Cost:   2 * time.Second,
	}
	if isFolder(s.Options.TrivyDB) {
		job.Access.Read = append(job.Access.Read, s.Options.TrivyDB)
	}
	if !s.Python {
		job.NotApplicable = "there is no Python project"
		return job, nil
	}
	p := depsParams{params: newParams(s, &job)}
	rel, err := filepath.Rel(s.Root, s.Dir)
	if err != nil {
		return job, err
	}
	p.Dir = filepath.ToSlash(rel)
	job.Inputs.Trees = []string{s.Dir}
	if p.Tree = repository(s, &job); p.Tree != nil {
		p.missing(p.Tree.Top, p.Tree.Below)
	}
	job.Params = p
	return job, nil
}

// Worker implements scan.Scanner.
func (s Deps) Worker() pipeline.Worker { return s.work }

func (s Deps) work(ctx context.Context, t pipeline.Task) (_ pipeline.Answer, err error) {
	var p depsParams
	if err := json.Unmarshal(t.Params, &p); err != nil {
		return pipeline.Answer{}, fmt.Errorf("reading the parameters of job %s: %w", t.Job, err)
	}
	t.Progress("reading requirements")
	if p.Absent != "" {
		return pipeline.Answer{}, hint.With(errors.New(p.Absent), p.AbsentRemedy)
	}
	m, err := findManifests(ctx, t.Dir, p.Tree)
	if err != nil {
		return pipeline.Answer{}, err
	}
	if len(m.files) == 0 {
		return pipeline.Answer{}, hint.With(errors.New("nothing says which versions of packages are installed"), "commit requirements.txt with every version (pip freeze), poetry.lock or uv.lock")
	}
	db, err := left(t)
	if err != nil {
		return pipeline.Answer{}, err
	}
	u, err := p.found(ctx, s.probe.orDefault())
	if err != nil {
		return pipeline.Answer{}, err
	}
	dir, err := os.MkdirTemp("", "sluice-deps-")
	if err != nil {
		return pipeline.Answer{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	r := pipeline.Report{Stage: depsStage, Tools: append(u.tools(), pipeline.Tool{Name: requirementsTool, Version: p.Version})}
	db.date(&r)
	t.Progress("comparing packages with the database")
	if err := m.write(filepath.Join(dir, "manifests")); err != nil {
		return pipeline.Answer{}, err
	}
	found, err := u.in(filepath.Join(dir, toolName), t.Log).vulnerabilities(ctx, "fs", filepath.Join(dir, "manifests"), db)
	if err != nil {
		return pipeline.Answer{}, err
	}
	m.judge(found, p.Dir, &r)
	m.report(p.Dir, &r)
	return pipeline.Answer{Reports: []pipeline.Report{r}}, nil
}

// write writes what each manifest pins into a folder of its own, as a file of the
// kind that Trivy reads every line of, and old versions of packages beside them.
func (m *manifests) write(dir string) error {
	old := "Django==0.0.1\nFlask==0.0.1\nrequests==0.0.1\nPillow==0.0.1\nJinja2==0.0.1\n"
	for i, f := range m.files {
		if err := write(filepath.Join(dir, strconv.Itoa(i), "requirements.txt"), f.text); err != nil {
			return err
		}
		for _, name := range f.packages[:min(len(f.packages), maxPlanted)] {
			old += name + "==0.0.1\n"
		}
	}
	return write(filepath.Join(dir, plantedFolder, "requirements.txt"), []byte(old))
}

// judge makes the report of what was found.
func (m *manifests) judge(found packagesIn, dir string, r *pipeline.Report) {
	const what = "old packages of Python's"
	r.SelfTest = &pipeline.SelfTest{Planted: []string{what}}
	examined := make([][]string, len(m.files))
	var ours packagesIn
	for _, res := range found.results {
		folder := path.Dir(res.Target)
		if folder == plantedFolder && len(res.Vulnerabilities) > 0 {
			r.SelfTest.Caught = []string{what}
		}
		if i, err := strconv.Atoi(folder); err == nil && i >= 0 && i < len(m.files) {
			ours.results = append(ours.results, res)
			for _, p := range res.Packages {
				examined[i] = append(examined[i], pydist.Normalise(p.Name))
			}
		}
	}
	if len(r.SelfTest.Caught) == 0 {
		r.NotRun, r.Remedy = "the database knows nothing of Python's packages", "use a whole database"
	}
	for i, f := range m.files {
		n, err := scan.Census("packages of "+f.name, f.packages, examined[i])
		if n.Of > 0 {
			r.Examined = append(r.Examined, n)
		}
		if err != nil {
			r.NotRun, r.Remedy = "Trivy: "+clean(err.Error(), maxMessage), hint.Remedy(err)
		}
	}
	for _, f := range found.failures {
		r.NotRun, r.Remedy = "Trivy: "+f, "see the stage's log"
	}
	if len(r.Examined) == 0 {
		r.NotRun, r.Remedy = "none of the packages that are required has a version that is said", "pin every requirement, as pip freeze does"
	}
	ours.report(r, func(res result) string {
		i, _ := strconv.Atoi(path.Dir(res.Target)) // it is a number
		return strings.TrimPrefix(path.Join(dir, m.files[i].name), "./")
	})
}
