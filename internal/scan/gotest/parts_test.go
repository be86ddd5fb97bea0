package gotest

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
)

func TestJob(t *testing.T) {
	t.Parallel()
	s := newService(t, map[string]string{"a_test.go": "package a\n"})
	job, err := Scanner{}.Job(scan.Service{Root: s.dir, Dir: s.dir, GoModule: "example.com/s", CacheDir: s.cache, Options: scan.Options{TestLimit: "90s", Coverage: 70}})
	check(t, err)
	if d := cmp.Diff(params{CacheDir: s.cache, Limit: 90 * time.Second, Coverage: 70}, job.Params); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{s.dir}, job.Inputs.Trees); d != "" {
		t.Error(d)
	}
	tc, err := gotool.Find()
	check(t, err)
	want := pipeline.Access{Network: pipeline.Loopback, RunsRepositoryCode: true, Read: tc.Reads(), Write: []string{filepath.Join(s.cache, "go-build-test")}}
	if d := cmp.Diff(want, job.Access); d != "" {
		t.Error(d)
	}
	if job.Limit <= job.Params.(params).all() {
		t.Errorf("the runner's limit, %v, is not above the worker's", job.Limit)
	}
	for _, wrong := range []string{"soon", "-1s", "0"} {
		_, err := Scanner{}.Job(scan.Service{Root: s.dir, Dir: s.dir, GoModule: "m", Options: scan.Options{TestLimit: wrong}})
		if err == nil || hint.Remedy(err) == "" {
			t.Errorf("a limit of %q: %v", wrong, err)
		}
	}
	none, err := Scanner{}.Job(scan.Service{Root: s.dir, Dir: s.dir})
	check(t, err)
	if none.NotApplicable == "" {
		t.Error("a service that is not in Go has go tests")
	}
}

func TestWorker(t *testing.T) {
	t.Parallel()
	s := newService(t, map[string]string{"a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) {}\n"})
	a, err := Scanner{}.Worker()(t.Context(), pipeline.Task{
		Program: own(t), Root: s.dir, Dir: s.dir, Out: t.TempDir(), Cache: s.own, Params: []byte(mustJSON(t, s.params)), Progress: func(string) {}, Log: t.Output(),
	})
	check(t, err)
	if len(a.Reports) != 1 || a.Reports[0].Stage != "test" || a.Reports[0].Values["passed"] != "1" {
		t.Fatalf("answer %+v", a)
	}
	if got := pipeline.Decide(a.Reports[0], pipeline.Verdict{}, true); got.Outcome != pipeline.Passed {
		t.Errorf("%s: %s", got.Outcome, got.Reason)
	}
}

func TestExcerpt(t *testing.T) {
	t.Parallel()
	b := &budget{left: 1 << 20}
	e := excerpt{budget: b}
	var all bytes.Buffer
	for i := range 100_000 {
		line := fmt.Sprintf("line %d\n", i)
		all.WriteString(line)
		e.write(line)
		if kept := len(e.head) + len(e.tail); kept > 3*keep || b.left+kept != 1<<20 {
			t.Fatalf("%d bytes are kept, and %d are left", kept, b.left)
		}
	}
	text := all.String()
	want := fmt.Sprintf("%s\n[%d bytes are left out here]\n%s", text[:keep], len(text)-2*keep, text[len(text)-keep:])
	if got := e.String(); got != want {
		t.Errorf("excerpt of %d bytes, want %d", len(got), len(want))
	}
	e.drop()
	if b.left != 1<<20 || e.String() != fmt.Sprintf("\n[%d bytes are left out here]\n", len(text)) {
		t.Errorf("after drop %d bytes are left", b.left)
	}

	short := excerpt{budget: b}
	short.write(strings.Repeat("a", keep))
	short.write(strings.Repeat("b", keep))
	if got := short.String(); got != strings.Repeat("a", keep)+strings.Repeat("b", keep) {
		t.Error("an output that can be kept as a whole is not")
	}

	poor := excerpt{budget: &budget{left: 10}}
	poor.write("0123456789abc")
	if poor.budget.left != 0 || len(poor.head) != 10 || poor.total != 13 {
		t.Errorf("with a small budget: %+v", poor)
	}
}

