package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sluice-ci/sluice/internal/atomicfile"
	"github.com/sluice-ci/sluice/internal/cache"
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

// maxReport bounds a report that is copied, bytes.
const maxReport = 256 << 20

// collect copies a job's reports to the run's folder, masked, and its image to
// where it is handed over.
func (r *oneRun) collect(job, dir string, m mask.Masker) error {
	for _, name := range reports[job] {
		if err := copyReport(filepath.Join(dir, name), filepath.Join(r.folder.Dir, name), m); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if job == buildJob && r.out != "" {
		return copyImage(filepath.Join(dir, imageFolder), filepath.Join(r.out, imageFolder))
	}
	return nil
}

// copyReport copies a file that a job left, without following it elsewhere.
func copyReport(from, to string, m mask.Masker) error {
	f, err := cache.OpenOutput(from)
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxReport+1))
	if err != nil {
		return err
	}
	if len(data) > maxReport {
		return fmt.Errorf("%s has more than %d bytes", from, maxReport)
	}
	return atomicfile.Write(to, []byte(m.String(string(data))), 0o644)
}

// copyImage copies an image's files. That the copy is the original is checked:
// it is what another machine releases.
func copyImage(from, to string) error {
	sum, err := cache.OutputsDigest(from)
	if err != nil {
		return err
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	return cache.Outputs{Dir: to, Digest: sum}.Verify()
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
	var buf bytes.Buffer
	if err := mask.Value(m, verdict.New(r.record, r.Policy, results)).Write(&buf); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(r.folder.Dir, verdict.Name), buf.Bytes(), 0o644)
}

// maskResults masks all that was found, as it was found and as it was judged.
func maskResults(results []pipeline.Result, m mask.Masker) []pipeline.Result {
	masked := mask.Value(m, results)
	for i := range masked {
		masked[i].Key, masked[i].Inputs = results[i].Key, results[i].Inputs // hashes, which say nothing
	}
	return masked
}

// collectFindings merges the findings of all stages, and says which of them
// shut a gate.
func collectFindings(results []pipeline.Result) (all, blocking []sarif.Finding, rules []sarif.Rule) {
	for _, r := range results {
		all = append(all, r.Report.Findings...)
		blocking = append(blocking, r.Blocking...)
		rules = append(rules, r.Report.Rules...)
	}
	return sarif.Merge(all), sarif.Merge(blocking), rules
}

// switchedOff are the findings that a comment in the code switches off, each
// with what the comment says.
func switchedOff(results []pipeline.Result) (all []sarif.Finding) {
	for _, r := range results {
		for _, f := range r.Report.InSource {
			reason := "no reason is given"
			if f.Suppression != nil {
				reason = f.Suppression.Reason
			}
			f.Suppression = &sarif.Suppression{InSource: true, Reason: reason}
			all = append(all, f)
		}
	}
	return all
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
		if reason := r.Unseen(); reason != "" {
			why = append(why, r.Stage+": "+reason)
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
