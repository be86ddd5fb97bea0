package python

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-ci/sluice/internal/atomicfile"
	"github.com/sluice-ci/sluice/internal/command"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

// report is what the stage has to say.
func (r *tests) report(ctx context.Context) (rep pipeline.Report, err error) {
	rep = pipeline.Report{Stage: testStage, Tools: []pipeline.Tool{used(r.pytest)}, Notes: r.notes}
	test, err := r.prove(ctx)
	if rep.SelfTest = &test; err != nil {
		return rep, err
	}
	counted, err := r.counted()
	if err != nil {
		return rep, err
	}
	o, err := r.test(ctx)
	if err != nil {
		return rep, err
	}
	rep.Findings = r.findings(o)
	rep.Examined, err = o.census(counted)
	rep.NotRun, rep.Remedy = o.notRun(rep.Findings, err)
	r.tell(&rep, o)
	if r.params.Coverage > 0 && len(rep.Findings) == 0 && rep.NotRun == "" && !o.covered.reaches(r.params.Coverage) {
		rep.Findings = append(rep.Findings, r.finding("coverage", r.project(), 0, "of statements",
			fmt.Sprintf("tests run %s %% of the statements, and %d %% are asked for", o.covered, r.params.Coverage)))
	}
	rep.Rules = scan.Rules(testRules(), rep.Findings)
	return rep, r.keep()
}

// tell adds the numbers.
func (r *tests) tell(rep *pipeline.Report, o testOutcome) {
	n, expected := map[string]int{}, 0
	for _, c := range o.cases {
		n[c.state]++
		if c.kind == "pytest.xfail" {
			expected++
		}
	}
	rep.Values = map[string]string{
		"tests": strconv.Itoa(len(o.cases)), "passed": strconv.Itoa(n["passed"]), "failed": strconv.Itoa(n["failed"] + n["error"]), "skipped": strconv.Itoa(n["skipped"]),
		"coverage": o.covered.String(),
	}
	if n["skipped"] > 0 {
		rep.Notes = append(rep.Notes, fmt.Sprintf("%d of %d tests were skipped, %d of them expected to fail", n["skipped"], len(o.cases), expected))
	}
	if o.covered.all > 0 {
		rep.Notes = append(rep.Notes, "coverage "+o.covered.String()+" % of statements")
	}
}

// notRun is why the results prove nothing; "" when they do.
func (o testOutcome) notRun(findings []sarif.Finding, census error) (reason, remedy string) {
	passed := slices.ContainsFunc(o.cases, func(c testCase) bool { return c.state == "passed" })
	var exit *command.ExitError
	failed := errors.As(o.broken, &exit)
	switch module := o.missing(); {
	case module != "":
		return fmt.Sprintf("the tests need the Python module %s, which is not there", module), install(module)
	case errors.Is(o.broken, errTooLong):
		return "", "" // there is a finding for that
	case o.broken != nil && !failed:
		return "running pytest: " + o.broken.Error(), hint.Remedy(o.broken)
	case !o.summed:
		return "the output of pytest broke off", "see the stage's log, and whether a test ends the program"
	case len(o.collected) == 0 && len(findings) == 0:
		return "pytest found no tests", "write some: functions whose names begin with test, in files called test_….py"
	case census != nil:
		return census.Error(), "see whether conftest.py, the configuration of pytest, or a test that ends the program leaves them out"
	case o.chosen:
		return "some of the tests that pytest found are left out", "see what deselects them in conftest.py"
	case failed && (exit.Code != statusFailed || len(findings) == 0):
		return fmt.Sprintf("pytest ended with status %d, which no test explains", exit.Code), "see the stage's log"
	case !failed && len(findings) > 0:
		return "pytest says that tests failed, and ended as if none had", "see what conftest.py does"
	case !passed && len(findings) == 0:
		return fmt.Sprintf("all of the %d tests were skipped", len(o.cases)), "have at least one test that runs here"
	}
	return "", ""
}

// missing is a module that a file of tests could not be read without; "" for none.
func (o testOutcome) missing() string {
	for _, c := range o.cases {
		if m := missingModule().FindStringSubmatch(c.text); c.state == "error" && c.class == "" && m != nil {
			return m[1]
		}
	}
	return ""
}

