package gotest

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/testdb"
)

// The planted tests: one passes, one fails in line 8, and one has a data race.
const plantedTests = `package planted

import "testing"

func TestPasses(t *testing.T) {}

func TestFails(t *testing.T) {
	t.Error(%q)
}

func TestRaces(t *testing.T) {
	n, done := 0, make(chan bool)
	go func() {
		n++
		close(done)
	}()
	n++
	<-done
}
`

// prove adds the self-test to a report. Without one nothing is proved, and what
// was found is told all the same.
func (r *runner) prove(ctx context.Context, rep pipeline.Report, tmp string) (pipeline.Report, error) {
	test, err := r.proofs.Once(r.facts(), func() (pipeline.SelfTest, error) { return r.selfTest(ctx, tmp) })
	if context.Cause(ctx) != nil {
		return rep, context.Cause(ctx)
	}
	rep.SelfTest = &test
	if err != nil && rep.NotRun == "" {
		rep.NotRun, rep.Remedy = "trying planted tests: "+err.Error(), hint.Remedy(err)
	}
	return rep, nil
}

// facts are all that could keep tests from being run, or from being heard of.
// PATH counts by the C compiler that it leads to, which race names.
func (r *runner) facts() map[string]string {
	facts := r.tc.Facts()
	maps.Copy(facts, map[string]string{"sluice": r.params.Version, "race": fmt.Sprint(r.race), "limit": r.params.Limit.String()})
	maps.Copy(facts, testdb.Facts(r.params.Services))
	for _, name := range []string{"GOFLAGS", "GOEXPERIMENT", "CC", "CXX", "CGO_ENABLED"} {
		for _, setting := range r.env { // the last one counts
			if value, ok := strings.CutPrefix(setting, name+"="); ok {
				facts["environment "+name] = value
			}
		}
	}
	return facts
}

// selfTest runs planted tests as the service's are run.
func (r *runner) selfTest(ctx context.Context, tmp string) (t pipeline.SelfTest, err error) {
	r.Progress("trying planted tests")
	p := *r
	says := rand.Text()
	if p.Dir, err = plant(cmp.Or(r.Scratch, tmp), says); err != nil { // where the service's tests cannot write
		return t, err
	}
	p.Root, p.Out, p.Progress = p.Dir, p.Dir, func(string) {}
	p.env = append(slices.Clone(r.env), "GOWORK=off")
	p.settings.Kept, p.settings.Keep = "", ""
	o, err := p.test(ctx)
	if err != nil {
		return t, err
	}
	t.Planted = []string{"test-failed"}
	if r.race.on {
		t.Planted = append(t.Planted, "data-race")
	}
	found := p.judge(o)
	for _, f := range found {
		if isPlanted(f, says) {
			t.Caught = append(t.Caught, f.Rule)
		}
	}
	if len(found) > len(t.Planted) {
		return t, fmt.Errorf("%d defects were planted, and %d found", len(t.Planted), len(found))
	}
	return t, nil
}

// isPlanted tells whether a finding is about a planted defect, and says where
// that is.
func isPlanted(f sarif.Finding, says string) bool {
	at := fmt.Sprintf("%s %s:%d", f.Rule, f.Location.Path, f.Location.Line)
	return at == "test-failed planted_test.go:8" && f.Message == "TestFails: "+says ||
		at == "data-race planted_test.go:14" || at == "data-race planted_test.go:17" // which is seen first is chance
}

// plant writes the planted module, and returns its folder.
func plant(tmp, says string) (string, error) {
	dir, err := os.MkdirTemp(tmp, "planted-")
	if err != nil {
		return "", err
	}
	for name, text := range map[string]string{"go.mod": "module planted\n\ngo 1.21\n", "planted_test.go": fmt.Sprintf(plantedTests, says)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	return filepath.EvalSymlinks(dir)
}
