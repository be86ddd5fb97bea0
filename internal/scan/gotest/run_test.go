package gotest

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
)

func TestFindings(t *testing.T) {
	t.Parallel()
	s := newService(t, map[string]string{
		"good/good.go":      "package good\n\nfunc One() int { return 1 }\n\nfunc Two() int { return 2 }\n",
		"good/good_test.go": "package good\n\nimport (\n\t\"fmt\"\n\t\"testing\"\n)\n\nfunc TestOne(t *testing.T) {\n\tt.Run(\"a\", func(t *testing.T) { One() })\n\tt.Run(\"b\", func(t *testing.T) { t.Skip(\"not today\") })\n}\n\nfunc ExampleOne() {\n\tfmt.Println(One())\n\t// Output: 1\n}\n\nfunc FuzzOne(f *testing.F) {\n\tf.Add(1)\n\tf.Fuzz(func(t *testing.T, n int) {})\n}\n\nfunc ExampleTwo() { Two() }\n\nfunc Testing(t *testing.T) {}\n",
		"bad/bad_test.go":   "package bad\n\nimport \"testing\"\n\nfunc TestBad(t *testing.T) {\n\tt.Log(\"some words\")\n\thelp(t)\n\tt.Errorf(\"got %d,\\nwant %d\", 1, 2)\n}\n\nfunc help(t *testing.T) { t.Helper() }\n\nfunc TestParts(t *testing.T) {\n\tt.Run(\"one part\", func(t *testing.T) {\n\t\tt.Fatal(\"part\")\n\t})\n\tt.Run(\"other\", func(t *testing.T) {})\n}\n\nfunc TestSilent(t *testing.T) {\n\tt.Fail()\n}\n\nfunc TestLogs(t *testing.T) {\n\tt.Log(\"only this\")\n\tt.Fail()\n}\n",
		"ex/ex_test.go":     "package ex\n\nimport \"fmt\"\n\nfunc Example() {\n\tfmt.Println(1)\n\t// Output: 2\n}\n",
		"race/race.go":      "package race\n\nvar n int\n\nfunc Add() {\n\tn++\n}\n",
		"race/race_test.go": "package race\n\nimport \"testing\"\n\nfunc TestRace(t *testing.T) {\n\tdone := make(chan bool)\n\tgo func() {\n\t\tAdd()\n\t\tclose(done)\n\t}()\n\tAdd()\n\t<-done\n}\n",
		"panics/p.go":       "package panics\n\nfunc Put(m map[string]int) {\n\tm[\"a\"] = 1\n}\n",
		"panics/p_test.go":  "package panics\n\nimport \"testing\"\n\nfunc TestBefore(t *testing.T) {}\n\nfunc TestPut(t *testing.T) {\n\tdefer func() {\n\t\tif p := recover(); p != nil {\n\t\t\tpanic(p)\n\t\t}\n\t}()\n\tPut(nil)\n}\n\nfunc TestAfter(t *testing.T) {}\n",
		"spawn/s_test.go":   "package spawn\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) {\n\tt.Parallel()\n\tselect {}\n}\n\nfunc TestB(t *testing.T) {\n\tt.Parallel()\n\tgo func() {\n\t\tpanic(\"far away\")\n\t}()\n\tselect {}\n}\n",
		"exits/e_test.go":   "package exits\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestExit(t *testing.T) {\n\tos.Exit(3)\n}\n",
		"starts/s_test.go":  "package starts\n\nimport \"testing\"\n\nvar x = func() int {\n\tpanic(\"at start\")\n}()\n\nfunc TestX(t *testing.T) { _ = x }\n",
		"main/m_test.go":    "package main\n\nimport (\n\t\"fmt\"\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestMain(m *testing.M) {\n\tm.Run()\n\tfmt.Println(\"no cleanup\")\n\tos.Exit(1)\n}\n\nfunc TestX(t *testing.T) {}\n",
		"broken/b.go":       "package broken\n\nfunc B() { return 1 }\n\nfunc C() { return 1 }\n",
		"broken/b_test.go":  "package broken\n\nimport \"testing\"\n\nfunc TestB(t *testing.T) {}\n",
		"uses/u.go":         "package uses\n\nimport \"example.com/s/broken\"\n\nfunc U() { broken.B() }\n",
		"header/h.go":       "packge header\n",
		"mixed/a.go":        "package a\n",
		"mixed/b.go":        "package b\n",
		"lacks/l.go":        "package lacks\n\nimport \"example.com/other\"\n\nvar _ = other.X\n",
		"brace/b.go":        "package brace\n\nfunc B() {\n",
		"brace/b_test.go":   "package brace\n",
		"wrong/w_test.go":   "package wrong\n\nimport \"testing\"\n\nfunc TestW(t *testing.T) { undefined() }\n",
	})
	r := s.test(t)
	want := []string{
		"test-failed bad/bad_test.go:8 TestBad: got 1,\nwant 2",
		"test-failed bad/bad_test.go:15 TestParts/one_part: part",
		"test-failed bad/bad_test.go:20 TestSilent: it failed, and said nothing",
		"test-failed bad/bad_test.go:25 TestLogs: only this",
		"compile brace/b.go:3 expected '}', found 'EOF'",
		"compile broken/b.go:3 too many return values\nhave (number)\nwant ()",
		"compile broken/b.go:5 too many return values\nhave (number)\nwant ()",
		"test-failed ex/ex_test.go:5 Example: got:\n1\nwant:\n2",
		"test-failed exits/e_test.go:8 TestExit: the test program ended while this test ran",
		"compile header/h.go:1 expected 'package', found packge",
		"compile lacks/l.go:3 no required module provides package example.com/other; to add it:\ngo get example.com/other",
		"test-failed main/m_test.go:9 example.com/s/main: no cleanup",
		"compile mixed/a.go:0 example.com/s/mixed: found packages a (a.go) and b (b.go) in mixed",
		"test-panic panics/p.go:4 TestPut: panic: assignment to entry in nil map",
		"data-race race/race.go:6 data race: read in example.com/s/race.Add(), at race/race.go:6; previous write in example.com/s/race.Add(), at race/race.go:6",
		"test-panic spawn/s_test.go:13 TestB: panic: far away",
		"test-panic starts/s_test.go:6 example.com/s/starts: panic: at start",
		"compile wrong/w_test.go:5 undefined: undefined",
	}
	got := lines(r)
	for i, line := range got { // which access the race detector sees first is chance
		got[i] = strings.NewReplacer("race: write in", "race: read in", "previous read in", "previous write in").Replace(line)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if r.NotRun != "" {
		t.Errorf("NotRun: %s", r.NotRun)
	}
	if d := cmp.Diff([]pipeline.Count{{What: "packages", N: 9, Of: 11}, {What: "tests", N: 12, Of: 19}, {What: "test files", N: 12, Of: 12}}, r.Examined); d != "" {
		t.Error(d)
	}
	values := map[string]string{"tests": "20", "passed": "8", "failed": "11", "skipped": "1", "coverage": "66.6"}
	if d := cmp.Diff(values, r.Values); d != "" {
		t.Error(d)
	}
	notes := []string{"1 of 20 tests were skipped", "2 tests did not run, because their package's test program ended before", "coverage 66.6 % of statements"}
	if d := cmp.Diff(notes, r.Notes); d != "" {
		t.Error(d)
	}
	checkFindings(t, r)
	checkJUnit(t, s, junitCounts{Tests: 31, Failures: 8, Errors: 14, Skipped: 1})
}

// checkFindings checks what all findings have in common.
func checkFindings(t *testing.T, r pipeline.Report) {
	t.Helper()
	known := map[string]bool{}
	for _, rule := range r.Rules {
		known[rule.ID] = rule.Why != "" && rule.Fix != "" && rule.Tool == "go test"
	}
	for _, f := range r.Findings {
		if !known[f.Rule] || f.Tool != "go test" || f.Stage != "test" || f.Severity != sarif.High || f.Identity == "" {
			t.Errorf("finding %+v", f)
		}
		if f.Rule == "data-race" && (!slices.Equal(f.CWE, []int{362}) || len(f.Trace) != 2) {
			t.Errorf("data race %+v", f)
		}
	}
}

// checkJUnit reads the JUnit report as a strict reader of XML does.
func checkJUnit(t *testing.T, s *service, want junitCounts) junitSuites {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.out, "junit.xml"))
	check(t, err)
	var got junitSuites
	check(t, xml.Unmarshal(text, &got))
	sum := junitCounts{Time: got.Time}
	for _, suite := range got.Suites {
		sum.Tests += suite.Tests
		sum.Failures += suite.Failures
		sum.Errors += suite.Errors
		sum.Skipped += suite.Skipped
		if suite.Tests != len(suite.Cases) {
			t.Errorf("suite %s has %d tests and %d cases", suite.Name, suite.Tests, len(suite.Cases))
		}
	}
	if d := cmp.Diff(got.junitCounts, sum); d != "" {
		t.Errorf("the suites do not add up: %s", d)
	}
	want.Time = got.Time
	if d := cmp.Diff(want, got.junitCounts); d != "" {
		t.Errorf("%s\n%s", d, text)
	}
	return got
}

