package vulndb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
)

// clockSkew is how far a source's clock may be ahead of this machine's.
const clockSkew = 24 * time.Hour

// getter gets a database for one task.
type getter struct {
	Scanner
	store store
	task  pipeline.Task
	last  *record // what was had the last time, whole; nil when there is nothing
}

// get does the job: data is looked for, and where none can be had, or only
// older, that of the last time is used.
func (s Scanner) get(ctx context.Context, t pipeline.Task, setting string) (pipeline.Report, error) {
	g := getter{Scanner: s, store: store{dir: t.Cache}, task: t}
	if last, err := g.store.recall(setting); err == nil {
		g.last = &last
	} else {
		fmt.Fprintf(t.Log, "nothing to fall back on: %v\n", err)
	}
	r, problem := g.fetch(ctx, setting)
	if problem != nil {
		fmt.Fprintln(t.Log, problem)
	}
	if err := context.Cause(ctx); err != nil {
		return pipeline.Report{}, fmt.Errorf("getting vulnerability data: %w", err)
	}
	r = g.best(r, setting)
	if r == nil {
		return pipeline.Report{}, hint.With(problem, "let this machine reach vuln.go.dev or a Go module proxy, or name a folder or URL with the data as vulndb in sluice.yaml")
	}
	if r.Modified.After(s.time().Add(clockSkew)) {
		return pipeline.Report{}, hint.With(fmt.Errorf("the vulnerability data of %s is dated %s, which is yet to come", r.Source, r.Modified.Format(time.RFC3339)), "set this machine's clock, or use another source")
	}
	if err := g.store.use(setting, *r, s.time()); err != nil {
		return pipeline.Report{}, fmt.Errorf("keeping the vulnerability data: %w", err)
	}
	return g.report(*r, problem), nil
}

// best is what was fetched, or what was had before. By itself Sluice does not
// go back to older data. A source that the user names is what it is, and a
// folder that cannot be read is no matter of a network that is away.
func (g *getter) best(fetched *record, setting string) *record {
	if _, ok := folderOf(setting); ok {
		return fetched
	}
	if fetched == nil || setting == "" && g.last != nil && g.last.Modified.After(fetched.Modified) {
		return g.last
	}
	return fetched
}

// fetch looks for data where the setting says. The error is of the sources
// that did not answer; there may be data nevertheless.
func (g *getter) fetch(ctx context.Context, setting string) (*record, error) {
	if setting == "" {
		return g.fetchAny(ctx)
	}
	if dir, ok := folderOf(setting); ok {
		g.task.Progress("reading vulnerability data")
		d, err := fetchFolder(dir)
		return g.keep(d, dir, err)
	}
	g.task.Progress("getting vulnerability data")
	d, origin, err := g.fetchSite(ctx, setting)
	return g.keep(d, origin, err)
}

// fetchAny tries the Go project's site, then the module proxy.
func (g *getter) fetchAny(ctx context.Context) (*record, error) {
	from := g.site
	if from == "" {
		from = site
	}
	g.task.Progress("getting vulnerability data from " + strings.TrimPrefix(from, "https://"))
	d, origin, err := g.fetchSite(ctx, from)
	r, err := g.keep(d, origin, err)
	if r != nil || ctx.Err() != nil {
		return r, err
	}
	r, moduleErr := g.fetchModule(ctx)
	return r, errors.Join(err, moduleErr)
}

// fetchModule gets the newest version that a module proxy gives out.
func (g *getter) fetchModule(ctx context.Context) (_ *record, err error) {
	g.task.Progress("getting vulnerability data from the module proxy")
	m, err := newModules(g.task.Cache, g.env)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	versions, errs := m.versions(ctx)
	for _, v := range versions {
		origin := modulePath + "@" + v
		if g.last != nil && g.last.Source == origin {
			return g.last, errors.Join(errs...)
		}
		d, err := m.fetch(ctx, v)
		r, err := g.keep(d, origin, err)
		if r != nil {
			return r, errors.Join(errs...)
		}
		errs = append(errs, err)
	}
	return nil, errors.Join(errs...)
}

// keep stores what was fetched.
func (g *getter) keep(d *data, origin string, err error) (*record, error) {
	if err != nil {
		return nil, err
	}
	r, err := g.store.put(d, origin)
	if err != nil {
		return nil, err
	}
	return &r, nil
}

func (g *getter) report(r record, problem error) pipeline.Report {
	report := pipeline.Report{
		Stage:    Name,
		Examined: []pipeline.Count{{What: "advisories", N: r.Advisories}, {What: "modules", N: r.Modules}},
		Values: map[string]string{
			ValuePath:     g.store.path(r),
			ValueDigest:   r.Digest,
			ValueModified: r.Modified.Format(time.RFC3339),
			ValueSource:   r.Source,
		},
	}
	if note := ageNote(g.time(), r, problem); note != "" {
		report.Notes = []string{note}
	}
	return report
}

// ageNote tells the user that the data is old, and why.
func ageNote(now time.Time, r record, problem error) string {
	age := now.Sub(r.Modified)
	if age <= staleAfter {
		return ""
	}
	note := fmt.Sprintf("vulnerability data is %d days old (from %s)", int(age/(24*time.Hour)), r.Source)
	if problem != nil {
		note += "; newer could not be had: " + oneLine(problem)
	}
	return note
}

// oneLine is an error without its line breaks, and not too long for a note.
func oneLine(err error) string {
	line := strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' }), "; ")
	const most = 400
	if len(line) > most {
		line = line[:most] + "…"
	}
	return line
}
