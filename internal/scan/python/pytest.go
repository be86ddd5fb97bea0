package python

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/atomicfile"
	"github.com/sluice-ci/sluice/internal/command"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
	"github.com/sluice-ci/sluice/internal/scan/gotest/testexec"
	"github.com/sluice-ci/sluice/internal/testdb"
	"github.com/sluice-ci/sluice/internal/tool"
)

const pytest = "pytest"

// coverageSettings are coverage.py's: no file of the repository's and no comment
// has a say in what counts.
//
//go:embed settings/coverage.cfg
var coverageSettings []byte

// Bounds on what tests can make this process do.
const (
	maxTestOutput = 256 << 20 // bytes that pytest may print
	maxCollected  = 32 << 20  // of which so many about what tests there are
	maxResults    = 64 << 20  // bytes of each file of results
	defaultLimit  = 5 * time.Minute
)

var errTooLong = errors.New("the tests take too long")

// Tests plans and runs a service's tests with pytest, in the Python that PATH has and
// with the packages that are there.
//
// Outputs are junit.xml and coverage.xml, as pytest and coverage.py write them. The
// report's Values are "tests", "passed", "failed" and "skipped", and "coverage", a
// percentage of statements.
type Tests struct{}

// testParams is what the worker is told.
type testParams struct {
	Version  string // of Sluice
	Pytest   program
	Limit    time.Duration // of all tests together
	Coverage int           // least percentage of statements; 0 is no limit
	Services []string      // that the tests ask for
	Venvs    environments
}

// Name is that of the job.
func (Tests) Name() string { return "python-test" }

// Job implements scan.Scanner.
func (Tests) Job(s scan.Service) (pipeline.Job, error) {
	job := pipeline.Job{Name: "python-test", Stages: []string{testStage}, Check: true, Cost: 20 * time.Second}
	if !s.Python {
		job.NotApplicable = notPython
		return job, nil
	}
	p := testParams{Version: s.Version, Pytest: find(s.Tools, pytest), Limit: defaultLimit, Coverage: s.Options.Coverage, Services: s.Options.Services, Venvs: findEnvironments(s)}
	if s.Options.TestLimit != "" {
		var err error
		if p.Limit, err = time.ParseDuration(s.Options.TestLimit); err != nil || p.Limit <= 0 {
			return job, hint.With(fmt.Errorf("the time limit of tests, %q, is no duration", s.Options.TestLimit), `write it as "90s" or "5m"`)
		}
	}
	job.Params, job.Limit = p, p.Limit+5*time.Minute
	job.Inputs = pipeline.Inputs{Trees: []string{s.Dir}, Values: map[string]string{"sluice": s.Version, pytest: p.Pytest.Digest}}
	maps.Copy(job.Inputs.Values, testdb.Facts(p.Services))
	job.Access = pipeline.Access{Network: pipeline.Loopback, RunsRepositoryCode: true, Read: p.Pytest.Read}
	return job, nil
}

// Worker implements scan.Scanner.
func (Tests) Worker() pipeline.Worker { return workTests }

// tests is one run of the job.
type tests struct {
	pipeline.Task
	params testParams
	pytest tool.Found
	tmp    string   // the folder that the tests can write to
	env    []string // how they reach what was started for them
	names  []string // of the service's Python files
	notes  []string
}

func workTests(ctx context.Context, t pipeline.Task) (a pipeline.Answer, err error) {
	r := tests{Task: t}
	if err := json.Unmarshal(t.Params, &r.params); err != nil {
		return a, fmt.Errorf("reading the job's parameters: %w", err)
	}
	if err := r.look(ctx); err != nil {
		return a, err
	}
	if r.tmp, err = os.MkdirTemp("", "pytest-"); err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, atomicfile.RemoveAll(r.tmp)) }()
	if r.pytest, err = r.params.Pytest.probe(ctx, r.environ()); err != nil {
		return a, err
	}
	if len(r.params.Services) > 0 {
		r.Progress("starting " + testdb.MySQL)
	}
	reached, stop, err := testdb.Start(ctx, r.params.Services, filepath.Join(os.TempDir(), testdb.MySQL), r.Log)
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	for name, value := range reached {
		r.env = append(r.env, name+"="+value)
	}
	report, err := r.report(ctx)
	a.Reports = []pipeline.Report{report}
	return a, err
}

