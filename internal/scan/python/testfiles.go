package python

import (
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
)

// counted are the tests that Sluice itself sees in the files of tests, called as
// the JUnit report calls them: functions and classes at the top of a file. It
// knows little of Python, and so counts what is surely a test.
func (r *tests) counted() (all []string, err error) {
	root, err := os.OpenRoot(r.Dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	for _, name := range r.names {
		if !isTestFile(name) || path.Base(name) == "conftest.py" || strings.HasPrefix(name, ".") || strings.Contains(name, "/.") {
			continue
		}
		text, err := read(root, name)
		if err != nil {
			return nil, err
		}
		for _, test := range topTests(string(text)) {
			all = append(all, asReported(name+"::"+test))
		}
	}
	return all, nil
}

// topTests are the names of a file's test functions and test classes.
func topTests(text string) (names []string) {
	top := regexp.MustCompile(`^(?:async +)?def +(test\w*) *\(|^class +(Test\w*) *(?:\(.*\))? *:`)
	lines := strings.Split(withoutStrings(text), "\n")
	for i, line := range lines {
		m := top.FindStringSubmatch(strings.TrimRight(line, "\r"))
		switch {
		case m == nil:
		case m[1] != "" && !isFixture(lines[:i]):
			names = append(names, m[1])
		case m[2] != "" && hasTests(lines[i+1:]):
			names = append(names, m[2])
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// withoutStrings takes texts of several lines out, in which anything may stand.
func withoutStrings(text string) string {
	return regexp.MustCompile(`(?s)""".*?"""|'''.*?'''`).ReplaceAllStringFunc(text, func(s string) string { return strings.Repeat("\n", strings.Count(s, "\n")) })
}

// isFixture tells by the decorators right above a function that it gives tests
// what they need.
func isFixture(above []string) bool {
	for i := len(above) - 1; i >= 0 && above[i] != "" && strings.ContainsRune("@) \t", rune(above[i][0])); i-- {
		if above[i][0] == '@' && strings.Contains(above[i], "fixture") {
			return true
		}
	}
	return false
}

// hasTests tells whether the lines of a class have a test. One that pytest passes
// over by its rules has none.
func hasTests(below []string) (has bool) {
	method := regexp.MustCompile(`^\s+(?:async +)?def +test`)
	for _, line := range below {
		switch {
		case line != "" && strings.TrimLeft(line, " \t\r") == line && line[0] != '#':
			return has
		case strings.Contains(line, "__test__") || strings.Contains(line, "def __init__"):
			return false
		}
		has = has || method.MatchString(line)
	}
	return has
}

// census holds what pytest reported against what there is: every test that it
// found, and every one that Sluice counted. Of a file that pytest could not read,
// or that is skipped as a whole, it reports that.
func (o testOutcome) census(counted []string) ([]pipeline.Count, error) {
	told, whole := map[string]bool{}, map[string]bool{}
	for _, c := range o.cases {
		told[c.id()] = true
		for _, at := range above(c.id()) {
			told[at] = true
		}
		if c.class == "" {
			whole[c.id()] = true
		}
	}
	seen := func(names []string) (seen []string) {
		for _, name := range names {
			if told[name] || slices.ContainsFunc(above(name), func(at string) bool { return whole[at] }) {
				seen = append(seen, name)
			}
		}
		return seen
	}
	tests, err := scan.Census("tests", o.collected, seen(o.collected))
	if err != nil || len(counted) == 0 {
		return []pipeline.Count{tests}, err
	}
	own, err := scan.Census("test functions and classes", counted, seen(counted))
	return []pipeline.Count{tests, own}, err
}

// above are what a test is part of: the test without its parameters, its classes,
// its file and folders.
func above(id string) (all []string) {
	id, _, _ = strings.Cut(id, "[")
	for id != "" {
		all = append(all, id)
		id = id[:max(0, strings.LastIndexByte(id, '.'))]
	}
	return all
}
