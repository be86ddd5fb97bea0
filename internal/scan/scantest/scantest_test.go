package scantest

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/command"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		os.Exit(child(scanners()...))
	}
	os.Exit(m.Run())
}

// lister is a tool that says of each file in its folder whether it is bad.
const lister = `#!/bin/sh
[ "$1" = version ] && echo 1 && exit
printf '{"files":['
comma=
for f in *; do
	grep -q BAD "$f" && bad=true || bad=false
	printf '%s{"name":"%s","bad":%s}' "$comma" "$f" $bad
	comma=,
done
echo ']}'
`

type listing struct {
	Files []struct {
		Name string
		Bad  bool
	}
}

// looker is a scanner that uses it. Its parts are what other scanners, which
// lie, do otherwise.
type looker struct {
	name   string
	check  bool
	list   func(ctx context.Context, dir string) ([]byte, error)
	read   func([]byte) (listing, error)
	count  func(dir string, l listing) ([]string, error)
	prove  func(l looker, ctx context.Context, cache string) (pipeline.SelfTest, error)
	report func(pipeline.Report, error) (pipeline.Report, error)
}

func honest(name string) looker {
	return looker{name: name, check: true, list: run, read: decode, count: names, prove: looker.selfTest,
		report: func(r pipeline.Report, err error) (pipeline.Report, error) { return r, err }}
}

func run(ctx context.Context, dir string) ([]byte, error) { return limited(ctx, dir, 1<<20) }

func limited(ctx context.Context, dir string, most int64) ([]byte, error) {
	return command.Output(ctx, command.Spec{Path: "lister", Args: []string{"list"}, Dir: dir, Env: os.Environ(), MaxOutput: most})
}

func decode(text []byte) (l listing, err error) { return l, json.Unmarshal(text, &l) }

// names are the files that there are.
func names(dir string, _ listing) (list []string, err error) {
	files, err := os.ReadDir(dir)
	for _, f := range files {
		list = append(list, f.Name())
	}
	return list, err
}

func (l looker) Name() string { return l.name }

func (l looker) Job(s scan.Service) (pipeline.Job, error) {
	return pipeline.Job{Name: l.name, Stages: []string{"look"}, Check: l.check, NotApplicable: s.Target}, nil
}

func (l looker) Worker() pipeline.Worker {
	return func(ctx context.Context, t pipeline.Task) (pipeline.Answer, error) {
		r, err := l.report(l.work(ctx, t))
		return pipeline.Answer{Reports: []pipeline.Report{r}}, err
	}
}

func (l looker) work(ctx context.Context, t pipeline.Task) (pipeline.Report, error) {
	r := pipeline.Report{Stage: "look"}
	proof, err := l.prove(l, ctx, t.Cache)
	if err != nil {
		return r, err
	}
	r.SelfTest = &proof
	found, err := l.look(ctx, t.Dir)
	if err != nil {
		return r, err
	}
	var examined []string
	for _, f := range found.Files {
		examined = append(examined, f.Name)
		if f.Bad {
			r.Findings = append(r.Findings, sarif.Finding{Rule: "bad", Severity: sarif.High, Location: sarif.Location{Path: f.Name}})
		}
	}
	counted, err := l.count(t.Dir, found)
	if err != nil {
		return r, err
	}
	count, err := scan.Census("files", counted, examined)
	r.Examined = []pipeline.Count{count}
	return r, err
}

func (l looker) look(ctx context.Context, dir string) (listing, error) {
	text, err := l.list(ctx, dir)
	if err != nil {
		return listing{}, err
	}
	return l.read(text)
}

func (l looker) selfTest(ctx context.Context, cache string) (pipeline.SelfTest, error) {
	return scan.Proofs{Dir: cache}.Once(nil, func() (pipeline.SelfTest, error) {
		test := pipeline.SelfTest{Planted: []string{"bad"}}
		dir, err := os.MkdirTemp("", "planted")
		if err != nil {
			return test, err
		}
		if err := os.WriteFile(filepath.Join(dir, "planted"), []byte("BAD"), 0o600); err != nil {
			return test, err
		}
		found, err := l.look(ctx, dir)
		if len(found.Files) == 1 && found.Files[0].Bad {
			test.Caught = test.Planted
		}
		return test, err
	})
}

// scanners are the honest one, and others with one lie each.
func scanners() []scan.Scanner {
	with := func(name string, change func(*looker)) scan.Scanner {
		l := honest(name)
		change(&l)
		return l
	}
	return []scan.Scanner{
		honest("honest"),
		with("has no Check", func(l *looker) { l.check = false }),
		with("has no self-test", func(l *looker) {
			l.prove = func(looker, context.Context, string) (pipeline.SelfTest, error) { return pipeline.SelfTest{}, nil }
		}),
		with("believes failures", func(l *looker) {
			l.list = func(ctx context.Context, dir string) ([]byte, error) {
				text, err := run(ctx, dir)
				var exit *command.ExitError
				if errors.As(err, &exit) {
					err = nil
				}
				return text, err
			}
		}),
		with("counts what it was told", func(l *looker) {
			l.count = func(_ string, l listing) (list []string, _ error) {
				for _, f := range l.Files {
					list = append(list, f.Name)
				}
				return list, nil
			}
		}),
		with("takes everything", func(l *looker) {
			l.list = func(ctx context.Context, dir string) ([]byte, error) { return limited(ctx, dir, 1<<40) }
		}),
		with("makes light of it", func(l *looker) {
			l.report = func(r pipeline.Report, err error) (pipeline.Report, error) {
				if err != nil {
					r = pipeline.Report{Stage: "look", NotApplicable: err.Error()}
				}
				return r, nil
			}
		}),
		with("finds nothing", func(l *looker) {
			l.read = func(text []byte) (listing, error) {
				found, err := decode(text)
				if len(found.Files) > 1 { // which the self-test has not
					for i := range found.Files {
						found.Files[i].Bad = false
					}
				}
				return found, err
			}
		}),
	}
}