func TestStream(t *testing.T) {
	t.Parallel()
	var got []string
	s := &stream{line: func(b []byte) { got = append(got, string(b)) }}
	for _, part := range []string{"one\ntw", "o\n", "\n", strings.Repeat("x", maxLine), "more", "\nthree\nfo", "ur"} {
		if n, err := s.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatal(n, err)
		}
	}
	s.close()
	if d := cmp.Diff([]string{"one", "two", "three", "four"}, got); d != "" {
		t.Error(d)
	}
}

func TestResults(t *testing.T) {
	t.Parallel()
	r := newResults(params{}.limits())
	for _, e := range []event{
		{Action: "start", Package: "p"},
		{Action: "run", Package: "p", Test: "A"},
		{Action: "output", Package: "p", Test: "A", Output: "--- want\n"},
		{Action: "output", Package: "p", Test: "A", Output: "    --- FAIL: A (0.00s)\n"},
		{Action: "fail", Package: "p", Test: "A"},
		{Action: "pass", Package: "p", Test: "A"}, // not any more
		{Action: "run", Package: "p", Test: "B"},
		{Action: "output", Package: "p", Test: "B", Output: "xxx\x16--- SKIP: B (0.00s)\n"},
		{Action: "run", Package: "p", Test: "C"},
		{Action: "pause", Package: "p", Test: "C"},
		{Action: "unknown", Package: "p", Test: "C"},
		{Action: "output", Output: "of nothing"},
		{Action: "fail", Package: "p"},
	} {
		check(t, r.add(e))
	}
	if d := cmp.Diff(tally{tests: 3, failed: 2, skipped: 1}, r.tally(), cmp.AllowUnexported(tally{})); d != "" {
		t.Error(d)
	}
	p := r.packages["p"]
	if got := p.tests["A"].out.String(); got != "--- want\n" {
		t.Errorf("output %q", got)
	}
	if d := cmp.Diff([]string{"C"}, unfinished(p)); d != "" {
		t.Error(d)
	}
}

func TestResultsAreBounded(t *testing.T) {
	t.Parallel()
	r := newResults(limits{output: 10, kept: 100, tests: 2})
	check(t, r.add(event{Action: "output", Package: "p", Test: "A", Output: "0123456789"}))
	check(t, r.add(event{Action: "run", Package: "p", Test: "B"}))
	if err := r.add(event{Action: "output", Package: "p", Output: "x"}); !errors.Is(err, errTooMuch) {
		t.Errorf("too much output: %v", err)
	}
	if err := r.add(event{Action: "run", Package: "p", Test: "C"}); err == nil {
		t.Error("too many tests: no error")
	}
	if d := cmp.Diff(loud{"p", "A", 10}, r.loudest, cmp.AllowUnexported(loud{})); d != "" {
		t.Error(d)
	}
}

