package gotest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// maxFindings bounds what is reported; all of it is in the JUnit report.
const maxFindings = 1000

// messageLines is how many lines of a test's output a message holds.
const messageLines = 5

// judge turns results into findings.
func (r *runner) judge(o outcome) []sarif.Finding {
	var list []sarif.Finding
	for _, p := range o.results.order {
		l := o.listing.byPath[p.path]
		if l == nil {
			continue // counted by the census
		}
		list = append(list, r.judgePackage(o, p, l)...)
	}
	if errors.Is(o.ended, errTooMuch) {
		list = append(list, r.tooMuch(o))
	}
	if list = tidy(list); len(list) > maxFindings {
		r.notes = append(r.notes, fmt.Sprintf("%d more findings are in junit.xml", len(list)-maxFindings))
		list = list[:maxFindings]
	}
	return list
}

// tidy sorts findings and drops repetitions.
func tidy(list []sarif.Finding) []sarif.Finding {
	seen := map[string]bool{}
	list = slices.DeleteFunc(list, func(f sarif.Finding) bool {
		key := f.Identity + "\x00" + f.Location.String()
		again := seen[key]
		seen[key] = true
		return again
	})
	slices.SortStableFunc(list, func(a, b sarif.Finding) int {
		return cmp.Or(cmp.Compare(a.Location.Path, b.Location.Path), cmp.Compare(a.Location.Line, b.Location.Line), cmp.Compare(a.Identity, b.Identity))
	})
	return list
}

func (r *runner) judgePackage(o outcome, p *packaged, l *listed) []sarif.Finding {
	switch {
	case p.failedBuild != "":
		return r.notCompiled(l, o.results.builds[p.failedBuild])
	case p.action == "fail":
		return r.failures(p, l)
	case p.action == "" && errors.Is(o.ended, errTooLong):
		return r.timeouts(p, l, unfinished(p))
	}
	return nil
}

// failures explains a package whose tests failed. There is always a reason.
func (r *runner) failures(p *packaged, l *listed) []sarif.Finding {
	beside := dissect(p.out.String())
	list := r.races(p.path, beside.races)
	ended := beside.timeout || beside.crash != nil // it is known why the program ended
	var running []*tested
	for _, t := range p.order {
		if t.action != "fail" && t.ended() {
			continue
		}
		d := dissect(t.out.String())
		ended = ended || d.timeout || d.crash != nil
		if t.action == "fail" || d.timeout || d.crash != nil || len(d.races) > 0 {
			list = append(list, r.failure(p, l, t, d)...)
		}
		if t.action != "fail" {
			running = append(running, t)
		}
	}
	switch {
	case beside.timeout:
		list = append(list, r.timeouts(p, l, unfinished(p))...)
	case beside.crash != nil:
		list = append(list, r.crash(beside.crash, l.somewhere(), p.path, p.path))
	case !ended && len(running) > 0:
		list = append(list, r.cutShort(p, l, beside)...)
	}
	if len(list) == 0 {
		list = append(list, r.finding("test-failed", l.somewhere(), p.path, p.path+": "+cmp.Or(firstLines(speech(beside.said), messageLines), "it ended with an error, and said nothing")))
	}
	return list
}

// cutShort are the findings for tests during which the test program ended, by
// os.Exit or a signal.
func (r *runner) cutShort(p *packaged, l *listed, beside dissected) (list []sarif.Finding) {
	for _, name := range unfinished(p) {
		text := name + ": the test program ended while this test ran"
		if why := firstLines(speech(beside.said), 1); why != "" {
			text += ": " + why
		}
		list = append(list, r.finding("test-failed", l.declaredAt(name), p.path+"."+name, text))
	}
	return list
}

// failure explains a test that failed, or in whose output there is what ended
// the program.
func (r *runner) failure(p *packaged, l *listed, t *tested, d dissected) []sarif.Finding {
	list := r.races(p.path, d.races)
	name := p.path + "." + t.name
	if d.timeout {
		return append(list, r.timeouts(p, l, d.running)...)
	}
	if d.crash != nil {
		// Output goes to whichever test was heard of last; the stack knows better.
		who := cmp.Or(l.testIn(d.crash.stack), t.name)
		return append(list, r.crash(d.crash, l.declaredAt(who), p.path+"."+who, who))
	}
	at, text, located := r.failedAt(l, d.said)
	if hasFailedPart(p, t) || !located && len(list) > 0 || !t.ended() {
		return list
	}
	if !located {
		at, text = l.declaredAt(t.name), d.said
	}
	return append(list, r.finding("test-failed", at, name, t.name+": "+cmp.Or(firstLines(speech(text), messageLines), "it failed, and said nothing")))
}

// hasFailedPart tells whether a subtest is what made a test fail.
func hasFailedPart(p *packaged, t *tested) bool {
	return slices.ContainsFunc(p.order, func(o *tested) bool {
		return strings.HasPrefix(o.name, t.name+"/") && (o.action == "fail" || !o.ended())
	})
}

