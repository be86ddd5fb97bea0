package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/sluice-ci/sluice/internal/atomicfile"
	"github.com/sluice-ci/sluice/internal/handover"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/mask"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/verdict"
)

// reports are the outputs of jobs that are copied to the run's folder.
var reports = map[string][]string{testJob: {"junit.xml", "coverage.out"}}

// imageFolder is where, in the build job's outputs and in a hand-over, the OCI
// layout is.
const imageFolder = "image"

// collect copies a job's reports to the run's folder, and its image to where
// it is handed over.
func (r *oneRun) collect(job, dir string) error {
	for _, name := range reports[job] {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := atomicfile.Write(filepath.Join(r.folder.Dir, name), data, 0o644); err != nil {
			return err
		}
	}
	if job == buildJob && r.out != "" {
		return os.CopyFS(filepath.Join(r.out, imageFolder), os.DirFS(filepath.Join(dir, imageFolder)))
	}
	return nil
}

// checkOut refuses a hand-over folder that has something in it.
func checkOut(dir string) error {
	if dir == "" {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return usage(err)
	}
	if len(entries) > 0 {
		return usage(hint.With(fmt.Errorf("--out: the folder %s is not empty", dir), "name a new folder"))
	}
	return os.MkdirAll(dir, 0o755)
}

// handOver copies the run's reports to the hand-over folder, and names all that
// is in it in a manifest, last.
func (r *oneRun) handOver(results []pipeline.Result) (err error) {
	if r.out == "" {
		return nil
	}
	if err := r.copyReports(); err != nil {
		return err
	}
	m := handover.Manifest{Run: r.record.ID, Sluice: r.record.Sluice, Service: r.record.Service, Dir: r.record.Dir, Commit: r.record.Commit, Dirty: r.record.Dirty,
		Strict: r.strict, Outcome: r.record.Outcome, Image: digestOf(results)}
	for _, res := range results {
		m.Stages = append(m.Stages, handover.Stage{Stage: res.Stage, Outcome: res.Outcome})
	}
	if r.handed, err = handover.Write(r.out, m); err != nil {
		return err
	}
	return r.stepOutput("handover", r.handed)
}

// copyReports copies the run's reports to the hand-over folder.
func (r *oneRun) copyReports() error {
	for _, name := range append([]string{"run.json", "results.sarif", verdict.Name}, reports[testJob]...) {
		data, err := os.ReadFile(filepath.Join(r.folder.Dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := atomicfile.Write(filepath.Join(r.out, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func (r *oneRun) writeSARIF(log sarif.Log) error {
	var buf bytes.Buffer
	if err := log.Write(&buf); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(r.folder.Dir, "results.sarif"), buf.Bytes(), 0o644)
}

// writeVerdict writes what the run was judged on and by.
func (r *oneRun) writeVerdict(results []pipeline.Result, m mask.Masker) error {
	masked := slices.Clone(results)
	for i := range masked {
		masked[i] = maskResult(masked[i], m)
		masked[i].Report = maskReport(masked[i].Report, m)
	}
	var buf bytes.Buffer
	if err := verdict.New(r.record, r.Policy, masked).Write(&buf); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(r.folder.Dir, verdict.Name), buf.Bytes(), 0o644)
}

// maskLogs rewrites what the stages logged without the secrets that were found.
func (r *oneRun) maskLogs(m mask.Masker) error {
	if !m.Active() {
		return nil
	}
	var names []string
	for _, pattern := range []string{"logs/*.log", "logs/base/*.log", "junit.xml"} {
		found, err := filepath.Glob(filepath.Join(r.folder.Dir, pattern))
		if err != nil {
			return err
		}
		names = append(names, found...)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if masked := m.String(string(data)); masked != string(data) {
			if err := atomicfile.Write(name, []byte(masked), 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// collectFindings merges the findings of all stages, each masked, and says
// which of them shut a gate.
func collectFindings(results []pipeline.Result, m mask.Masker) (all, blocking []sarif.Finding, rules []sarif.Rule) {
	for _, r := range results {
		all = append(all, maskFindings(r.Report.Findings, m)...)
		blocking = append(blocking, maskFindings(r.Blocking, m)...)
		rules = append(rules, r.Report.Rules...)
	}
	return sarif.Merge(all), sarif.Merge(blocking), rules
}

// switchedOff are the findings that a comment in the code switches off, each
// with what the comment says.
func switchedOff(results []pipeline.Result, m mask.Masker) (all []sarif.Finding) {
	for _, r := range results {
		for _, f := range maskFindings(r.Report.InSource, m) {
			reason := "no reason is given"
			if f.Suppression != nil {
				reason = m.String(f.Suppression.Reason)
			}
			f.Suppression = &sarif.Suppression{InSource: true, Reason: reason}
			all = append(all, f)
		}
	}
	return all
}

func maskFindings(findings []sarif.Finding, m mask.Masker) []sarif.Finding {
	masked := slices.Clone(findings)
	for i := range masked {
		f := &masked[i]
		for _, text := range []*string{&f.Message, &f.Why, &f.Fix, &f.Identity, &f.Location.Path} {
			*text = m.String(*text)
		}
		f.Trace = slices.Clone(f.Trace)
		for j := range f.Trace {
			f.Trace[j].Note = m.String(f.Trace[j].Note)
		}
	}
	return masked
}

func maskResult(r pipeline.Result, m mask.Masker) pipeline.Result {
	r.Reason, r.Remedy = m.String(r.Reason), m.String(r.Remedy)
	r.Notes, r.Warnings = slices.Clone(r.Notes), slices.Clone(r.Warnings)
	for _, list := range [][]string{r.Notes, r.Warnings} {
		for i := range list {
			list[i] = m.String(list[i])
		}
	}
	return r
}

func maskReport(r pipeline.Report, m mask.Masker) pipeline.Report {
	r.Findings, r.InSource = maskFindings(r.Findings, m), maskFindings(r.InSource, m)
	r.NotRun, r.Remedy, r.NotApplicable = m.String(r.NotRun), m.String(r.Remedy), m.String(r.NotApplicable)
	r.Notes = slices.Clone(r.Notes)
	for i := range r.Notes {
		r.Notes[i] = m.String(r.Notes[i])
	}
	r.Values = maps.Clone(r.Values)
	for name, value := range r.Values {
		r.Values[name] = m.String(value)
	}
	return r
}

func toolsOf(results []pipeline.Result) (tools []sarif.Component) {
	for _, r := range results {
		for _, t := range r.Tools {
			tools = append(tools, sarif.Component{Name: t.Name, Version: t.Version})
		}
	}
	return tools
}

func notRunOf(results []pipeline.Result) (why []string) {
	for _, r := range results {
		if r.Outcome == pipeline.NotRun {
			why = append(why, r.Stage+": "+r.Reason)
		}
	}
	return why
}

// shorten writes a path relative to this folder when that is shorter.
func shorten(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(wd, path); err == nil && len(rel) < len(path) {
		return rel
	}
	return path
}