func TestDissect(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want dissected
	}{
		"nothing special": {"a_test.go:1: x\npanic: said a test\n", dissected{said: []string{"a_test.go:1: x", "panic: said a test", ""}}},
		"timeout": {
			"x\npanic: test timed out after 1s\n\trunning tests:\n\t\tTestA (1s)\n\t\tTestA/b c (1m0.5s)\n\ngoroutine 5 [running]:\n\t\tTestNot (1s)\n",
			dissected{said: []string{"x"}, timeout: true, running: []string{"TestA/b c"}},
		},
		"killed by the go command": {"SIGQUIT: quit\n*** Test killed with quit: ran too long (1m1s).\n", dissected{said: []string{"SIGQUIT: quit"}, timeout: true}},
		"fatal error": {
			"fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan receive]:\nmain.f(...)\n\t/s/f.go:7 +0x1d\n",
			dissected{crash: &crash{text: "fatal error: all goroutines are asleep - deadlock!", stack: []frame{{"main.f(...)", place{"/s/f.go", 7}}}}},
		},
		"segmentation fault": {
			"panic: runtime error: invalid memory address or nil pointer dereference [recovered, repanicked]\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x5]\n\ngoroutine 7 [running]:\ndeferred()\n\t/s/d.go:1\npanic({0x1, 0x2})\n\t/go/panic.go:1\nmain.g()\n\t/s/g.go:9 +0x1\ncreated by main.h in goroutine 1\n\t/s/h.go:3 +0x2\n\ngoroutine 8 [running]:\nother()\n\t/s/o.go:1\n",
			dissected{crash: &crash{text: "runtime error: invalid memory address or nil pointer dereference", stack: []frame{{"main.g()", place{"/s/g.go", 9}}, {"main.h in goroutine 1", place{"/s/h.go", 3}}}}},
		},
		"a race that is cut off": {
			"==================\nWARNING: DATA RACE\nRead at 0x0 by goroutine 8:\n  a.f()\n      /s/a.go:1 +0x1",
			dissected{races: []raced{{titles: []string{"Read at 0x0 by goroutine 8"}, stacks: [][]frame{{{"a.f()", place{"/s/a.go", 1}}}}}}},
		},
		"a rule with nothing after it": {"==================", dissected{said: []string{"=================="}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := dissect(c.text)
			if d := cmp.Diff(c.want, got, cmp.AllowUnexported(dissected{}, crash{}, raced{}, frame{}, place{})); d != "" {
				t.Error(d)
			}
		})
	}
}

// FuzzDissect has whatever a test prints taken apart.
func FuzzDissect(f *testing.F) {
	f.Add("==================\nWARNING: DATA RACE\nRead at 0x0:\n  f()\n      /a.go:1 +0x1\n\n==================\npanic: x\n\ngoroutine 1 [running]:\nf()\n\t/a.go:99999999999999999999\n")
	f.Add("panic: test timed out after 1s\n\t\tA (1s)")
	f.Fuzz(func(t *testing.T, text string) {
		dissect(text)
		compileErrors(text)
		if !utf8.ValidString(valid(text)) {
			t.Error("what goes into the XML report is not UTF-8")
		}
	})
}

func TestDeclared(t *testing.T) {
	t.Parallel()
	s := newService(t, map[string]string{"x_test.go": `package x

import (
	. "testing"
	"testing"
)

func Test(t *testing.T)                  {}
func TestA(t *testing.T)                 {}
func Test_b(*testing.T)                  {}
func Testc(t *testing.T)                 {}
func TestDot(t *T)                       {}
func TestTwo(t *testing.T, n int)        {}
func TestNone()                          {}
func TestResult(t *testing.T) int        { return 0 }
func TestMain(m *testing.M)              {}
func TestOther(b *testing.B)             {}
func BenchmarkA(b *testing.B)            {}
func FuzzA(f *testing.F)                 {}
func (x X) TestMethod(t *testing.T)      {}
func TestÄ(t *testing.T)                 {}
func Testä(t *testing.T)                 {}
func ExampleA()                          {
	// Output:
}
func ExampleB() {}
func Example_c() {
	// Unordered output: 1
}
`})
	p := &listed{Dir: s.dir, declared: map[string]place{}}
	check(t, p.declare(filepath.Join(s.dir, "x_test.go")))
	want := []string{"ExampleA", "Example_c", "FuzzA", "Test", "TestA", "TestDot", "Test_b", "TestÄ"}
	if d := cmp.Diff(want, slices.Sorted(maps.Keys(p.declared))); d != "" {
		t.Error(d)
	}
	if p.main == nil || p.main.line != 16 || p.declaredAt("TestA/part").line != 9 || p.declaredAt("TestGone").line != 16 {
		t.Errorf("main %v, TestA %v", p.main, p.declared["TestA"])
	}
}

