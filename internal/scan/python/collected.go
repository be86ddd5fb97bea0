package python

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/sluice-ci/sluice/internal/command"
	"github.com/sluice-ci/sluice/internal/hint"
)

// Statuses of pytest (its reference, "Exit codes").
const (
	statusFailed      = 1
	statusInterrupted = 2 // errors while collecting are such
	statusNoTests     = 5
)

// collected reads what "pytest --collect-only -q" printed and how it ended: the
// tests, called as the JUnit report calls them, and whether some were left out.
func collected(out string, ended error) (tests []string, chosen bool, err error) {
	var exit *command.ExitError
	known := errors.As(ended, &exit) && (exit.Code == statusInterrupted || exit.Code == statusNoTests)
	if ended != nil && !known {
		return nil, false, explain(ended, out)
	}
	for line := range strings.Lines(out) {
		if line = strings.TrimSuffix(line, "\n"); line == "" {
			break
		}
		if strings.Contains(line, "::") {
			tests = append(tests, asReported(line))
		}
	}
	m := regexp.MustCompile(`(?m)^(?:(\d+)(?:/(\d+))?|no) tests? collected`).FindStringSubmatch(out)
	if m == nil && !strings.Contains(out, "no tests ran") && !strings.Contains(out, " error in ") {
		return nil, false, hint.With(errors.New("pytest did not say how many tests there are"), "see the stage's log")
	}
	if m != nil && m[1] != "" && m[1] != strconv.Itoa(len(tests)) {
		return nil, false, hint.With(fmt.Errorf("pytest says that there are %s tests, and names %d", m[1], len(tests)), "see the stage's log")
	}
	return tests, m != nil && m[2] != "", nil
}

// asReported is how the JUnit report calls the test of a node: its path and
// classes by dots, and its name.
func asReported(node string) string {
	address, params, open := strings.Cut(node, "[")
	names := strings.Split(address, "::")
	names[0] = strings.TrimSuffix(strings.ReplaceAll(names[0], "/", "."), ".py")
	name := strings.Join(names, ".")
	if open {
		name += "[" + params
	}
	return name
}

// explain is why pytest did not start its work, with what to do about it.
func explain(err error, out string) error {
	var exit *command.ExitError
	said := out
	if errors.As(err, &exit) {
		said += exit.Stderr
	}
	remedy := "see the stage's log"
	if strings.Contains(said, "--cov") && strings.Contains(said, "unrecognized arguments") {
		remedy = "install pytest-cov where pytest is: apt-get install python3-pytest-cov"
	}
	if m := missingModule().FindStringSubmatch(said); m != nil {
		remedy = install(m[1])
	}
	return hint.With(fmt.Errorf("pytest did not run the tests: %w", err), remedy)
}

// missingModule is what Python says of a module that is not there.
func missingModule() *regexp.Regexp {
	return regexp.MustCompile(`ModuleNotFoundError: No module named '([A-Za-z0-9_.]{1,100})'`)
}

// install says how a module gets to where pytest is.
func install(module string) string {
	top, _, _ := strings.Cut(module, ".")
	return fmt.Sprintf("install what the service needs where pytest is: python3 -m pip install -r requirements.txt, or on Debian apt-get install python3-%s", strings.ToLower(top))
}
