package gotest

import (
	"path/filepath"
	"strings"

	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

// tool is who sees the findings.
const tool = "go test"

// rules explains the findings.
func rules() map[string]sarif.Rule {
	list := []sarif.Rule{
		{ID: "test-failed", Name: "failing test", Why: "the service does not do what its own tests say that it does", Fix: "correct the code, or the test if that is what is wrong"},
		{ID: "test-panic", Name: "panic in a test", Why: "the program crashed; the tests after this one did not run", Fix: "correct the line that panics"},
		{ID: "data-race", Name: "data race", CWE: []int{362}, URI: "https://go.dev/doc/articles/race_detector",
			Why: "two goroutines use the same memory at the same time, and one of them writes: the result is undefined", Fix: "guard the memory with a mutex, or hand it over by a channel"},
		{ID: "compile", Name: "code that does not compile", Why: "nothing can be said about code that does not compile", Fix: "correct the error; go vet ./... shows it too"},
		{ID: "test-timeout", Name: "test that hangs", Why: "the test did not end in time, so what it and the tests after it check is unknown", Fix: "find out what it waits for; if it is merely slow, raise the time limit of tests"},
		{ID: "test-output", Name: "test that prints too much", Why: "the tests were stopped for what they printed, so what they check is unknown", Fix: "print less"},
		{ID: "coverage", Name: "too little coverage", Why: "fewer statements are run by tests than this service asks for", Fix: "add tests for what is not run: go tool cover -html=coverage.out shows it"},
	}
	all := map[string]sarif.Rule{}
	for _, r := range list {
		r.Tool = tool
		all[r.ID] = r
	}
	return all
}

// finding is one with what all have in common. Its message holds no path of the
// machine that it was made on.
func (r *runner) finding(rule string, at place, identity, message string) sarif.Finding {
	message = strings.ReplaceAll(message, r.Root+string(filepath.Separator), "")
	return sarif.Finding{
		Rule: rule, Tool: tool, Stage: stage, Message: message, Severity: sarif.High,
		CWE: rules()[rule].CWE, Location: r.location(at), Identity: rule + " " + identity,
	}
}

// Rules implements scan.Catalogue.
func (Scanner) Rules() map[string][]sarif.Rule {
	return map[string][]sarif.Rule{stage: scan.Sorted(rules())}
}
