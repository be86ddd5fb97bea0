package trivy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/image"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

// ImageName is the name of the job that looks at an image's packages.
const ImageName = "trivy-image"

// The stage that it answers, among others, and the job whose image it is.
const (
	imageStage = "image-scan"
	buildJob   = "build"
)

// Image plans and does the part of the stage "image-scan" that is about the
// packages of an operating system, and about those of languages.
type Image struct{ probe probe }

var _ scan.Scanner = Image{}

// Name implements scan.Scanner.
func (Image) Name() string { return ImageName }

// Job implements scan.Scanner. An image without packages needs no database, so
// that the job waits for the database and does not depend on it.
func (Image) Job(s scan.Service) (pipeline.Job, error) {
	job := pipeline.Job{
		Name: ImageName, Stages: []string{imageStage}, Needs: []string{buildJob}, Reads: []string{DatabaseName}, Check: true,
		Access: pipeline.Access{Network: pipeline.NoNetwork, Read: []string{s.JobCache(DatabaseName)}},
		Cost:   3 * time.Second,
	}
	if isFolder(s.Options.TrivyDB) {
		job.Access.Read = append(job.Access.Read, s.Options.TrivyDB)
	}
	if s.GoModule == "" && !image.HasDockerfile(s.Dir) {
		job.NotApplicable = "no image is built of a service with neither a Go module nor a Dockerfile"
		return job, nil
	}
	job.Params = newParams(s, &job)
	return job, nil
}

// Worker implements scan.Scanner.
func (s Image) Worker() pipeline.Worker { return s.work }

func (s Image) work(ctx context.Context, t pipeline.Task) (_ pipeline.Answer, err error) {
	var p params
	if err := json.Unmarshal(t.Params, &p); err != nil {
		return pipeline.Answer{}, fmt.Errorf("reading the parameters of job %s: %w", t.Job, err)
	}
	im, err := image.Built(t.Needs[buildJob])
	if err != nil {
		return pipeline.Answer{}, err
	}
	dir, err := os.MkdirTemp("", "sluice-packages-")
	if err != nil {
		return pipeline.Answer{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	t.Progress("reading the image")
	c, err := take(im, filepath.Join(dir, "image"))
	if err != nil {
		return pipeline.Answer{}, err
	}
	r := pipeline.Report{Stage: imageStage, Examined: []pipeline.Count{{What: "layers", N: im.Layers(), Of: im.Layers()}, {What: "files", N: c.files}}}
	switch {
	case len(c.unreadable()) > 0:
		r.NotRun = "the image has packages of RPM (" + clean(c.unreadable()[0], 200) + "), for which there is no self-test yet"
		r.Remedy = "build the image from a base with packages of Debian or Alpine, or without any"
	case len(c.databases)+c.others() == 0:
		bare(&r)
	default:
		err = s.compare(ctx, t, p, dir, c, &r)
	}
	c.tell(&r)
	return pipeline.Answer{Reports: []pipeline.Report{r}}, err
}

// tell adds to a report what nobody looked at.
func (c *contents) tell(r *pipeline.Report) {
	if why := c.unreadPython(); why != "" && r.NotRun == "" {
		r.NotRun, r.Remedy = why, "install Python's packages with pip, and leave their metadata as it is"
	}
	if c.ofSystem > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("packages of languages that came with a package of the operating system, and are looked up with it: %d", c.ofSystem))
	}
	if f := c.unexamined(); len(f) > 0 {
		r.Findings, r.Rules = append(r.Findings, f...), append(r.Rules, unexaminedRule())
	}
}

// bare is the report on an image without packages: there is nothing to compare
// with any database. That such packages would be seen, a planted list shows.
func bare(r *pipeline.Report) {
	const planted = "a package of Debian's"
	r.SelfTest = &pipeline.SelfTest{Planted: []string{planted}}
	if p := readPackages("/var/lib/dpkg/status", []byte("Package: planted\nStatus: install ok installed\nVersion: 1\n")); len(p) == 1 {
		r.SelfTest.Caught = []string{planted}
	}
	for _, l := range languages() {
		r.SelfTest.Planted = append(r.SelfTest.Planted, "a package of "+l.of)
		if name, version, err := l.read([]byte(l.write("planted", "1"))); err == nil && name == "planted" && version == "1" && l.is("/"+strings.ReplaceAll(l.file, "NAME", name)) {
			r.SelfTest.Caught = append(r.SelfTest.Caught, "a package of "+l.of)
		}
	}
	r.Values = map[string]string{pipeline.DataModified: pipeline.NoData}
	r.Notes = []string{"the image has no packages of an operating system and none of a language, so that no vulnerability database is needed for it"}
}

