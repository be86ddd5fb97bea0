package trivy

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

// misconfigurations is what Trivy made of a tree.
type misconfigurations struct {
	failed   []misconfiguration // of the tree
	test     pipeline.SelfTest
	examined map[string]bool // files of the tree
	rendered map[int]bool    // charts of the tree
	failures []string
}

// maxPasses is how often Trivy is asked about what it left out.
const maxPasses = 5

// maxBatch is how many files Trivy is given at once, besides Terraform's, which
// belong together: what it holds in memory is about 0.7 MB for each.
const maxBatch = 500

// misconfigured has Trivy look for misconfigurations in the files of a tree. It
// leaves out a Terraform module that no other calls in fact, as one with a count
// of 0: such files are given to it once more, by themselves.
func (p program) misconfigured(ctx context.Context, t *tree) (*misconfigurations, error) {
	all := &misconfigurations{examined: map[string]bool{}, rendered: map[int]bool{}}
	batches := t.batches()
	for pass := range maxPasses {
		before := len(all.examined)
		wanted := func(f file) bool {
			return f.kind == terraformKind && !all.examined[f.name] || pass == 0 && batches[0][f.name]
		}
		charts := t.charts
		if pass > 0 {
			charts = nil
		}
		if len(charts) == 0 && !slices.ContainsFunc(t.files, wanted) {
			break
		}
		if err := all.scan(ctx, p, t, charts, wanted, pass == 0); err != nil { // later what is called may be missing
			return nil, err
		}
		if len(all.examined) == before {
			break
		}
	}
	for _, batch := range batches[1:] {
		if err := all.scan(ctx, p, t, nil, func(f file) bool { return batch[f.name] }, true); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// batches are the names of the files that stand for themselves, for one run of
// Trivy's each. There is at least one. Trivy has no rules for Compose files.
func (t *tree) batches() []map[string]bool {
	all, last := []map[string]bool{{}}, 0
	for _, f := range t.files {
		if f.kind == composeKind || f.kind == terraformKind {
			continue
		}
		if len(all[last]) == maxBatch {
			all, last = append(all, map[string]bool{}), last+1
		}
		all[last][f.name] = true
	}
	return all
}

// scan adds what a run of Trivy's says of the files that are wanted.
func (m *misconfigurations) scan(ctx context.Context, p program, t *tree, charts []chart, wanted func(file) bool, failures bool) error {
	found, err := p.scanMirror(ctx, t, charts, wanted)
	if err != nil {
		return err
	}
	maps.Copy(m.examined, found.examined)
	m.failed = append(m.failed, found.failed...)
	if failures {
		m.failures = append(m.failures, found.failures...)
	}
	maps.Copy(m.rendered, found.rendered)
	if m.test.Planted == nil || !found.test.Passed() {
		m.test = found.test
	}
	return nil
}

// scanMirror has Trivy look at a mirror of some of a tree's files and charts.
func (p program) scanMirror(ctx context.Context, t *tree, charts []chart, wanted func(file) bool) (*misconfigurations, error) {
	m, err := newMirror(filepath.Join(p.dir, "mirror"), t, wanted)
	if err != nil {
		return nil, fmt.Errorf("copying the infrastructure files: %w", err)
	}
	if err := m.addCharts(charts); err != nil {
		return nil, fmt.Errorf("copying the Helm charts: %w", err)
	}
	found := &misconfigurations{examined: map[string]bool{}, rendered: map[int]bool{}}
	var planted []misconfiguration
	found.failures, err = p.run(ctx, func(r result) error {
		if strings.HasPrefix(r.Target, chartsFolder+"/") {
			found.takeChart(t, charts, r)
			return nil
		}
		name, ours := strings.CutPrefix(r.Target, treeFolder+"/")
		if ours && r.Type != "terraform" {
			found.examined[name] = true
		}
		for _, c := range r.Misconfigurations {
			switch {
			case c.Status != "FAIL":
			case !ours:
				planted = append(planted, c)
			case c.isPlanted():
				found.examined[name] = true
			default:
				found.failed = append(found.failed, c)
			}
		}
		return nil
	}, "config", "--skip-check-update", "--include-non-failures", "--misconfig-scanners", "terraform,dockerfile,kubernetes,helm", m.dir)
	if err != nil {
		return nil, err
	}
	found.test = selfTest(planted)
	return found, os.RemoveAll(m.dir)
}

// severity is Sluice's word for Trivy's.
func severity(name string) sarif.Severity {
	s, err := sarif.ParseSeverity(name)
	if err != nil { // "UNKNOWN": nobody has said yet
		return sarif.Medium
	}
	return s
}

// maxMessage bounds a text of a rule's, bytes.
const maxMessage = 2000

// finding is a misconfiguration as Sluice tells it. A resource of Terraform's is
// the same defect wherever it is written; other files name none.
func (m misconfiguration) finding(where func(name string) string) sarif.Finding {
	name := strings.TrimPrefix(m.target, treeFolder+"/")
	f := sarif.Finding{
		Rule: clean(m.rule(), 100), Tool: toolName, Stage: IaCName, Severity: severity(m.Severity),
		Message:  clean(m.Message, maxMessage),
		Location: sarif.Location{Path: where(name), Line: m.Cause.StartLine, EndLine: m.Cause.EndLine},
		Identity: where(name) + " " + clean(m.Message, maxMessage),
	}
	if r := clean(m.resource(), 500); r != "" {
		f.Message = r + ": " + f.Message
		f.Identity = where(path.Dir(name)) + " " + r
	}
	for _, o := range m.Cause.Occurrences[min(1, len(m.Cause.Occurrences)):] {
		if file, ok := strings.CutPrefix(o.Filename, treeFolder+"/"); ok {
			f.Trace = append(f.Trace, sarif.Location{Path: where(file), Line: o.Location.StartLine, Note: "called by " + clean(o.Resource, 500)})
		}
	}
	return f
}

// explained is the rule behind a misconfiguration.
func (m misconfiguration) explained() sarif.Rule {
	return sarif.Rule{
		ID: clean(m.rule(), 100), Tool: toolName, Name: clean(m.Title, maxMessage), Why: clean(m.Description, maxMessage),
		Fix: clean(m.Resolution, maxMessage), URI: clean(m.PrimaryURL, maxMessage),
	}
}

// census holds the files that were examined against those that were counted.
func (t *tree) census(examined func(kind, string) bool) (counts []pipeline.Count, err error) {
	for _, k := range kinds() {
		names := t.named(k)
		if len(names) == 0 {
			continue
		}
		var seen []string
		for _, name := range names {
			if examined(k, name) {
				seen = append(seen, name)
			}
		}
		c, missing := scan.Census(k.files(), names, seen)
		counts = append(counts, c)
		if err == nil {
			err = missing
		}
	}
	return counts, err
}