func TestPassing(t *testing.T) {
	t.Parallel()
	s := newService(t, map[string]string{
		"a/a.go":      "package a\n\nfunc A(n int) int {\n\tif n > 0 {\n\t\treturn 1\n\t}\n\treturn 2\n}\n",
		"a/a_test.go": "package a_test\n\nimport (\n\t\"os\"\n\t\"path/filepath\"\n\t\"testing\"\n\n\t\"example.com/s/a\"\n)\n\nfunc TestA(t *testing.T) {\n\ta.A(1)\n\tif err := os.WriteFile(filepath.Join(t.TempDir(), \"f\"), nil, 0o600); err != nil {\n\t\tt.Fatal(err)\n\t}\n}\n",
		"b/b.go":      "package b\n\nimport \"example.com/s/a\"\n\nfunc B() int { return a.A(0) }\n",
		"b/b_test.go": "package b\n\nimport \"testing\"\n\nfunc TestB(t *testing.T) { B() }\n",
		"c/c.go":      "package c\n",
		"c/c_test.go": "package c\n\nimport \"testing\"\n\nfunc TestC(t *testing.T) {}\n",
	})
	s.write(t, "c/tmp_test.go", "package c\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestTemp(t *testing.T) {\n\tif got := os.TempDir(); got != \""+filepath.Join(s.own, "tmp")+"\" {\n\t\tt.Error(got)\n\t}\n}\n")
	first := s.test(t)
	if len(first.Findings) > 0 || first.NotRun != "" || first.NotApplicable != "" {
		t.Errorf("report %s", mustJSON(t, first))
	}
	if d := cmp.Diff(map[string]string{"tests": "4", "passed": "4", "failed": "0", "skipped": "0", "coverage": "75.0"}, first.Values); d != "" {
		t.Error(d)
	}
	checkJUnit(t, s, junitCounts{Tests: 4})
	if !slices.ContainsFunc(s.told, func(text string) bool { return strings.Contains(text, "of 3 packages, ") }) {
		t.Errorf("progress: %q", s.told)
	}

	again := s.test(t)
	cached := "results of 3 of 3 packages are as before: nothing that they saw has changed"
	if d := cmp.Diff(append([]string{cached}, first.Notes...), again.Notes); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(first.Values, again.Values); d != "" {
		t.Errorf("from the cache: %s", d)
	}

	s.write(t, "b/b.go", "package b\n\nimport \"example.com/s/a\"\n\nvar N int\n\nfunc B() int {\n\tN = a.A(1)\n\treturn N\n}\n")
	changed := s.test(t)
	if d := cmp.Diff("results of 2 of 3 packages are as before: nothing that they saw has changed", changed.Notes[0]); d != "" {
		t.Error(d)
	}
	if left, err := os.ReadDir(filepath.Join(s.own, "tmp")); err == nil {
		t.Errorf("the tests' temporary folder was left: %v", left)
	}
}

