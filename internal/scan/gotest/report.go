package gotest

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-ci/sluice/internal/command"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

// tally counts tests, parts of tests included.
type tally struct{ tests, passed, failed, skipped int }

func (r *results) tally() (n tally) {
	for _, p := range r.order {
		for _, t := range p.order {
			n.tests++
			switch t.action {
			case "pass":
				n.passed++
			case "skip":
				n.skipped++
			default: // a test that did not end did not pass
				n.failed++
			}
		}
	}
	return n
}

// cached counts the packages whose tests the go command did not have to run.
func (r *results) cached() (n int) {
	for _, p := range r.order {
		if p.cached {
			n++
		}
	}
	return n
}

// report is what the stage has to say.
func (r *runner) report(o outcome) (pipeline.Report, error) {
	rep := pipeline.Report{Stage: stage, Tools: []pipeline.Tool{{Name: tool, Version: strings.TrimPrefix(r.tc.Version, "go")}}}
	if !o.listing.any() {
		return r.noTests(rep, o.listing.files), nil
	}
	c, err := readProfile(r.profile())
	profiled := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // nothing may have been compiled
		return rep, err
	}
	n := o.results.tally()
	rep.Findings = r.judge(o)
	missing := o.missing()
	rep.NotRun, rep.Remedy = o.notRun(rep.Findings, missing)
	rep.Examined, err = o.census()
	o.doubt(&rep, c, err)
	r.judgeCoverage(&rep, c, profiled)
	rep.Rules = scan.Rules(rules(), rep.Findings)
	rep.Notes = append(r.notes, o.notes(n, missing)...)
	rep.Values = map[string]string{
		"tests": strconv.Itoa(n.tests), "passed": strconv.Itoa(n.passed), "failed": strconv.Itoa(n.failed), "skipped": strconv.Itoa(n.skipped),
		"coverage": c.String(),
	}
	if c.all > 0 {
		rep.Notes = append(rep.Notes, "coverage "+c.String()+" % of statements")
	}
	r.log(o)
	return rep, writeJUnit(filepath.Join(r.Out, "junit.xml"), o)
}

// noTests is the report of a service without any: that is no failure, unless
// coverage is asked for, or there are some that the go command does not see.
func (r *runner) noTests(rep pipeline.Report, files testFiles) pipeline.Report {
	rep.Notes = append([]string{"there are no tests"}, files.notes()...)
	if rep.NotRun, rep.Remedy = files.notRun(); rep.NotRun == "" && files.excluded > 0 {
		rep.NotRun, rep.Remedy = fmt.Sprintf("build constraints leave out all of the %d tests", files.excluded), "have at least one test that runs without tags"
	}
	if r.params.Coverage == 0 {
		if rep.NotRun == "" {
			rep.NotApplicable = noTests
		}
		return rep
	}
	rep.Findings = []sarif.Finding{r.tooLittle(covered{})}
	rep.Rules = scan.Rules(rules(), rep.Findings)
	rep.Values = map[string]string{"tests": "0", "passed": "0", "failed": "0", "skipped": "0", "coverage": "0.0"}
	return rep
}

// judgeCoverage holds the coverage against what is asked for. It is not
// judged while anything else is wrong, since it is then not known.
func (r *runner) judgeCoverage(rep *pipeline.Report, c covered, known bool) {
	switch {
	case r.params.Coverage == 0 || len(rep.Findings) > 0 || rep.NotRun != "":
	case !known:
		rep.NotRun, rep.Remedy = "go test wrote no coverage profile", "see the stage's log"
	case !c.reaches(r.params.Coverage):
		rep.Findings = append(rep.Findings, r.tooLittle(c))
	}
}

func (r *runner) tooLittle(c covered) sarif.Finding {
	return r.finding("coverage", place{file: filepath.Join(r.Dir, "go.mod")}, "of statements",
		fmt.Sprintf("tests run %s %% of the statements, and %d %% are asked for", c, r.params.Coverage))
}

