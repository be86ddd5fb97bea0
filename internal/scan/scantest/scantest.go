// Package scantest is what every scanner must withstand. It runs a scanner's
// worker as the pipeline does, in a process of its own, with the programs that
// it starts replaced by ones that fail in every way that programs fail, and
// holds it to one sentence: what did not happen is never "passed".
package scantest

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
)

// Adapter is a scanner with all that is needed to try it.
type Adapter struct {
	Scanner scan.Scanner
	// NoCheck is why the job's answers are not about defects; "" when they are,
	// and then nothing passes without a self-test and a census.
	NoCheck string

	Make    func(*testing.T) Service            // a small service on which it passes
	Defects map[string]func(*testing.T) Service // on which it must fail, by what is wrong
	Blind   map[string]func(*testing.T) Service // on which it cannot see, by why: it must not pass

	Tools []Tool // the programs that it starts
	// Harmless are trials that it may pass all the same, and why. Of a name of
	// one that it does not pass, the suite complains.
	Harmless map[string]string
}

// Service is what a scanner is tried on.
type Service struct {
	scan.Service
	Needs map[string]pipeline.Need // what the jobs before it left
}

// Tool is a program that a scanner starts.
type Tool struct {
	Name string
	Path string   // of the real one; "" is looked up in PATH
	Stay []string // subcommands that stay real
	// Elsewhere makes a folder in which the tool tells of other things.
	Elsewhere func(*testing.T) string
	// More are faults of this tool's: a shell script by subcommand and name, in
	// which real "$@" is the real tool.
	More map[string]map[string]string
}

// childVariable tells the test program that it is a worker's process.
const childVariable = "SLUICE_SCANTEST_CHILD"

// Run tries an adapter. It is to be the first call of a test function without
// a parent: the test program runs that function again as a worker's process.
func Run(t *testing.T, a Adapter) {
	if os.Getenv(childVariable) != "" {
		os.Exit(child(a.Scanner))
	}
	t.Parallel()
	s := newSuite(t, a, "-test.run=^"+t.Name()+"$")
	for _, trial := range s.trials(t) {
		t.Run(trial.name, func(t *testing.T) {
			t.Parallel()
			if err := s.excused(trial.name, trial.try(t.Context(), t)); err != nil {
				t.Error(err)
			}
		})
	}
}

// trial is one thing that is tried. The error is what the adapter did wrong.
type trial struct {
	name string
	try  func(context.Context, *testing.T) error
}

// trials are all of an adapter's. What it calls is seen on a good service
// first: an adapter that does not pass there cannot be tried further.
func (s *suite) trials(t *testing.T) []trial {
	t.Helper()
	calls, err := s.rehearse(t)
	if err != nil {
		t.Fatalf("on a good service: %v", err)
	}
	trials := slices.Concat(s.faultTrials(calls), s.serviceTrials())
	for _, name := range s.excusesBesides(trials) {
		t.Errorf("%q is listed as harmless, and there is no such trial", name)
	}
	return trials
}

// serviceTrials are services on which the scanner must not pass.
func (s *suite) serviceTrials() (trials []trial) {
	add := func(kind string, services map[string]func(*testing.T) Service, right func(verdict) error) {
		for _, name := range slices.Sorted(maps.Keys(services)) {
			trials = append(trials, trial{kind + "/" + name, func(ctx context.Context, t *testing.T) error {
				f, err := s.newFake(t, call{}, ":")
				if err != nil {
					return err
				}
				b, err := s.bench(t, services[name](t), t.TempDir(), f.dir)
				if err != nil {
					return err
				}
				return right(b.run(ctx))
			}})
		}
	}
	add("defect", s.Defects, verdict.failed)
	add("blind", s.Blind, verdict.notPassed)
	return trials
}

// excused turns what a listed trial came to around.
func (s *suite) excused(name string, err error) error {
	why, listed := s.Harmless[name]
	switch {
	case !listed:
		return err
	case err == nil:
		return fmt.Errorf("it is listed as harmless (%s), and need not be", why)
	}
	return nil
}

func (s *suite) excusesBesides(trials []trial) []string {
	left := maps.Clone(s.Harmless)
	for _, t := range trials {
		delete(left, t.name)
	}
	return slices.Sorted(maps.Keys(left))
}
