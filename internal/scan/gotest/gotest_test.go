package gotest

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
)

// service is a Go module that a test writes.
type service struct {
	dir, cache, out, own string
	params               params
	limits               limits
	race                 race
	proofs               scan.Proofs
	more                 []string

	mu   sync.Mutex
	told []string
}

// proved is where the services of these tests keep the self-test, or each
// would do it again. A process of the conformance suite needs none, and would
// leave it.
var proved = sync.OnceValue(func() scan.Proofs {
	dir, err := os.MkdirTemp("", "gotest-")
	if err != nil {
		panic(err)
	}
	return scan.Proofs{Dir: dir}
})

func TestMain(m *testing.M) {
	if err := os.Unsetenv("CGO_ENABLED"); err != nil { // as the tests themselves are built; the race detector needs it
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(proved().Dir) // it is empty of all but a few files
	os.Exit(code)
}

// newService writes files, by path; go.mod is made.
func newService(t *testing.T, files map[string]string) *service {
	t.Helper()
	s := &service{dir: t.TempDir(), cache: t.TempDir(), own: t.TempDir(), race: findRace(), proofs: proved()}
	s.params = params{CacheDir: s.cache, Limit: time.Minute}
	s.limits = s.params.limits()
	// The build cache is the one that these tests are compiled with, or the
	// standard library would be compiled for each.
	shared, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE").Output()
	check(t, err)
	check(t, os.Symlink(strings.TrimSpace(string(shared)), filepath.Join(s.cache, string(gotool.TestZone))))
	s.write(t, "go.mod", "module example.com/s\n\ngo 1.25\n")
	for path, text := range files {
		s.write(t, path, text)
	}
	return s
}

// own is this program, which starts test programs as sluice does.
func own(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	check(t, err)
	return path
}

func (s *service) write(t *testing.T, path, text string) {
	t.Helper()
	path = filepath.Join(s.dir, path)
	check(t, os.MkdirAll(filepath.Dir(path), 0o755))
	check(t, os.WriteFile(path, []byte(text), 0o644))
}

func (s *service) runner(t *testing.T) *runner {
	t.Helper()
	tc, err := gotool.Find()
	check(t, err)
	s.out = t.TempDir()
	return &runner{
		Task: pipeline.Task{Program: own(t), Root: s.dir, Dir: s.dir, Out: s.out, Cache: s.own, Log: t.Output(), Progress: func(text string) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.told = append(s.told, text)
		}},
		params: s.params, tc: tc, race: s.race, limits: s.limits, more: s.more, proofs: s.proofs,
	}
}

func (s *service) test(t *testing.T) pipeline.Report {
	t.Helper()
	report, err := s.runner(t).run(t.Context())
	check(t, err)
	return report
}

// lines are a report's findings: "rule file:line message".
func lines(r pipeline.Report) (list []string) {
	for _, f := range r.Findings {
		list = append(list, fmt.Sprintf("%s %s:%d %s", f.Rule, f.Location.Path, f.Location.Line, f.Message))
	}
	return list
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.MarshalIndent(v, "", "  ")
	check(t, err)
	return string(text)
}