func TestCoverage(t *testing.T) {
	t.Parallel()
	s := newService(t, map[string]string{
		"a/a.go":      "package a\n\nfunc A() int { return 1 }\n\nfunc B() int { return 1 }\n",
		"a/a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) { A() }\n",
		"c/c.go":      "package c\n\nfunc C() int { return 1 }\n\nfunc D() int { return 1 }\n",
	})
	for limit, want := range map[int][]string{
		25: nil,
		26: {"coverage go.mod:0 tests run 25.0 % of the statements, and 26 % are asked for"},
	} {
		s.params.Coverage = limit
		r := s.test(t)
		if d := cmp.Diff(want, lines(r)); d != "" || r.NotRun != "" {
			t.Errorf("at %d %%: %s %s", limit, d, r.NotRun)
		}
	}
	if !s.race.on {
		t.Skip("there is no race detector here")
	}
	s.race = race{why: "it is off"}
	if r := s.test(t); !slices.Contains(r.Notes, "without the race detector: it is off") {
		t.Errorf("notes %q", r.Notes)
	}
}

func TestNoTests(t *testing.T) {
	t.Parallel()
	s := newService(t, map[string]string{"a/a.go": "package a\n", "a/a_test.go": "package a\n\nfunc helper() {}\n"})
	if r := s.test(t); r.NotApplicable == "" || len(r.Notes) == 0 {
		t.Errorf("report %s", mustJSON(t, r))
	}
	s.params.Coverage = 1
	r := s.test(t)
	if d := cmp.Diff([]string{"coverage go.mod:0 tests run 0.0 % of the statements, and 1 % are asked for"}, lines(r)); d != "" || r.NotApplicable != "" {
		t.Errorf("with coverage asked for: %s, not applicable: %q", d, r.NotApplicable)
	}
	s.write(t, "a/a_test.go", "package a\n\nfunc TestA(\n")
	if r := s.test(t); r.NotApplicable != "" || !slices.ContainsFunc(r.Findings, func(f sarif.Finding) bool { return f.Rule == "compile" }) {
		t.Errorf("a test file that cannot be parsed: %s", mustJSON(t, r))
	}
}

