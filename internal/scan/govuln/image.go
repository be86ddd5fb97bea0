package govuln

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/image"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

// Image plans and does the stage "image-scan": is the image set up safely, and
// do the programs in it have known vulnerabilities?
type Image struct{}

var _ scan.Scanner = Image{}

// Name implements scan.Scanner.
func (Image) Name() string { return ImageName }

// Job implements scan.Scanner. What "deps" found is read whatever came of it:
// what it says of the source decides how near the same vulnerability is in the
// program.
func (Image) Job(s scan.Service) (pipeline.Job, error) {
	job := pipeline.Job{
		Name: ImageName, Stages: []string{ImageName},
		Needs: []string{buildJob, databaseJob}, Reads: []string{DepsName}, Check: true,
		Access: pipeline.Access{Network: pipeline.NoNetwork, Read: []string{s.JobCache(databaseJob)}},
		Cost:   2 * time.Second,
	}
	if s.GoModule == "" {
		job.Needs = []string{buildJob} // there is data for Go where there is a Go module
		job.Reads = []string{databaseJob}
		if !image.HasDockerfile(s.Dir) {
			job.NotApplicable = "no image is built of a service with neither a Go module nor a Dockerfile"
			return job, nil
		}
	}
	job.Params = params{Version: s.Version}
	job.Inputs.Values = map[string]string{"sluice": s.Version, toolName: version()}
	return job, nil
}

// Worker implements scan.Scanner.
func (Image) Worker() pipeline.Worker { return imageScan }