func TestCountStatements(t *testing.T) {
	t.Parallel()
	c, err := countStatements(strings.NewReader("mode: atomic\na b.go:1.2,3.4 3 0\nc.go:1.2,3.4 4 17\nc.go:1.2,3.4 4 0\n"))
	check(t, err)
	if d := cmp.Diff(covered{all: 7, run: 4, packages: map[string]bool{".": true}}, c, cmp.AllowUnexported(covered{})); d != "" {
		t.Error(d)
	}
	if c.String() != "57.1" || !c.reaches(57) || c.reaches(58) {
		t.Errorf("%s %%", c)
	}
	for _, wrong := range []string{"x", "a.go:1.2,3.4 -1 0", "a.go:1.2,3.4 99999999999999999999 0", "a.go:1.2,3.4 many 0", strings.Repeat("x", 1<<20)} {
		if _, err := countStatements(strings.NewReader(wrong)); err == nil {
			t.Errorf("a profile with %.40q is read", wrong)
		}
	}
}

// TestTempIsShared has two runs at once: the first to end leaves the folder to
// the other, which removes it, also where a test made it read-only.
func TestTempIsShared(t *testing.T) {
	t.Parallel()
	cache := t.TempDir()
	one, err := (&runner{Task: pipeline.Task{Cache: cache}}).ownTemp()
	check(t, err)
	two, err := (&runner{Task: pipeline.Task{Cache: cache}}).ownTemp()
	check(t, err)
	sub := filepath.Join(one.dir, "sub")
	check(t, os.Mkdir(sub, 0o755))
	check(t, os.WriteFile(filepath.Join(sub, "file"), nil, 0o444))
	check(t, os.Chmod(sub, 0o555))
	one.clean(t.Output())
	if _, err := os.Stat(filepath.Join(sub, "file")); err != nil {
		t.Errorf("what another run uses was removed: %v", err)
	}
	two.clean(t.Output())
	if _, err := os.Stat(two.dir); !os.IsNotExist(err) {
		t.Errorf("the folder is left: %v", err)
	}
}

func TestTestIn(t *testing.T) {
	t.Parallel()
	p := &listed{ImportPath: "e.x/p", declared: map[string]place{"TestA": {}, "TestB": {}}}
	for function, want := range map[string]string{
		"e.x/p.TestA(0xc0000)":               "TestA",
		"e.x/p_test.TestB.func1()":           "TestB",
		"e.x/p.TestB.func2.1(...)":           "TestB",
		"e.x/p.TestA in goroutine 7":         "TestA",
		"e.x/p.TestC(...)":                   "",
		"e.x/p.helper(...)":                  "",
		"e.x/p/q.TestA(...)":                 "",
		"testing.tRunner(0xc0000, 0x6de650)": "",
	} {
		if got := p.testIn([]frame{{function: "runtime.goexit()"}, {function: function}}); got != want {
			t.Errorf("testIn(%s) = %q, want %q", function, got, want)
		}
	}
}

func TestOwnFilesOnly(t *testing.T) {
	t.Parallel()
	s := newService(t, map[string]string{"a/a.go": "package a\n", "vendor/x/x.go": "package x\n", "mod/y@v1.0.0/y.go": "package y\n"})
	outside := filepath.Join(t.TempDir(), "z.go")
	check(t, os.WriteFile(outside, nil, 0o644))
	check(t, os.Symlink(outside, filepath.Join(s.dir, "a", "link.go")))
	r := s.runner(t)
	r.tc.ModCache = filepath.Join(s.dir, "mod")
	dir := filepath.Join(s.dir, "a")
	for name, want := range map[string]bool{
		"a.go": true, "../a/a.go": true, filepath.Join(dir, "a.go"): true,
		"gone.go": false, outside: false, "link.go": false, "../vendor/x/x.go": false, "../mod/y@v1.0.0/y.go": false, "../../../../../../../../etc/hosts": false,
	} {
		if _, ok := r.resolve(name, dir); ok != want {
			t.Errorf("resolve(%q) = %t", name, ok)
		}
	}
}