// unfinished are the tests that were running when nothing more was heard.
func unfinished(p *packaged) []string {
	var running, paused []string
	for _, t := range p.order {
		switch {
		case t.action == "pause":
			paused = append(paused, t.name)
		case !t.ended():
			running = append(running, t.name)
		}
	}
	if len(running) == 0 {
		return leaves(paused)
	}
	return leaves(running)
}

// timeouts are the findings for tests that hang: without a name it is what
// comes before the tests.
func (r *runner) timeouts(p *packaged, l *listed, names []string) (list []sarif.Finding) {
	limit := fmt.Sprintf("within %v", r.params.Limit)
	for _, name := range names {
		list = append(list, r.finding("test-timeout", l.declaredAt(name), p.path+"."+name, name+" did not end "+limit))
	}
	if len(list) == 0 {
		list = append(list, r.finding("test-timeout", l.somewhere(), p.path, p.path+": its test program did not end "+limit+", outside of any test: see TestMain, and what variables are initialised with"))
	}
	return list
}

func (r *runner) tooMuch(o outcome) sarif.Finding {
	who := o.results.loudest
	at, name := place{file: r.Dir}, who.pkg
	if l := o.listing.byPath[who.pkg]; l != nil {
		at = l.declaredAt(who.test)
		name = cmp.Or(who.test, name)
	}
	return r.finding("test-output", at, who.pkg+"."+who.test, fmt.Sprintf("%s printed %d MiB, and the tests were stopped", name, who.bytes>>20))
}

// crash is the finding for a panic: at the repository's own line in the stack.
func (r *runner) crash(c *crash, otherwise place, identity, name string) sarif.Finding {
	at := otherwise
	var trace []sarif.Location
	for _, f := range c.stack {
		if own, ok := r.ownFrame([]frame{f}); ok {
			here := r.location(own.at)
			here.Note = own.function
			trace = append(trace, here)
		}
	}
	f := r.finding("test-panic", at, identity, name+": panic: "+firstLines(c.text, 1))
	if len(trace) > 0 {
		f.Location = sarif.Location{Path: trace[0].Path, Line: trace[0].Line}
		slices.Reverse(trace)
		f.Trace = trace
	}
	return f
}

// races are the findings for what the race detector reported.
func (r *runner) races(pkg string, races []raced) (list []sarif.Finding) {
	for _, race := range races {
		var trace []sarif.Location
		functions := []string{}
		for i, stack := range race.stacks[:min(len(race.stacks), 2)] {
			own, ok := r.ownFrame(stack)
			if !ok {
				continue
			}
			here := r.location(own.at)
			here.Note = access(race.titles[i]) + " in " + own.function
			trace = append(trace, here)
			functions = append(functions, own.function)
		}
		if len(trace) == 0 {
			continue // it is the test's failure that is reported
		}
		slices.Sort(functions)
		f := r.finding("data-race", place{}, pkg+" "+strings.Join(functions, " "), "data race: "+describe(trace))
		f.Location, f.Trace = sarif.Location{Path: trace[0].Path, Line: trace[0].Line}, trace
		list = append(list, f)
	}
	return list
}

// access is a race's title without addresses and numbers of goroutines, which
// differ each time: "Previous write".
func access(title string) string {
	what, _, _ := strings.Cut(title, " at 0x")
	return strings.ToLower(what)
}

func describe(trace []sarif.Location) string {
	var list []string
	for _, l := range trace {
		list = append(list, fmt.Sprintf("%s, at %s", l.Note, l))
	}
	return strings.Join(list, "; ")
}

// notCompiled are the findings for a compiler's output.
func (r *runner) notCompiled(l *listed, out *excerpt) (list []sarif.Finding) {
	if out == nil {
		return []sarif.Finding{r.finding("compile", l.somewhere(), l.ImportPath, l.ImportPath+" does not compile")}
	}
	for _, e := range compileErrors(out.String()) {
		file, ok := r.resolve(e.file, r.Dir, l.Dir)
		if !ok {
			continue
		}
		f := r.finding("compile", place{file, e.line}, e.file+" "+e.text, e.text)
		f.Location.Column, f.Class = e.column, "compile"
		list = append(list, f)
	}
	if len(list) == 0 {
		text := firstLines(withoutTitles(out.String()), messageLines)
		list = append(list, r.finding("compile", l.somewhere(), l.ImportPath, l.ImportPath+": "+text))
	}
	return list
}

// speech is output without the lines that go test adds to it.
func speech(lines []string) string {
	own := func(line string) bool {
		return line == "FAIL" || line == "PASS" || strings.HasPrefix(line, "FAIL\t") || strings.HasPrefix(line, "coverage: ")
	}
	return strings.Join(slices.DeleteFunc(slices.Clone(lines), own), "\n")
}