// read reads the results. What the tests made of the files is no matter: whatever
// is no report is an error.
func (r *tests) read(o *testOutcome) error {
	err := r.open("junit.xml", func(f io.Reader) (err error) {
		o.cases, err = parseJUnit(f)
		return err
	})
	if err != nil {
		return hint.With(errors.Join(fmt.Errorf("reading the results of pytest: %w", err), o.broken), "see the stage's log, and whether a test ends the program")
	}
	err = r.open("coverage.xml", func(f io.Reader) error {
		files, err := parseCoverage(f)
		if err == nil {
			o.covered, err = sum(r.Dir, r.names, files)
		}
		return err
	})
	if err != nil && (r.params.Coverage > 0 || len(o.cases) == 0) {
		return hint.With(fmt.Errorf("reading the coverage: %w", err), "see the stage's log")
	}
	return nil
}

// open opens a file of results, up to a limit.
func (r *tests) open(name string, read func(io.Reader) error) error {
	text, err := r.content(name)
	if err != nil {
		return err
	}
	return read(strings.NewReader(string(text)))
}

func (r *tests) content(name string) ([]byte, error) {
	root, err := os.OpenRoot(filepath.Join(r.tmp, "results"))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return readUpTo(root, name, maxResults)
}

// keep hands over what was read.
func (r *tests) keep() error {
	for _, name := range []string{"junit.xml", "coverage.xml"} {
		text, err := r.content(name)
		if err != nil {
			continue // the report says what that means
		}
		if err := atomicfile.Write(filepath.Join(r.Out, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// findings are those of the tests that failed, each once.
func (r *tests) findings(o testOutcome) (findings []sarif.Finding) {
	seen := map[string]bool{}
	for _, c := range o.cases {
		if c.state != "failed" && c.state != "error" || seen[c.id()] {
			continue
		}
		seen[c.id()] = true
		rule, message := "test-failed", c.name+": "+firstLine(c.message)
		if c.class == "" {
			rule, message = "test-import", c.name+": "+lastLine(c.text)
		}
		findings = append(findings, r.finding(rule, c.file, r.line(c), c.id(), message))
	}
	if errors.Is(o.broken, errTooLong) {
		findings = append(findings, r.finding("test-timeout", r.project(), 0, "", fmt.Sprintf("the tests did not end within %v; the log shows what they waited for", r.params.Limit)))
	}
	inOrder(findings)
	return findings
}

// line is where a test failed in its own file, or else where it begins.
func (r *tests) line(c testCase) int {
	at := regexp.MustCompile(`(?m)^`+regexp.QuoteMeta(c.file)+`:(\d{1,9}): `).FindAllStringSubmatch(c.text, -1)
	if len(at) > 0 && c.file != "" {
		n, _ := strconv.Atoi(at[len(at)-1][1]) // of digits
		return n
	}
	return c.line + 1
}

// maxMessage bounds what a finding says of a test, bytes.
const maxMessage = 500

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return strings.ToValidUTF8(s[:min(len(s), maxMessage)], "")
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return firstLine(strings.TrimSpace(strings.TrimPrefix(s[strings.LastIndexByte(s, '\n')+1:], "E ")))
}

// project is the file that makes the folder a Python project.
func (r *tests) project() string {
	for _, name := range []string{"pyproject.toml", "requirements.txt", "setup.py"} {
		if _, err := os.Stat(filepath.Join(r.Dir, name)); err == nil {
			return name
		}
	}
	return "."
}

// finding is one with what all have in common. Its message holds no path of the
// machine that it was made on. file is relative to the service's folder.
func (r *tests) finding(rule, file string, line int, identity, message string) sarif.Finding {
	c := check{Task: r.Task}
	return sarif.Finding{
		Rule: rule, Tool: pytest, Stage: testStage, Severity: sarif.High, Location: sarif.Location{Path: c.path(file), Line: line},
		Message: strings.ReplaceAll(message, r.Dir+string(filepath.Separator), ""), Identity: rule + " " + identity,
	}
}

// testRules explains the findings.
func testRules() map[string]sarif.Rule {
	all := map[string]sarif.Rule{}
	for _, r := range []sarif.Rule{
		{ID: "test-failed", Name: "failing test", Why: "the service does not do what its own tests say that it does", Fix: "correct the code, or the test if that is what is wrong"},
		{ID: "test-import", Name: "tests that cannot be read", Why: "the file was not imported, so none of its tests ran", Fix: "correct the error; python3 -m pytest shows it too"},
		{ID: "test-timeout", Name: "test that hangs", Why: "the tests did not end in time, so what they check is unknown", Fix: "find out what they wait for; if they are merely slow, raise the time limit of tests"},
		{ID: "coverage", Name: "too little coverage", Why: "fewer statements are run by tests than this service asks for", Fix: "add tests for what is not run: python3 -m pytest --cov shows it"},
	} {
		r.Tool = pytest
		all[r.ID] = r
	}
	return all
}
