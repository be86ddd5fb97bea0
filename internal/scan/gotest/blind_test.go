package gotest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
)

// Tests that a service's files hold.
const (
	goodTest = "package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) {}\n"
	badTest  = "package a\n\nimport \"testing\"\n\nfunc TestBad(t *testing.T) { t.Fatal(\"bad\") }\n"
	hides    = "package a\n\nimport (\n\t\"fmt\"\n\t\"os\"\n\t\"testing\"\n)\n\nfunc TestA(t *testing.T) { t.Fatal(\"never seen\") }\n\n"
	says     = `fmt.Print("=== RUN   TestA\n--- PASS: TestA (0.00s)\nPASS\ncoverage: 100.0% of statements\n")`
)

// What a repository can say must not have a test that was there go unnoticed.
func TestServiceCannotHideItsTests(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files map[string]string
		says  string // why it is not run
	}{
		"go.work without the module": {
			map[string]string{"go.work": "go 1.25\n\nuse ./x\n", "x/go.mod": "module x\n\ngo 1.25\n", "a_test.go": badTest},
			"does not contain modules listed in go.work",
		},
		"ignored folder": {
			map[string]string{"go.mod": "module example.com/s\n\ngo 1.25\n\nignore ./x\n", "a/a_test.go": goodTest, "x/x_test.go": badTest},
			"it examined 1 of 2 test files; not x/x_test.go",
		},
		"all folders ignored": {
			map[string]string{"go.mod": "module example.com/s\n\ngo 1.25\n\nignore ./x\n", "a.go": "package a\n", "x/x_test.go": badTest},
			"it examined 0 of 1 test files; not x/x_test.go",
		},
		"all tests behind tags": {
			map[string]string{"a.go": "package a\n", "a_test.go": "//go:build never\n\n" + badTest},
			"build constraints leave out all of the 1 tests",
		},
		"all tests skipped": {
			map[string]string{"a_test.go": strings.Replace(goodTest, "{}", "{ t.Skip() }", 1)},
			"all of the 1 tests were skipped",
		},
		"TestMain that exits": {
			map[string]string{"a_test.go": hides + "func TestMain(m *testing.M) {\n\tfmt.Print()\n\tos.Exit(0)\n}\n"},
			"1 tests gave no result: example.com/s.TestA",
		},
		"init that exits": {
			map[string]string{"a_test.go": hides + "func init() {\n\tfmt.Print()\n\tos.Exit(0)\n}\n"},
			"1 tests gave no result: example.com/s.TestA",
		},
		"TestMain that forges": {
			map[string]string{"a_test.go": hides + "func TestMain(m *testing.M) {\n\t" + says + "\n\tos.Exit(0)\n}\n"},
			"the test programs say that the tests passed, and did not run them: example.com/s",
		},
		"init that forges": {
			map[string]string{"a.go": "package a\n\nfunc A() int { return 1 }\n", "a_test.go": hides + "func init() {\n\t" + says + "\n\tos.Exit(0)\n}\n"},
			"the test programs say that the tests passed, and did not run them: example.com/s",
		},
		"results of tests that are not there": {
			map[string]string{"a_test.go": strings.ReplaceAll(hides, "TestA", "TestB") + "func init() {\n\t" + says + "\n\tos.Exit(0)\n}\n"},
			"1 tests gave no result: example.com/s.TestB",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, c.files)
			r, err := s.runner(t).run(t.Context())
			reason := r.NotRun
			if err != nil {
				reason = err.Error()
			} else if got := pipeline.Decide(r, pipeline.Verdict{}, true); got.Outcome != pipeline.NotRun || got.Remedy == "" {
				t.Errorf("%s, remedy %q", got.Outcome, got.Remedy)
			}
			if !strings.Contains(reason, c.says) {
				t.Errorf("not run: %q, want %q", reason, c.says)
			}
		})
	}
}

// blinding are flags with which go test runs no test, or not all of them.
const blinding = "-run=^$ -skip=. -short -tags=never -vet=off -count=0 -list=."