// adapterOf is how a scanner of this file is tried.
func adapterOf(t *testing.T, name string) Adapter {
	t.Helper()
	all := scanners()
	i := slices.IndexFunc(all, func(s scan.Scanner) bool { return s.Name() == name })
	tool := filepath.Join(t.TempDir(), "lister")
	if err := writeProgram(tool, lister); err != nil {
		t.Fatal(err)
	}
	return Adapter{
		Scanner: all[i],
		Make:    folder("one", "two"),
		Defects: map[string]func(*testing.T) Service{"planted": folder("one", "BAD")},
		Blind: map[string]func(*testing.T) Service{"said to be none": func(t *testing.T) Service {
			s := folder("one")(t)
			s.Target = "there is nothing to look at"
			return s
		}},
		Tools: []Tool{{Name: "lister", Path: tool, Elsewhere: func(t *testing.T) string { return folder("three", "four", "five")(t).Dir },
			More: map[string]map[string]string{"list": {"a report of nothing": `echo '{"files":[]}'; exit 0`}}}},
		Harmless: map[string]string{"blind/said to be none": "it is said by the test"},
	}
}

// folder makes a service of files with a text each.
func folder(texts ...string) func(*testing.T) Service {
	return func(t *testing.T) Service {
		t.Helper()
		dir := t.TempDir()
		for i, text := range texts {
			if err := os.WriteFile(filepath.Join(dir, string(rune('a'+i))+text), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return Service{Service: scan.Service{Root: dir, Dir: dir}}
	}
}

// The suite lets the honest scanner be, and catches each of the others at what
// it does wrong.
func TestWhatIsCaught(t *testing.T) {
	t.Parallel()
	everywhere := append(slices.Collect(maps.Keys(faults())), "a report of nothing")
	everywhere = slices.DeleteFunc(everywhere, func(fault string) bool { return fault == hanging }) // then nobody listens any more
	slices.Sort(everywhere)
	tests := map[string]struct {
		before string   // it is caught on the good service
		at     []string // faults, sorted
	}{
		"honest":                  {},
		"has no Check":            {before: "the job's Check is false, want true"},
		"has no self-test":        {before: "it did not show by a self-test that it works"},
		"believes failures":       {at: []string{"fails after its output"}},
		"counts what it was told": {at: []string{"a report about something else"}},
		"takes everything":        {at: []string{"a huge document"}},
		"makes light of it":       {at: everywhere},
		"finds nothing":           {at: []string{"planted"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSuite(t, adapterOf(t, name))
			rehearsals, err := s.rehearse(t)
			if (err != nil) != (test.before != "") || err != nil && !strings.Contains(err.Error(), test.before) {
				t.Fatalf("on a good service: %v, want %q", err, test.before)
			}
			if err != nil {
				return
			}
			var caught []string
			for _, trial := range append(s.faultTrials(rehearsals), s.serviceTrials()...) {
				if err := s.excused(trial.name, trial.try(t.Context(), t)); err != nil {
					caught = append(caught, trial.name[strings.LastIndex(trial.name, "/")+1:])
					t.Log(trial.name, err)
				}
			}
			slices.Sort(caught)
			if diff := cmp.Diff(test.at, slices.Compact(caught)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The names of what is tried: every call is, in each state of the cache.
func TestTrials(t *testing.T) {
	t.Parallel()
	s := newSuite(t, adapterOf(t, "honest"))
	var got []string
	for _, trial := range s.trials(t) {
		if name, ok := strings.CutSuffix(trial.name, "/says nothing"); ok {
			got = append(got, name)
		}
	}
	want := []string{"cold/lister list 1", "cold/lister list 2", "proven/lister list 1", "warm/lister list 1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What is listed as harmless must be there, and must need to be.
func TestHarmless(t *testing.T) {
	t.Parallel()
	s := &suite{Adapter: Adapter{Harmless: map[string]string{"known": "a reason", "gone": "a reason"}}}
	if diff := cmp.Diff([]string{"gone"}, s.excusesBesides([]trial{{name: "known"}, {name: "other"}})); diff != "" {
		t.Error(diff)
	}
	wrong := errors.New("it passed")
	if err := s.excused("known", wrong); err != nil {
		t.Errorf("what is listed is told all the same: %v", err)
	}
	if err := s.excused("other", wrong); !errors.Is(err, wrong) {
		t.Errorf("what is not listed is not told: %v", err)
	}
	if err := s.excused("known", nil); err == nil {
		t.Error("what need not be listed is not told")
	}
}

// A fault that the scanner never meets proves nothing.
func TestFaultThatIsNotMet(t *testing.T) {
	t.Parallel()
	s := newSuite(t, adapterOf(t, "honest"))
	err := s.fault(t.Context(), t, rehearsal{cache: t.TempDir()}, call{tool: "lister", sub: "list", n: 9}, "x", "exit 1")
	if err == nil || !strings.Contains(err.Error(), "nothing was tried") {
		t.Errorf("error %v", err)
	}
}

// A process that outlives its scanner is told.
func TestLeftRunning(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "alive")
	alive, err := openPipe(path, os.O_RDONLY)
	if err != nil {
		t.Fatal(err)
	}
	held, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := gone(alive); err == nil {
		t.Error("what holds the pipe is said to be gone")
	}
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	if err := gone(alive); err != nil {
		t.Error(err)
	}
}