// compare has Trivy compare an image's packages with its database.
func (s Image) compare(ctx context.Context, t pipeline.Task, p params, dir string, c *contents, r *pipeline.Report) error {
	db, err := left(t)
	if err != nil {
		r.NotRun, r.Remedy = "the image has "+c.describe()+", and "+err.Error(), hint.Remedy(err)
		return nil
	}
	u, err := p.found(ctx, s.probe.orDefault())
	if err != nil {
		return err
	}
	r.Tools = u.tools()
	db.date(r)
	t.Progress("comparing packages with the database")
	program := u.in(filepath.Join(dir, toolName), t.Log)
	if err := c.plant(filepath.Join(dir, plantedFolder)); err != nil {
		return err
	}
	planted, err := program.vulnerabilities(ctx, "rootfs", filepath.Join(dir, plantedFolder), db)
	if err != nil {
		return fmt.Errorf("the self-test: %w", err)
	}
	found, err := program.vulnerabilities(ctx, "rootfs", c.dir, db)
	if err != nil {
		return err
	}
	c.judge(planted, found, r)
	return nil
}

// describe is "12 packages of Debian GNU/Linux 12 (bookworm)".
func (c *contents) describe() string {
	if len(c.databases) == 0 {
		return fmt.Sprintf("%d packages of languages", c.others())
	}
	if c.release == "" {
		return fmt.Sprintf("%d packages of an operating system that does not say which", len(c.packages))
	}
	return fmt.Sprintf("%d packages of %s", len(c.packages), c.release)
}

// systemClass is that of Trivy's results about an operating system.
const systemClass = "os-pkgs"

// judge makes the report of what was found.
func (c *contents) judge(planted, found packagesIn, r *pipeline.Report) {
	r.SelfTest = &pipeline.SelfTest{}
	if len(c.databases) > 0 {
		r.SelfTest.Planted = []string{"old packages of " + c.release}
		if planted.vulnerable(systemClass) {
			r.SelfTest.Caught = []string{"old packages of " + c.release}
		}
	}
	languages := c.judgeLanguages(planted, found, r)
	for _, what := range r.SelfTest.Planted {
		if !slices.Contains(r.SelfTest.Caught, what) {
			r.NotRun = "the database knows nothing of " + strings.TrimPrefix(what, "old ")
			r.Remedy = "use a whole database, and a release that is still looked after"
		}
	}
	if len(c.databases) > 0 && len(c.packages) == 0 && r.NotRun == "" {
		r.NotRun = "the image has a list of an operating system's packages, and there is none in it"
	}
	var names, examined []string
	for _, p := range c.packages {
		names = append(names, p.name)
	}
	for _, p := range found.of(systemClass) {
		examined = append(examined, p.name)
	}
	count, err := scan.Census("packages", names, examined)
	if r.Examined, err = append(r.Examined, count), errors.Join(err, languages); err != nil && r.NotRun == "" {
		r.NotRun, r.Remedy = "Trivy: "+clean(err.Error(), maxMessage), hint.Remedy(err)
	}
	for _, f := range slices.Concat(planted.failures, found.failures) {
		r.NotRun, r.Remedy = "Trivy: "+f, "see the stage's log"
	}
	found.report(r, func(res result) string {
		if res.Class == systemClass {
			return "image:" + c.databases[0]
		}
		return "image:/"
	})
}

// report adds the vulnerabilities to a report.
func (p packagesIn) report(r *pipeline.Report, at func(result) string) {
	rules := map[string]sarif.Rule{}
	for _, res := range p.results {
		for _, v := range res.Vulnerabilities {
			r.Findings = append(r.Findings, v.finding(r.Stage, at(res)))
			rules[v.rule().ID] = v.rule()
		}
	}
	r.Findings = sarif.Merge(r.Findings)
	r.Rules = scan.Rules(rules, r.Findings)
}