func imageScan(ctx context.Context, t pipeline.Task) (_ pipeline.Answer, err error) {
	p, err := readParams(t)
	if err != nil {
		return pipeline.Answer{}, err
	}
	im, err := image.Built(t.Needs[buildJob])
	if err != nil {
		return pipeline.Answer{}, err
	}
	scratch, err := os.MkdirTemp("", "sluice-image-")
	if err != nil {
		return pipeline.Answer{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	proof, err := settingsTest(scratch)
	if err != nil {
		return pipeline.Answer{}, err
	}
	t.Progress("reading the image")
	c, err := inspect(im, scratch)
	if err != nil {
		return pipeline.Answer{}, err
	}
	e := examination{task: t, version: p.Version, contents: c, config: im.Config(), layers: im.Layers(), proof: proof, found: map[string]sarif.Finding{}, rules: maps.Clone(settingRules)}
	if len(c.programs) == 0 { // there is nothing to look for vulnerabilities in
		r := e.report()
		r.Values = map[string]string{pipeline.DataModified: pipeline.NoData}
		return pipeline.Answer{Reports: []pipeline.Report{r}}, nil
	}
	if e.db, err = openDatabase(t); err != nil {
		return pipeline.Answer{}, err
	}
	if err := e.programs(ctx); err != nil {
		return pipeline.Answer{}, err
	}
	return pipeline.Answer{Reports: []pipeline.Report{e.db.date(e.report())}}, nil
}

// examination is of one image.
type examination struct {
	task     pipeline.Task
	version  string // of Sluice
	db       database
	contents *contents
	config   image.Config
	layers   int

	found      map[string]sarif.Finding // by advisory and module with its version
	rules      map[string]sarif.Rule
	advisories map[string]advisory
	proof      pipeline.SelfTest
	proven     int      // in how many programs it saw what was planted
	judged     []string // programs
	unread     []string // why a program could not be judged
	notes      []string
}

// programs has govulncheck look at each program of the image.
func (e *examination) programs(ctx context.Context) error {
	planted, err := plant(e.contents.scratch, e.db)
	if err != nil {
		return err
	}
	e.advisories = map[string]advisory{}
	for _, p := range e.contents.programs {
		e.task.Progress("looking for vulnerabilities in " + clean(p.path, 80))
		err := e.program(ctx, planted, p)
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		if err != nil {
			e.unread = append(e.unread, fmt.Sprintf("%s could not be judged: %v", clean(p.path, 200), err))
			continue
		}
		e.judged = append(e.judged, p.path)
	}
	e.proof.Planted = append(e.proof.Planted, plantedRuntime)
	if e.proven == len(e.contents.programs) {
		e.proof.Caught = append(e.proof.Caught, plantedRuntime)
	}
	return nil
}

func (e *examination) program(ctx context.Context, planted planted, p program) error {
	q := query{mode: binaryMode, level: symbolLevel, db: e.db, env: []string{}, file: p.file}
	symbols, err := planted.program(ctx, q)
	if err != nil {
		return err
	}
	e.proven++
	o, err := q.run(ctx)
	if err != nil {
		return err
	}
	if err := p.compare(o, planted.known); err != nil {
		return err
	}
	if !symbols {
		e.notes = append(e.notes, fmt.Sprintf("%s has no symbols: what of its modules is called cannot be told", clean(p.path, 200)))
	}
	maps.Copy(e.advisories, o.advisories)
	for _, v := range o.verdicts() {
		if err := e.add(p, v, symbols); err != nil {
			return err
		}
	}
	return nil
}

// add notes a verdict on a program. Without symbols govulncheck takes every
// function to be called; then it is known only that the module is linked in.
func (e *examination) add(p program, v verdict, symbols bool) error {
	if !symbols && v.reach == sarif.Reachable {
		v.reach = sarif.Imported
	}
	severity, err := e.db.severity(v.advisory.ID, v.reach)
	if err != nil {
		return err
	}
	f := v.finding(ImageName, severity)
	f.Location = sarif.Location{Path: "image:" + clean(p.path, 500)}
	f.Message = fmt.Sprintf("%s: %s: %s", f.Module, v.summary(), v.inProgram(symbols))
	f.Fix = v.fix("")
	f = e.agree(f)
	key := f.Rule + " " + f.Module
	if old, ok := e.found[key]; !ok || !old.Reach.AtLeast(f.Reach) {
		e.found[key] = f
	}
	e.rules[f.Rule] = v.rule()
	return nil
}

func (v verdict) inProgram(symbols bool) string {
	switch {
	case v.reach == sarif.Reachable:
		return v.trace[0].name() + " is in the program"
	case v.reach == sarif.Imported && !symbols:
		return "the module is in the program, which has no symbols to tell whether it is called"
	case v.reach == sarif.Imported:
		return clean(v.trace[0].Package, 200) + " is in the program, and the vulnerable functions are not"
	}
	return "the module is in the program, and the vulnerable packages are not"
}

// agree takes over what stage deps says of the same advisory in the same
// version of a module: it followed the calls, of which a program shows nothing.
func (e *examination) agree(f sarif.Finding) sarif.Finding {
	for _, d := range e.task.Needs[DepsName].Reports[DepsName].Findings {
		if d.Identity == f.Identity && d.Module == f.Module {
			f.Reach, f.Severity, f.Message, f.Fix, f.Trace = d.Reach, d.Severity, d.Message, d.Fix, d.Trace
			return f
		}
	}
	return f
}

func (e *examination) report() pipeline.Report {
	programs, _ := scan.Census("programs", e.contents.ours(), e.judged) // unseen says which is missing and why
	r := pipeline.Report{
		Stage: ImageName, SelfTest: &e.proof,
		Tools: append(tools(), pipeline.Tool{Name: imageTool, Version: e.version}),
		Notes: append(e.notes, e.contents.modes.notes()...),
		Examined: []pipeline.Count{
			{What: "files", N: e.contents.files},
			programs,
			{What: "advisories", N: len(e.advisories)},
		},
	}
	if programs.Of == 0 { // every layer was read to its end and held to its digest
		r.Examined[1] = pipeline.Count{What: "layers", N: e.layers, Of: e.layers}
	}
	r.Findings = append(e.contents.settings(e.config), e.contents.unpackaged()...)
	for _, key := range slices.Sorted(maps.Keys(e.found)) {
		r.Findings = append(r.Findings, e.found[key])
	}
	r.Rules = scan.Rules(e.rules, r.Findings)
	r.NotRun, r.Remedy = e.unseen()
	return r
}

// unseen is what in the image nobody looked at.
func (e *examination) unseen() (reason, remedy string) {
	c := e.contents
	var reasons []string
	if len(c.nameless) > 0 {
		reasons = append(reasons, named(c.nameless)+" made by Go without build information, so that the modules in it are not known")
		remedy = cmp.Or(remedy, "build it as a module, with go build")
	}
	if len(c.foreign) > 0 && c.packages == "" {
		reasons = append(reasons, named(c.foreign)+" not made by Go, and for such programs there is no scanner yet")
		remedy = cmp.Or(remedy, "leave out of the image what the service does not need")
	}
	if len(e.unread) > 0 {
		reasons = append(reasons, e.unread...)
		remedy = cmp.Or(remedy, "build the program with a released version of Go")
	}
	if len(c.programs)+len(c.nameless)+len(c.foreign) == 0 {
		reasons = append(reasons, "there is no program in it")
		remedy = cmp.Or(remedy, "see what stage build made")
	}
	if len(reasons) == 0 {
		return "", ""
	}
	return "the image was not looked at in full: " + strings.Join(reasons, "; "), remedy
}

// named is "/a is", or "/a and 3 more are".
func named(paths []string) string {
	first := clean(paths[0], 200)
	if len(paths) == 1 {
		return first + " is"
	}
	return fmt.Sprintf("%s and %d more are", first, len(paths)-1)
}