// TestFlagsOfTheEnvironment has no setting of the user's or of the repository's
// decide which tests run.
func TestFlagsOfTheEnvironment(t *testing.T) {
	file := filepath.Join(t.TempDir(), "env")
	check(t, os.WriteFile(file, []byte("GOFLAGS="+blinding+"\n"), 0o600))
	s := newService(t, map[string]string{
		"a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) {\n\tif testing.Short() {\n\t\tt.Skip()\n\t}\n}\n",
		"b_test.go": "//go:build never\n\npackage a\n\nimport \"testing\"\n\nfunc TestB(t *testing.T) {}\n\nfunc TestC(t *testing.T) {}\n",
	})
	t.Setenv("GOFLAGS", blinding)
	t.Setenv("GOENV", file)
	r := s.test(t)
	if got := pipeline.Decide(r, pipeline.Verdict{}, true); got.Outcome != pipeline.Passed || r.Values["passed"] != "1" {
		t.Errorf("%s: %s, %s", got.Outcome, got.Reason, mustJSON(t, r))
	}
	if d := cmp.Diff("2 tests are in files that build constraints leave out, and did not run", r.Notes[0]); d != "" {
		t.Error(d)
	}
}

// TestFlagsInForce has flags that got through all the same be noticed, by what
// is missing and by the planted tests.
func TestFlagsInForce(t *testing.T) {
	t.Parallel()
	for flag, says := range map[string]string{
		"-run=^$":  "1 tests gave no result",
		"-skip=.":  "1 tests gave no result",
		"-count=0": "1 tests gave no result",
		"-list=.":  "1 tests gave no result",
		"-short":   "all of the 1 tests were skipped",
	} {
		t.Run(flag, func(t *testing.T) {
			t.Parallel()
			s := newService(t, map[string]string{"a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestA(t *testing.T) {\n\tif testing.Short() {\n\t\tt.Skip()\n\t}\n}\n"})
			s.more = []string{"GOFLAGS=" + flag}
			r := s.test(t)
			if !strings.HasPrefix(r.NotRun, says) || r.SelfTest == nil || r.SelfTest.Passed() != (flag == "-short") {
				t.Errorf("not run: %q, self-test %+v", r.NotRun, r.SelfTest)
			}
		})
	}
}

// TestSelfTest is done once, in a folder that is not left, and again when
// something that decides it is another.
func TestSelfTest(t *testing.T) {
	t.Parallel()
	s := newService(t, map[string]string{"a_test.go": goodTest})
	s.proofs = scan.Proofs{Dir: t.TempDir()}
	want := &pipeline.SelfTest{Planted: []string{"test-failed"}, Caught: []string{"test-failed"}}
	if s.race.on {
		want = &pipeline.SelfTest{Planted: []string{"test-failed", "data-race"}, Caught: []string{"test-failed", "data-race"}}
	}
	tried := func(version string) bool {
		s.params.Version, s.told = version, nil
		if d := cmp.Diff(want, s.test(t).SelfTest); d != "" {
			t.Error(d)
		}
		return strings.Contains(strings.Join(s.told, "\n"), "trying planted tests")
	}
	if !tried("v1") || tried("v1") || !tried("v2") {
		t.Error("the planted tests are tried each time, or not at all")
	}
	if left, err := os.ReadDir(filepath.Join(s.own, "tmp")); err == nil {
		t.Errorf("left: %v", left)
	}
}

// TestApplicable is answered by planning, so that a commit that removes all
// tests can be told from one that never had any.
func TestApplicable(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files    map[string]string
		coverage int
		want     string
	}{
		"a test":                     {map[string]string{"a/a_test.go": goodTest}, 0, ""},
		"none":                       {map[string]string{"a.go": "package a\n"}, 0, noTests},
		"none, and coverage":         {map[string]string{"a.go": "package a\n"}, 1, ""},
		"behind a tag":               {map[string]string{"a_test.go": "//go:build never\n" + goodTest}, 0, ""},
		"ignored":                    {map[string]string{"go.mod": "module m\n\ngo 1.25\n\nignore ./x\n", "x/x_test.go": goodTest}, 0, ""},
		"only of others":             {map[string]string{"x/go.mod": "module x\n", "x/x_test.go": goodTest, "vendor/v/v_test.go": goodTest}, 0, noTests},
		"of the workspace":           {map[string]string{"go.work": "go 1.25\n\nuse (\n\t.\n\t./x\n)\n", "x/go.mod": "module x\n", "x/x_test.go": goodTest}, 0, ""},
		"where no package is sought": {map[string]string{"testdata/a_test.go": goodTest, "_a/a_test.go": goodTest, ".a/a_test.go": goodTest, "_a_test.go": goodTest}, 0, noTests},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, c.files)
			job, err := Scanner{}.Job(scan.Service{Root: s.dir, Dir: s.dir, GoModule: "m", CacheDir: s.cache, Options: scan.Options{Coverage: c.coverage}})
			check(t, err)
			if job.NotApplicable != c.want || !job.Check {
				t.Errorf("not applicable: %q, want %q", job.NotApplicable, c.want)
			}
		})
	}
}