// missing are the tests that should have been heard of: those of packages that
// were to run, "package.Test".
func (o outcome) missing() (list []string) {
	for _, l := range o.listing.packages {
		p := o.results.packages[l.ImportPath]
		if p == nil || p.failedBuild != "" {
			continue
		}
		for _, name := range l.names() {
			if t := p.tests[name]; t == nil || p.action == "pass" && !t.ended() {
				list = append(list, l.ImportPath+"."+name)
			}
		}
	}
	return list
}

// notRun is why the results prove nothing, "" when they do: every package must
// have ended, every test of a package that passed must have been heard of, and
// a failure must have been understood.
func (o outcome) notRun(findings []sarif.Finding, missing []string) (reason, remedy string) {
	var silent []string
	for _, l := range o.listing.packages {
		if p := o.results.packages[l.ImportPath]; p == nil || p.action == "" {
			silent = append(silent, l.ImportPath)
		}
	}
	unheard := slices.DeleteFunc(slices.Clone(missing), func(name string) bool { return o.explained(name) })
	var exit *command.ExitError
	switch {
	case len(silent) > 0:
		return fmt.Sprintf("the tests of %d of %d packages did not end: %s", len(silent), len(o.listing.packages), some(silent)), "see the stage's log"
	case len(unheard) > 0:
		return fmt.Sprintf("%d tests gave no result: %s", len(unheard), some(unheard)), "see whether TestMain ends without m.Run, or a test ends the program"
	case len(findings) == 0 && errors.As(o.ended, &exit):
		return "go test failed, and no test did: " + firstLines(exit.Error(), 3), "run go test ./... to see why"
	}
	return "", ""
}

// doubt adds what else the results may be doubted for: less was looked at than
// there is, the test programs did not do what they say, or nothing was tried.
func (o outcome) doubt(rep *pipeline.Report, c covered, census error) {
	if rep.NotRun == "" {
		rep.NotRun, rep.Remedy = o.listing.files.notRun()
	}
	if rep.NotRun != "" || len(rep.Findings) > 0 {
		return
	}
	n, forged := o.results.tally(), o.forged(c)
	switch {
	case census != nil:
		rep.NotRun, rep.Remedy = census.Error(), hint.Remedy(census)
	case len(forged) > 0:
		rep.NotRun = "the test programs say that the tests passed, and did not run them: " + some(forged)
		rep.Remedy = "see what they do in init and in TestMain, which has to call m.Run"
	case n.skipped == n.tests:
		rep.NotRun, rep.Remedy = fmt.Sprintf("all of the %d tests were skipped", n.tests), "have at least one test that runs here"
	}
}

// explained tells whether a test was not heard of because its package failed:
// then there is a finding for that.
func (o outcome) explained(test string) bool {
	p := o.results.packages[test[:strings.LastIndex(test, ".")]]
	return p != nil && p.action == "fail"
}

func (o outcome) notes(n tally, missing []string) (notes []string) {
	if n := o.results.cached(); n > 0 {
		notes = append(notes, fmt.Sprintf("results of %d of %d packages are as before: nothing that they saw has changed", n, len(o.listing.packages)))
	}
	notes = append(notes, o.listing.files.notes()...)
	if n.skipped > 0 {
		notes = append(notes, fmt.Sprintf("%d of %d tests were skipped", n.skipped, n.tests))
	}
	after := 0
	for _, name := range missing {
		if o.explained(name) {
			after++
		}
	}
	if after > 0 {
		notes = append(notes, fmt.Sprintf("%d tests did not run, because their package's test program ended before", after))
	}
	return notes
}

// log writes the results to the stage's log: a line for each package, and what
// the tests that failed printed.
func (r *runner) log(o outcome) {
	for _, p := range o.results.order {
		fmt.Fprintf(r.Log, "%-4s %s %.2fs\n", p.action, p.path, p.elapsed)
		for _, t := range p.order {
			if t.action != "pass" && t.action != "skip" {
				fmt.Fprintf(r.Log, "--- %s\n%s\n", t.name, t.out.String())
			}
		}
		if p.action == "fail" {
			fmt.Fprintln(r.Log, p.out.String())
		}
	}
	for path, out := range o.results.builds {
		fmt.Fprintf(r.Log, "%s: %s\n", path, out)
	}
}

// some names the first of a list.
func some(list []string) string {
	const most = 8
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(list[:most], ", "), len(list)-most)
}