// look lists the service's Python files.
func (r *tests) look(ctx context.Context) error {
	root, err := os.OpenRoot(r.Dir)
	if err != nil {
		return err
	}
	defer root.Close()
	var left []string
	r.names, left, err = list(ctx, root, r.params.Venvs)
	err = cmp.Or(err, r.params.Venvs.absent())
	r.notes = leftNote(left)
	for _, name := range []string{"pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg"} {
		if text, err := readUpTo(root, name, maxFile); err == nil && strings.Contains(string(text), "addopts") {
			r.notes = append(r.notes, "addopts in "+name+" is not read: an option there can leave tests out")
		}
	}
	return err
}

// environ is the tests' environment. Python looks for modules where "python -m
// pytest" does, and in src.
func (r *tests) environ() []string {
	return slices.Concat([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Join(r.tmp, "home"), "TMPDIR=" + r.tmp, "LANG=C.UTF-8",
		"PYTHONPATH=" + r.Dir + string(filepath.ListSeparator) + filepath.Join(r.Dir, "src"),
		"PYTHONDONTWRITEBYTECODE=1", "PYTHONHASHSEED=0", "PYTHONUTF8=1",
	}, r.pytest.Env, r.env)
}

// testOutcome is what is known after the tests have run.
type testOutcome struct {
	collected []string // the tests that pytest found, as they are called in the report
	chosen    bool     // whether some were left out of what it found
	cases     []testCase
	covered   covered
	summed    bool  // whether pytest came to its last line
	broken    error // nil, errTooLong or an *command.ExitError
}

// test collects the service's tests, and runs them.
func (r *tests) test(ctx context.Context) (o testOutcome, err error) {
	for _, dir := range []string{"home", "results"} {
		if err := os.MkdirAll(filepath.Join(r.tmp, dir), 0o700); err != nil {
			return o, err
		}
	}
	if err := os.WriteFile(r.result("coverage.cfg"), coverageSettings, 0o600); err != nil {
		return o, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, r.params.Limit, errTooLong)
	defer cancel()
	r.Progress("looking for tests")
	var out strings.Builder
	err = r.start(ctx, &out, maxCollected, "--collect-only", "-q", "-p", "no:pytest_cov")
	fmt.Fprint(r.Log, out.String())
	if o.collected, o.chosen, err = collected(out.String(), err); err != nil {
		return o, err
	}
	r.Progress("running the tests")
	end := &tail{}
	o.broken = r.start(ctx, io.MultiWriter(r.Log, end), maxTestOutput, "--continue-on-collection-errors", "--tb=short", "--junitxml="+r.result("junit.xml"),
		"--cov=.", "--cov-config="+r.result("coverage.cfg"), "--cov-report=xml:"+r.result("coverage.xml"), "--cov-fail-under=0")
	o.summed = lastLineOfPytest().Match(end.text)
	if errors.Is(o.broken, errTooLong) {
		return o, nil
	}
	if err := context.Cause(ctx); err != nil {
		return o, err
	}
	return o, r.read(&o)
}

// lastLineOfPytest is its summary.
func lastLineOfPytest() *regexp.Regexp {
	return regexp.MustCompile(`(?m)^=+ .* in \d+\.\d+s.* =+$`)
}

// maxTail is how much of the end of what is written to a tail it keeps, bytes.
const maxTail = 64 << 10

type tail struct{ text []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-maxTail):]
	return len(p), nil
}

// result is a file of results.
func (r *tests) result(name string) string { return filepath.Join(r.tmp, "results", name) }

// start runs pytest, which may write to the tests' temporary folder only. The
// options leave the repository's settings file what the tests need of it, and not
// what they are or what is told of them.
func (r *tests) start(ctx context.Context, out io.Writer, most int64, args ...string) error {
	all := []string{testexec.Confined, r.pytest.Path, "--rootdir=" + r.Dir, "--confcutdir=" + r.Dir, "--color=no", "-p", "no:cacheprovider"}
	for _, setting := range []string{
		"addopts=", "required_plugins=", "testpaths=", "norecursedirs=.* build dist node_modules venv *.egg", "console_output_style=classic",
		"junit_family=xunit1", "junit_suite_name=pytest", "junit_logging=no", "junit_duration_report=total",
		fmt.Sprintf("faulthandler_timeout=%.0f", (r.params.Limit - r.params.Limit/10).Seconds()),
	} {
		all = append(all, "-o", setting)
	}
	settings := testexec.Settings{Write: []string{r.tmp}}
	return command.Run(ctx, command.Spec{
		Path: r.Program, Args: append(append(all, args...), "."), Dir: r.Dir, Env: append(r.environ(), testexec.Variable+"="+settings.Encode()),
		Stdout: out, Stderr: r.Log, MaxOutput: most,
	})
}
