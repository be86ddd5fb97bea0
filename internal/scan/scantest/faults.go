package scantest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// faults are the ways in which any tool can fail, each as what the shell runs
// in its place.
func faults() map[string]string {
	return map[string]string{
		"says nothing":             `exit 0`,
		"fails and says nothing":   `exit 1`,
		"fails after its output":   `real "$@"; exit 1`,
		"an object of nothing":     `echo '{}'; exit 0`,
		"a list of nothing":        `echo '[]'; exit 0`,
		"null":                     `echo null; exit 0`,
		"output that breaks off":   `half "$@"; exit 0`,
		"killed after half of it":  `half "$@"; kill -9 $$`,
		huge:                       `printf '{"Name":"'; head -c 640M /dev/zero | tr '\0' a; echo '"}'; exit 0`,
		"output of another schema": `echo '{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"x"}},"results":[]}]}'; exit 0`,
		elsewhere:                  `cd @ELSEWHERE@ && unset GIT_DIR GIT_WORK_TREE GIT_ALTERNATE_OBJECT_DIRECTORIES && real "$@"; exit`,
		hanging:                    `exec 9>@STATE@/alive; setsid sleep 86400 & echo hangs >@STATE@/hanging; sleep 86400`,
	}
}

const (
	huge      = "a huge document"
	elsewhere = "a report about something else"
	hanging   = "hangs"
)

// brief are the faults that are tried also where the others would take long and
// tell little more.
func brief() []string {
	return []string{"says nothing", "fails after its output", "output that breaks off"}
}

// state is what a worker finds in its cache.
type state struct {
	name   string
	keep   string // a pattern of file names, of what a run left
	faults []string
}

// states: nothing; the self-test's proof alone, so that it is the real work
// that meets the fault; and everything.
func states() []state {
	all := slices.Sorted(maps.Keys(faults()))
	return []state{{"cold", "", brief()}, {"proven", "selftest-*.json", all}, {"warm", "*", brief()}}
}

// rehearsal is what a worker called in a state.
type rehearsal struct {
	state state
	cache string // the folder in that state; to be copied
	calls []call
}

// rehearse runs the worker on the good service in each state. It must pass.
func (s *suite) rehearse(t *testing.T) ([]rehearsal, error) {
	var all []rehearsal
	left := t.TempDir()
	for _, state := range states() {
		r := rehearsal{state: state, cache: t.TempDir()}
		if err := copyMatching(r.cache, left, state.keep); err != nil {
			return nil, err
		}
		used := t.TempDir()
		if err := copyMatching(used, r.cache, "*"); err != nil {
			return nil, err
		}
		f, err := s.newFake(t, call{}, ":")
		if err != nil {
			return nil, err
		}
		b, err := s.bench(t, s.service, used, f.dir)
		if err != nil {
			return nil, err
		}
		if err := b.run(t.Context()).passed(); err != nil {
			return nil, fmt.Errorf("%s: %w", state.name, err)
		}
		if r.calls, err = s.calls(f); err != nil {
			return nil, err
		}
		if state.name == "cold" {
			left = used
		}
		all = append(all, r)
	}
	return all, nil
}

// copyMatching copies what of a folder matches a pattern; "" matches nothing.
func copyMatching(to, from, pattern string) error {
	if pattern == "*" {
		return os.CopyFS(to, os.DirFS(from))
	}
	names, err := fs.Glob(os.DirFS(from), pattern)
	for _, name := range names {
		text, readErr := os.ReadFile(filepath.Join(from, name))
		err = errors.Join(err, readErr, os.WriteFile(filepath.Join(to, name), text, 0o600))
	}
	return err
}

// faultTrials are all faults at all calls, by the state that they are made in.
func (s *suite) faultTrials(rehearsals []rehearsal) (trials []trial) {
	for _, r := range rehearsals {
		for _, c := range r.calls {
			for name, script := range s.faultsOf(c, r.state.faults) {
				trials = append(trials, trial{strings.Join([]string{r.state.name, c.String(), name}, "/"), func(ctx context.Context, t *testing.T) error {
					return s.fault(ctx, t, r, c, name, script)
				}})
			}
		}
	}
	slices.SortFunc(trials, func(a, b trial) int { return strings.Compare(a.name, b.name) })
	return trials
}

// faultsOf are scripts by name.
func (s *suite) faultsOf(c call, names []string) map[string]string {
	scripts := map[string]string{}
	for _, name := range names {
		scripts[name] = faults()[name]
	}
	if c.n > 1 {
		delete(scripts, huge) // it takes seconds, and a tool's calls are read alike
	}
	for _, tool := range s.Tools {
		if tool.Name == c.tool {
			maps.Copy(scripts, tool.More[c.sub])
			if tool.Elsewhere == nil {
				delete(scripts, elsewhere)
			}
		}
	}
	return scripts
}

// fault runs the worker with a fault, which it must meet and not pass.
func (s *suite) fault(ctx context.Context, t *testing.T, r rehearsal, c call, name, script string) error {
	cache := t.TempDir()
	if err := copyMatching(cache, r.cache, "*"); err != nil {
		return err
	}
	f, err := s.newFake(t, c, script)
	if err != nil {
		return err
	}
	b, err := s.bench(t, s.service, cache, f.dir)
	if err != nil {
		return err
	}
	run := b.run
	if name == hanging {
		run = func(ctx context.Context) verdict {
			return b.runUntilHanging(ctx, filepath.Join(f.dir, "state-"+c.tool))
		}
	}
	v := run(ctx)
	if !f.reached(c.tool) {
		return fmt.Errorf("it did not call %s, so that nothing was tried", c)
	}
	if err := v.notPassed(); err != nil {
		return fmt.Errorf("%w (it called %s %s)", err, c.tool, f.said(c))
	}
	return nil
}
