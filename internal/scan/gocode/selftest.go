package gocode

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

// selfTest tries the tools on a module with planted defects: with the analyzers,
// the toolchain and the settings of the service's check, by the same code.
type selfTest struct {
	of     *check
	plants []plant

	reports map[string]pipeline.Report // by stage; nil until it was done
	err     error
}

func (c *check) selfTest() *selfTest {
	t := &selfTest{of: c}
	for _, p := range plants() {
		if !c.ignored(sarif.Finding{Rule: p.rule, Tool: p.tool, Stage: p.stage}) {
			t.plants = append(t.plants, p)
		}
	}
	return t
}

// prove puts into a report that what was planted for its stage was found, or what
// was not.
func (t *selfTest) prove(ctx context.Context, r *pipeline.Report) {
	if r.NotApplicable != "" {
		return
	}
	proof, err := scan.Proofs{Dir: t.of.task.Cache}.Once(t.facts(r.Stage), func() (pipeline.SelfTest, error) { return t.done(ctx, r.Stage) })
	r.SelfTest = &proof
	if err != nil && r.NotRun == "" {
		r.NotRun = fmt.Sprintf("the self-test could not be done: %v", err)
		r.Remedy = hint.Remedy(err)
	}
	if tools := untested(r.Stage, t.plants); len(tools) > 0 {
		r.Notes = append(r.Notes, "no self-test of "+strings.Join(tools, ", ")+": the configuration switches off all rules that it could be tested by")
	}
}

// facts are all that decides what the tools find.
func (t *selfTest) facts(stage string) map[string]string {
	rules := slices.Clone(t.of.params.Ignore)
	slices.Sort(rules)
	return map[string]string{
		"salt": t.of.salt(), "stage": stage, "ignore": strings.Join(rules, " "), "language": t.of.g.language(),
		"vendored": fmt.Sprint(t.of.g.vendored()), "tools": fmt.Sprint(tools(stage, t.of.g.tool.Version)),
	}
}

// done is what was planted for a stage, and what of it was found where it is.
func (t *selfTest) done(ctx context.Context, stage string) (proof pipeline.SelfTest, err error) {
	if t.reports == nil && t.err == nil {
		t.of.task.Progress("looking for planted defects")
		t.reports, t.err = t.run(ctx)
	}
	if t.err != nil {
		return proof, t.err
	}
	if reason := t.reports[stage].NotRun; reason != "" {
		return proof, errors.New(reason)
	}
	for _, p := range t.plants {
		if p.stage != stage {
			continue
		}
		proof.Planted = append(proof.Planted, p.rule)
		if slices.ContainsFunc(t.reports[stage].Findings, p.is) {
			proof.Caught = append(proof.Caught, p.rule)
		}
	}
	return proof, nil
}

// is tells whether a finding is the planted defect.
func (p plant) is(f sarif.Finding) bool {
	return f.Rule == p.rule && f.Tool == p.tool && f.Location.Path == p.file() && f.Location.Line == p.line()
}

// run checks the planted module as the service's is checked, with a cache of its
// own that is empty.
func (t *selfTest) run(ctx context.Context) (map[string]pipeline.Report, error) {
	scratch, err := os.MkdirTemp("", "sluice-planted-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(scratch) }() // it is in the job's own temporary folder
	task := t.of.task
	task.Root, task.Cache, task.Keep = filepath.Join(scratch, "module"), filepath.Join(scratch, "cache"), ""
	task.Dir, task.Progress = task.Root, func(string) {}
	files := sow(t.plants, t.of.g.language())
	if t.of.g.vendored() {
		files[vendorList] = ""
	}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		if err := writeBelow(task.Root, path, files[path]); err != nil {
			return nil, err
		}
	}
	if err := os.Mkdir(task.Cache, 0o750); err != nil {
		return nil, err
	}
	c, err := newCheck(task, t.of.params)
	if err != nil {
		return nil, err
	}
	c.lint = t.of.lint
	if err := c.run(ctx); err != nil {
		return nil, err
	}
	return map[string]pipeline.Report{lintStage: c.report(lintStage), sastStage: c.report(sastStage)}, nil
}

func writeBelow(dir, path, text string) error {
	path = filepath.Join(dir, filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o600)
}

// language is the version of Go that the module's go.mod names, "" if none.
func (g *golang) language() string {
	path := filepath.Join(g.dir, "go.mod")
	text, err := readBounded(path, maxModFile)
	if err != nil {
		return ""
	}
	file, err := modfile.ParseLax(path, text, nil)
	if err != nil || file.Go == nil {
		return ""
	}
	return file.Go.Version
}