func TestTestMainThatEndsEarly(t *testing.T) {
	t.Parallel()
	s := newService(t, map[string]string{
		"a/a_test.go": "package a\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestMain(*testing.M) { os.Exit(0) }\n\nfunc TestA(t *testing.T) { t.Fatal(\"never seen\") }\n\nfunc TestB(t *testing.T) {}\n",
		"b/b_test.go": "package b\n\nimport \"testing\"\n\nfunc TestC(t *testing.T) {}\n",
		"c/c_test.go": "package c\n\nimport (\n\t\"flag\"\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestMain(m *testing.M) {\n\tflag.Parse()\n\t_ = flag.Set(\"test.run\", \"TestD\")\n\tos.Exit(m.Run())\n}\n\nfunc TestD(t *testing.T) {}\n\nfunc TestE(t *testing.T) {}\n",
	})
	r := s.test(t)
	want := "3 tests gave no result: example.com/s/a.TestA, example.com/s/a.TestB, example.com/s/c.TestE"
	if len(r.Findings) > 0 || r.NotRun != want || r.Remedy == "" {
		t.Errorf("NotRun %q, remedy %q, want %q\n%v", r.NotRun, r.Remedy, want, lines(r))
	}
	checkJUnit(t, s, junitCounts{Tests: 5, Errors: 3})
}

func TestHang(t *testing.T) {
	t.Parallel()
	s := newService(t, map[string]string{
		"a/a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestOK(t *testing.T) {}\n\nfunc TestWaits(t *testing.T) { t.Parallel() }\n\nfunc TestHangs(t *testing.T) {\n\tt.Run(\"in part\", func(t *testing.T) { select {} })\n}\n\nfunc TestNever(t *testing.T) {}\n",
		"b/b_test.go": "package b\n\nimport \"testing\"\n\nfunc TestTwo(t *testing.T) {\n\tt.Parallel()\n\tselect {}\n}\n\nfunc TestThree(t *testing.T) {\n\tt.Parallel()\n\tselect {}\n}\n",
		"c/c_test.go": "package c\n\nimport \"testing\"\n\nfunc TestC(t *testing.T) {}\n",
	})
	s.params.Limit = 2 * time.Second
	r := s.test(t)
	want := []string{
		"test-timeout a/a_test.go:9 TestHangs/in_part did not end within 2s",
		"test-timeout b/b_test.go:5 TestTwo did not end within 2s",
		"test-timeout b/b_test.go:10 TestThree did not end within 2s",
	}
	if d := cmp.Diff(want, lines(r)); d != "" || r.NotRun != "" {
		t.Errorf("%s\nNotRun %q", d, r.NotRun)
	}
	checkJUnit(t, s, junitCounts{Tests: 8, Errors: 6})
}

