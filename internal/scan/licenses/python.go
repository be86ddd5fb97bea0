package licenses

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/gitrepo"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/image"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/pydist"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

// buildJob is the job whose image a Python service is shipped as.
const buildJob = "build"

// pythonJob plans to look at the packages in the image that a Dockerfile makes of a
// Python service.
func pythonJob(s scan.Service, job pipeline.Job) pipeline.Job {
	own := ownLicence(s.Root)
	p := params{Python: true, Name: s.Name, Version: s.Version, Terms: s.Options.Licenses, Own: own, Image: image.HasDockerfile(s.Dir)}
	var err error
	p.Committed, err = committedBeside(s.GitTop)
	p.Unsure = err != nil
	job.Needs = nil
	if p.Image {
		job.Needs = []string{buildJob}
	}
	job.Params = p
	job.Inputs = pipeline.Inputs{Trees: append([]string{s.Dir}, own...), Values: map[string]string{"sluice": s.Version, toolName: version()}}
	job.Access = pipeline.Access{Network: pipeline.NoNetwork}
	return job
}

// examinePython looks at what is in the image, and at code that was copied into the
// service.
func examinePython(ctx context.Context, t pipeline.Task, p params, terms terms) (r pipeline.Report, err error) {
	r = pipeline.Report{Stage: Stage, Tools: []pipeline.Tool{{Name: toolName, Version: version()}}}
	if !p.Image {
		return r, hint.With(errors.New("no image is built of the service, so that nobody knows which packages of Python's are shipped"), "write a "+image.DockerfileName+", or see to the licences by other means and run sluice with --without "+Stage)
	}
	im, err := image.Built(t.Needs[buildJob])
	if err != nil {
		return r, err
	}
	scratch, err := os.MkdirTemp("", "sluice-licenses-")
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	t.Progress("reading the image")
	found, err := findDists(im, scratch)
	if err != nil {
		return r, err
	}
	t.Progress(fmt.Sprintf("reading the licences of %d packages", len(found.all)))
	a, err := readAsked(t.Root, t.Dir)
	if err != nil {
		return r, err
	}
	texts := recall(t.Cache, p.Version)
	read, err := found.read(ctx, p.service(), a, texts)
	if err != nil {
		return r, err
	}
	copied, err := copied(t.Root, t.Dir, p.isEnvironment)
	if err != nil {
		return r, err
	}
	elsewhere, err := readAll(ctx, copied, texts)
	if err != nil {
		return r, err
	}
	own, err := readAll(ctx, []part{{name: "the service", folders: []string{t.Dir}}, {name: "the repository", single: p.Own}}, texts)
	if err = errors.Join(err, texts.remember()); err != nil {
		return r, err
	}
	describe(t.Log, append(read, elsewhere...))
	r.Findings, r.Rules = terms.findings(append(others(read, ownNames(t.Dir), a), without(elsewhere, own)...), place{root: t.Root, dir: t.Dir})
	r.Findings = sarif.Merge(r.Findings)
	found.count(&r, read, a, im.Layers())
	return r, nil
}

func (p params) service() string {
	if p.Name == "" {
		return "the service"
	}
	return p.Name
}

// marker is the file that makes a folder an environment (PEP 405).
const marker = "pyvenv.cfg"

// committedBeside are the folders with a marker in which git tracks something, absolute.
// An error is that git does not say, and then there may be none.
func committedBeside(top string) (dirs []string, err error) {
	if top == "" {
		return nil, nil
	}
	repo, err := gitrepo.Open(top)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	files, _, err := repo.Tracked(ctx)
	for _, dir := range gitrepo.Beside(top, marker, files) {
		dirs = append(dirs, filepath.Join(top, filepath.FromSlash(dir)))
	}
	return dirs, err
}

// isEnvironment tells folders of installed packages, which are on disk only.
func (p params) isEnvironment(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, marker))
	return err == nil && !p.Unsure && !slices.Contains(p.Committed, dir)
}

// read tells the licence of each distribution.
func (d *dists) read(ctx context.Context, service string, a asked, m *memo) (all []known, err error) {
	w := findWays(d.all, service, a)
	for _, found := range d.all {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		name := pydist.Normalise(found.Name)
		p := part{name: name + "@" + found.Version, chain: w.chain(name), at: sarif.Location{Path: "image:" + clip(found.path)}}
		if at, ok := a[p.chain[1]]; ok && p.chain[0] == service {
			p.at = at
		}
		k, err := found.read(p, m)
		if err != nil {
			return nil, fmt.Errorf("reading the licence of %s: %w", clip(p.name), err)
		}
		k.atHand = found.local
		all = append(all, k)
	}
	return all, nil
}

// count adds to a report what was looked at, and what was not.
func (d *dists) count(r *pipeline.Report, read []known, a asked, layers int) {
	var seen []string
	for _, found := range d.all[:len(read)] {
		seen = append(seen, found.path)
	}
	count, err := scan.Census("packages of Python's", d.paths, seen)
	r.Examined = []pipeline.Count{count, {What: "licence files", N: files(read)}, {What: "layers", N: layers, Of: layers}}
	switch {
	case len(d.unread) > 0:
		r.NotRun = fmt.Sprintf("%d packages of Python's in the image do not say what they are: %s", len(d.unread), clip(strings.Join(d.unread, "; ")))
		r.Remedy = "install Python's packages with pip, and leave their metadata as it is"
	case err != nil:
		r.NotRun, r.Remedy = err.Error(), hint.Remedy(err)
	case len(d.paths) == 0 && len(a) > 0:
		r.NotRun, r.Remedy = "the service requires packages of Python's, and the image has the metadata of none", "install Python's packages with pip, and leave their metadata as it is"
	}
	if d.system {
		r.Notes = append(r.Notes, "licences of the operating system's packages in the image are not looked at: /usr/share/doc/*/copyright has Debian's")
	}
	if d.strange > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("licences of other languages' packages in the image are not looked at: %d", d.strange))
	}
}
