package gotest

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/sluice-ci/sluice/internal/scan/gotest/testexec"
)

// event is a line of go test -json ("go doc test2json"), or of the build's
// output in between ("go help buildjson").
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build-output and build-fail
	Test        string
	Elapsed     float64 // seconds
	Output      string
	FailedBuild string
}

// tested is one test, example or fuzz test, or a part of one.
type tested struct {
	name    string
	action  string // "run", "pause" and "cont" while it runs; "pass", "fail", "skip"
	elapsed float64
	out     excerpt
	reason  string // of a skip
}

func (t *tested) ended() bool { return t.action == "pass" || t.action == "fail" || t.action == "skip" }

// packaged is what go test said of one package.
type packaged struct {
	path        string
	action      string // "" until it ended
	elapsed     float64
	failedBuild string
	cached      bool
	tests       map[string]*tested
	order       []*tested
	out         excerpt // what no test printed
}

// results collects events.
type results struct {
	limits   limits
	packages map[string]*packaged
	order    []*packaged
	builds   map[string]*excerpt // compilers' output, by import path
	budget   budget

	done          int // packages that ended
	tests, failed int
	output        int64 // bytes that tests printed
	loudest       loud
}

// loud is the test that printed most.
type loud struct {
	pkg, test string
	bytes     int64
}

func newResults(l limits) *results {
	return &results{limits: l, packages: map[string]*packaged{}, builds: map[string]*excerpt{}, budget: budget{l.kept}}
}

// add takes an event. The error says that a limit was passed.
func (r *results) add(e event) error {
	if e.ImportPath != "" {
		r.build(e)
		return nil
	}
	if e.Package == "" {
		return nil
	}
	p := r.at(e.Package)
	if e.Test == "" {
		return r.addPackage(p, e)
	}
	t := p.tests[e.Test]
	if t == nil {
		if r.tests++; r.tests > r.limits.tests {
			return fmt.Errorf("there are more than %d tests and subtests", r.limits.tests)
		}
		t = &tested{name: e.Test, out: excerpt{budget: &r.budget}}
		p.tests[e.Test] = t
		p.order = append(p.order, t)
	}
	if e.Action == "output" {
		if framing(e.Output) {
			return nil
		}
		r.rescue(p, e.Output)
		return r.print(loud{p.path, t.name, 0}, &t.out, e.Output)
	}
	r.change(t, e)
	return nil
}

func (r *results) at(path string) *packaged {
	p := r.packages[path]
	if p == nil {
		p = &packaged{path: path, tests: map[string]*tested{}, out: excerpt{budget: &r.budget}}
		r.packages[path] = p
		r.order = append(r.order, p)
	}
	return p
}

func (r *results) build(e event) {
	b := r.builds[e.ImportPath]
	if b == nil {
		b = &excerpt{budget: &r.budget}
		r.builds[e.ImportPath] = b
	}
	b.write(e.Output)
}

// diskFull tells whether compiling failed for want of space: that is no defect
// of the code.
func (r *results) diskFull() bool {
	for _, b := range r.builds {
		if strings.Contains(b.String(), "no space left on device") {
			return true
		}
	}
	return false
}

func (r *results) addPackage(p *packaged, e event) error {
	switch e.Action {
	case "output":
		p.cached = p.cached || e.Output == testexec.Replayed+"\n"
		return r.print(loud{p.path, "", 0}, &p.out, e.Output)
	case "pass", "fail", "skip":
		if p.action == "" {
			r.done++
		}
		p.action, p.elapsed, p.failedBuild = e.Action, e.Elapsed, e.FailedBuild
	}
	return nil
}

// print keeps some of an output.
func (r *results) print(who loud, out *excerpt, text string) error {
	out.write(text)
	if who.bytes = out.total; who.bytes > r.loudest.bytes {
		r.loudest = who
	}
	if r.output += int64(len(text)); r.output > r.limits.output {
		return errTooMuch
	}
	return nil
}

// verdict is how package testing marks what became of a test.
var verdict = regexp.MustCompile(`\x16--- (PASS|FAIL|SKIP): (\S+) \(`)

// rescue finds the verdict on a test in its output. It is there, and not in an
// event, after a line without an end whose length is a multiple of the buffer
// of the go command's converter, which does not look for it then.
func (r *results) rescue(p *packaged, text string) {
	if strings.IndexByte(text, 0x16) < 0 {
		return
	}
	for _, m := range verdict.FindAllStringSubmatch(text, -1) {
		if t := p.tests[m[2]]; t != nil {
			r.change(t, event{Action: strings.ToLower(m[1])})
		}
	}
}

// framing tells whether an output is what package testing itself says of a
// test, which is in the other events too.
func framing(text string) bool {
	text = strings.TrimLeft(text, " ")
	for _, prefix := range []string{"=== RUN ", "=== PAUSE ", "=== CONT ", "=== NAME ", "--- PASS: ", "--- FAIL: ", "--- SKIP: "} {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return false
}

// change notes what became of a test. One that failed has failed, whatever is
// said of it afterwards.
func (r *results) change(t *tested, e event) {
	if t.action == "fail" {
		return
	}
	switch e.Action {
	case "run", "pause", "cont":
		t.action = e.Action
	case "pass", "fail", "skip":
		t.action, t.elapsed = e.Action, e.Elapsed
		if e.Action == "fail" {
			r.failed++
			return
		}
		if e.Action == "skip" {
			t.reason = firstLines(t.out.String(), 3)
		}
		t.out.drop()
	}
}