func TestOuterLimit(t *testing.T) {
	t.Parallel()
	s := newService(t, map[string]string{
		"a/a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestMain(m *testing.M) { select {} }\n\nfunc TestA(t *testing.T) {}\n",
		"b/b_test.go": "package b\n\nimport \"testing\"\n\nfunc TestB(t *testing.T) {\n\tselect {}\n}\n",
	})
	r := s.runner(t)
	r.env = append(r.tc.Env(s.cache, gotool.TestZone), "TMPDIR="+t.TempDir())
	list, err := r.list(t.Context())
	check(t, err)
	o := outcome{listing: list, results: newResults(s.limits)}
	ctx, stop := context.WithCancelCause(t.Context())
	r.Progress = func(text string) {
		if strings.HasSuffix(text, "/b: 0 of 2 packages, 1 tests") {
			stop(errTooLong) // as the limit does
		}
	}
	o.ended = r.goTest(ctx, o)
	report, err := r.report(o)
	check(t, err)
	want := []string{
		"test-timeout a/a_test.go:5 example.com/s/a: its test program did not end within 1m0s, outside of any test: see TestMain, and what variables are initialised with",
		"test-timeout b/b_test.go:5 TestB did not end within 1m0s",
	}
	if d := cmp.Diff(want, lines(report)); d != "" || !strings.HasPrefix(report.NotRun, "the tests of 2 of 2 packages did not end") {
		t.Errorf("%s\nNotRun %q", d, report.NotRun)
	}

	s.limits.all = time.Nanosecond
	report = s.test(t)
	if !strings.HasPrefix(report.NotRun, "the tests of 2 of 2 packages did not end") || report.Remedy == "" {
		t.Errorf("NotRun %q, remedy %q", report.NotRun, report.Remedy)
	}
}

// TestEndsWithItsContext has a test and a process that it started hold
// connections, which end when they do.
func TestEndsWithItsContext(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	t.Cleanup(func() { _ = l.Close() })
	s := newService(t, map[string]string{
		"a/a_test.go": "package a\n\nimport (\n\t\"net\"\n\t\"os\"\n\t\"os/exec\"\n\t\"testing\"\n)\n\nfunc TestA(t *testing.T) {\n\tc, err := net.Dial(\"tcp\", \"" + l.Addr().String() + "\")\n\tif err != nil {\n\t\tt.Fatal(err)\n\t}\n\tf, err := c.(*net.TCPConn).File()\n\tif err != nil {\n\t\tt.Fatal(err)\n\t}\n\tcmd := exec.Command(\"sleep\", \"3600\")\n\tcmd.ExtraFiles = []*os.File{f}\n\tif err := cmd.Start(); err != nil {\n\t\tt.Fatal(err)\n\t}\n\tif _, err := c.Write([]byte(\"x\")); err != nil {\n\t\tt.Fatal(err)\n\t}\n\tselect {}\n}\n",
	})
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			_, err = c.Read(make([]byte, 1))
			cancel()
		}
		if err == nil {
			_, err = c.Read(make([]byte, 1))
		}
		gone <- err
	}()
	if _, err := s.runner(t).run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("run: %v", err)
	}
	if err := <-gone; !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the processes' connection: %v", err)
	}
}

func TestNoise(t *testing.T) {
	t.Parallel()
	s := newService(t, map[string]string{
		"a/a_test.go": `package a

import (
	"bytes"
	"fmt"
	"os"
	"testing"
)

func TestLongLine(t *testing.T) {
	b := bytes.Repeat([]byte("x"), 1<<20)
	for range 40 {
		os.Stdout.Write(b)
	}
}

func TestHalfLine(t *testing.T) {
	fmt.Print("no newline")
}

func TestForged(t *testing.T) {
	fmt.Println("--- FAIL: TestLongLine (0.00s)")
	fmt.Println("{\"Action\":\"fail\",\"Package\":\"example.com/s/a\",\"Test\":\"TestLongLine\"}")
	fmt.Println("FAIL\nPASS\nok  \texample.com/s/a\t0.1s")
	fmt.Println("panic: not really\n\ngoroutine but not one")
}

func TestBytes(t *testing.T) {
	os.Stderr.Write([]byte{0, 1, 2, 0x1b, '[', '1', 'm', 0xff, 0xfe, '<', '&', 'z', '\n'})
	t.Errorf("caf\xe9 \x00 ]]> \ufffe")
}

func TestAfter(t *testing.T) {}
`,
	})
	r := s.test(t)
	if d := cmp.Diff([]string{"test-failed a/a_test.go:30 TestBytes: caf\ufffd \x00 ]]> \ufffe"}, lines(r)); d != "" || r.NotRun != "" {
		t.Errorf("%s\nNotRun %q", d, r.NotRun)
	}
	if d := cmp.Diff(map[string]string{"tests": "5", "passed": "4", "failed": "1", "skipped": "0", "coverage": "0.0"}, r.Values); d != "" {
		t.Error(d)
	}
	got := checkJUnit(t, s, junitCounts{Tests: 5, Failures: 1})
	if out := got.Suites[0].Cases[3].Output; !strings.Contains(out, "[1m<&z") || strings.ContainsAny(out, "\x00\x1b\ufffd") {
		t.Errorf("system-out %q", out)
	}
}

