package python

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/sluice-ci/sluice/internal/atomicfile"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
)

// What is planted: a module of four statements, the comment in which does not
// count, a test that runs three of them, and one that fails in line 9.
const (
	plantedModule = `def double(n):
    if n > 0:
        return 2 * n
    return 0  # pragma: no cover
`
	plantedTests = `from planted import double


def test_passes():
    assert double(2) == 4


def test_fails():
    assert double(2) == 5, %q
`
	plantedCoverage = "75.0"
)

// prove has planted tests run as the service's are, and before those: what these
// leave cannot have a hand in it.
func (r *tests) prove(ctx context.Context) (pipeline.SelfTest, error) {
	facts := map[string]string{"sluice": r.params.Version, pytest: r.pytest.Digest, "version": r.pytest.Version, "limit": r.params.Limit.String()}
	t, err := scan.Proofs{Dir: r.Cache}.Once(facts, func() (pipeline.SelfTest, error) { return r.selfTest(ctx) })
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("trying planted tests: %w", err)
	}
	return t, err
}

func (r *tests) selfTest(ctx context.Context) (t pipeline.SelfTest, err error) {
	r.Progress("trying planted tests")
	dir, err := os.MkdirTemp(cmp.Or(r.Scratch, os.TempDir()), "planted-")
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, atomicfile.RemoveAll(dir)) }()
	says := rand.Text()
	p := *r
	p.Dir, p.Root, p.tmp = filepath.Join(dir, "code"), filepath.Join(dir, "code"), filepath.Join(dir, "tmp")
	p.params.Services, p.env, p.Progress = nil, nil, func(string) {}
	p.names = []string{"planted.py", "test_planted.py"}
	for name, text := range map[string]string{"planted.py": plantedModule, "test_planted.py": fmt.Sprintf(plantedTests, says)} {
		if err := errors.Join(os.MkdirAll(p.Dir, 0o700), os.WriteFile(filepath.Join(p.Dir, name), []byte(text), 0o600)); err != nil {
			return t, err
		}
	}
	o, err := p.test(ctx)
	if err != nil {
		return t, err
	}
	t.Planted = []string{"coverage", "test-failed"}
	if o.covered.String() == plantedCoverage {
		t.Caught = append(t.Caught, "coverage")
	}
	passed := slices.ContainsFunc(o.cases, func(c testCase) bool { return c.state == "passed" && c.id() == "test_planted.test_passes" })
	found := p.findings(o)
	if len(found) == 1 && passed && found[0].Location.Path == "test_planted.py" && found[0].Location.Line == 9 && found[0].Message == "test_fails: AssertionError: "+says {
		t.Caught = append(t.Caught, "test-failed")
	}
	return t, nil
}