func TestTooMuchOutput(t *testing.T) {
	t.Parallel()
	s := newService(t, map[string]string{
		"a/a_test.go": "package a\n\nimport (\n\t\"fmt\"\n\t\"testing\"\n)\n\nfunc TestQuiet(t *testing.T) { fmt.Println(\"x\") }\n\nfunc TestLoud(t *testing.T) {\n\tt.Run(\"part\", func(t *testing.T) {\n\t\tfor {\n\t\t\tfmt.Println(\"all work and no play\")\n\t\t}\n\t})\n}\n",
	})
	for name, l := range map[string]func(*limits){
		"what tests print":  func(l *limits) { l.output = 4 << 20 },
		"what go test says": func(l *limits) { l.stream = 16 << 20 },
	} {
		s.limits = s.params.limits()
		l(&s.limits)
		r := s.test(t)
		if len(r.Findings) != 1 || r.Findings[0].Rule != "test-output" || r.Findings[0].Location.Line != 10 || !strings.HasPrefix(r.Findings[0].Message, "TestLoud/part printed ") {
			t.Errorf("%s: %q", name, lines(r))
		}
		if !strings.HasPrefix(r.NotRun, "the tests of 1 of 1 packages did not end") {
			t.Errorf("%s: NotRun %q", name, r.NotRun)
		}
	}
}

func TestTooManyTests(t *testing.T) {
	t.Parallel()
	s := newService(t, map[string]string{
		"a/a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestMany(t *testing.T) {\n\tfor {\n\t\tt.Run(\"x\", func(t *testing.T) {})\n\t}\n}\n",
	})
	s.limits.tests = 1000
	if _, err := s.runner(t).run(t.Context()); err == nil || !strings.Contains(err.Error(), "more than 1000 tests") {
		t.Errorf("run: %v", err)
	}
}

// TestCompilerThatDoesNotWork has a C compiler that cannot compile anything, as
// where the C library's headers are not installed.
func TestCompilerThatDoesNotWork(t *testing.T) {
	t.Parallel()
	if !findRace().on {
		t.Skip("there is no race detector here")
	}
	s := newService(t, map[string]string{"a/a_test.go": "package a\n\nimport (\n\t_ \"net\"\n\t\"testing\"\n)\n\nfunc TestA(t *testing.T) {}\n"})
	cc := filepath.Join(t.TempDir(), "cc")
	check(t, os.WriteFile(cc, []byte("#!/bin/sh\necho 'stdlib.h: no such file' >&2\nexit 1\n"), 0o755))
	s.more = []string{"CC=" + cc}
	r := s.test(t)
	if len(r.Findings) > 0 || r.NotRun != "" || r.Values["passed"] != "1" {
		t.Errorf("report %s", mustJSON(t, r))
	}
	if len(r.Notes) == 0 || !strings.Contains(r.Notes[0], "stdlib.h: no such file") {
		t.Errorf("notes %q", r.Notes)
	}
}

func TestModuleThatCannotBeLoaded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ gomod, says string }{
		"syntax":         {"module m\n\nrequires x\n", "go.mod:3"},
		"missing module": {"module m\n\ngo 1.25\n\nrequire example.com/none v1.0.0\n", "example.com/none"},
		"newer Go":       {"module m\n\ngo 1.999\n", "go >= 1.999"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, map[string]string{
				"go.mod": c.gomod, "a_test.go": "package a\n\nimport (\n\t_ \"example.com/none\"\n\t\"testing\"\n)\n\nfunc TestA(t *testing.T) {}\n",
			})
			r, err := s.runner(t).run(t.Context())
			text := strings.Join(lines(r), "\n")
			if err != nil {
				text = err.Error()
			} else if len(r.Findings) == 0 {
				t.Errorf("report %s", mustJSON(t, r))
			}
			if name != "missing module" && !strings.Contains(text, c.says) {
				t.Errorf("%q does not say %q", text, c.says)
			}
		})
	}
}

func TestGoTestThatCannotStart(t *testing.T) {
	t.Parallel()
	s := newService(t, map[string]string{"a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) {}\n"})
	s.more = []string{"GOTMPDIR=/nonexistent"}
	if r, err := s.runner(t).run(t.Context()); err == nil || !strings.Contains(err.Error(), "running the tests: go: exit status") {
		t.Errorf("run: %v %s", err, mustJSON(t, r))
	}
}
