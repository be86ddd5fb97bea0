package python

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/command"
)

func TestParseFlake8(t *testing.T) {
	t.Parallel()
	for out, want := range map[string][]violation{
		"W\tcode/a.py\t1\t2\tE501\tline\ttoo long\nand more\nW\t./code/b.py\t3\t1\tF401\tx\n": {{"code/a.py", 1, 2, "E501", "line too long and more"}, {"code/b.py", 3, 1, "F401", "x"}},
		"":                                     nil,
		"W\tcode/a.py\t1\t2\tE501\tno end":     nil,
		"hello\nW\tcode/a.py\t1\t2\tE501\tx\n": nil,
		"W\tcode/a.py\t1\tE501\tx\n":           nil,
		"W\tcode/a.py\tone\t2\tE501\tx\n":      nil,
		"W\tcode/a.py\t-1\t2\tE501\tx\n":       nil,
		"W\tcode/a.py\t1\t2\te 501\tx\n":       nil,
	} {
		got, err := parseFlake8(out, "W")
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(violation{})); diff != "" || (err == nil) != (want != nil) {
			t.Errorf("%q: %v\n%s", out, err, diff)
		}
	}
}

func FuzzFlake8(f *testing.F) {
	f.Add("W\tcode/a.py\t1\t2\tE501\tline\ttoo long\nand more\n")
	f.Fuzz(func(t *testing.T, out string) {
		all, err := parseFlake8(out, "W")
		for _, v := range all {
			if err != nil || v.line < 0 || v.column < 0 || !isCode(v.code) || strings.ContainsAny(v.text, "\n\t") {
				t.Errorf("%+v, %v", v, err)
			}
		}
	})
}

func TestDisarm(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"x  # noqa": "x  # none", "x  # noqa: E501": "x  # noqa: E501", "x  #NOQA:e501,W2": "x  #NOQA:e501,W2", "x  # noqa : E501": "x  # none : E501", "# flake8: noqa": "# flake8: none",
		"# Flake8=NoQA: E501": "# Flake8=none: E501", "x  # noqa:because": "x  # none:because", "noqa": "noqa", "# noqa # noqa: F401": "# none # noqa: F401",
	} {
		if got := string(disarm([]byte(text))); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func FuzzDisarm(f *testing.F) {
	f.Add([]byte("x  # noqa: E501 # flake8: noqa"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got := disarm(text)
		if len(got) != len(text) || string(disarm(got)) != string(got) {
			t.Errorf("%q: %q", text, got)
		}
	})
}

func TestNosec(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"x": "no", "x  # nosec": " ", "x  # nosec B104": "B104 ", "x  # nosec: B104,B105 - of a proxy": "B104,B105 of a proxy", "x #nosec b104 because": "B104 because",
		"x  # nosec because": " because", "x  # nosecB104 y": "no", "x  # nosec B1045 y": " B1045 y", "x  # nosec B104  # noqa: E501": "B104 ", "x  # NoSec B104 # why": "B104 why", "x # nosec B104 - .": "B104 ",
	} {
		rules, reason, ok := parseNosec(line)
		got := "no"
		if ok {
			got = strings.Join(rules, ",") + " " + reason
		}
		if got != want {
			t.Errorf("%q: %q, not %q", line, got, want)
		}
	}
}

func FuzzNosec(f *testing.F) {
	f.Add("x  # nosec: B104,B105 - of a proxy  # noqa")
	f.Fuzz(func(t *testing.T, line string) {
		if rules, reason, ok := parseNosec(line); !ok && (len(rules) > 0 || reason != "") || slices.ContainsFunc(rules, func(r string) bool { return !issueID().MatchString(r) }) {
			t.Errorf("%q: %q %q %t", line, rules, reason, ok)
		}
	})
}

func TestParseJUnit(t *testing.T) {
	t.Parallel()
	const good = `<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="pytest" tests="4">
<testcase classname="tests.test_a" name="test_ok" file="tests/test_a.py" line="9" time="0.005" />
<testcase classname="tests.test_a" name="test_bad" file="tests/test_a.py" line="x"/></testsuite></testsuites>`
	for text, ok := range map[string]bool{
		strings.Replace(good, `line="x"`, "", 1): true, good: false, "": false, "<a/>": true, "<a>": false, "</a>": false, "{}": false, strings.Repeat("<a>", 20) + strings.Repeat("</a>", 20): false,
		`<testsuites><testcase name="a"></testsuites>`: false, `<!DOCTYPE a [<!ENTITY b "c">]><testsuites><testcase name="&b;"/></testsuites>`: false,
	} {
		if _, err := parseJUnit(strings.NewReader(text)); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
	cases, err := parseJUnit(strings.NewReader(`<testsuites><testsuite>
<testcase classname="tests.test_a" name="test_a[1]" file="tests/test_a.py" line="9"><failure message="m">text</failure></testcase>
<testcase classname="" name="tests.test_b" file="tests/test_b.py"><error message="collection failure">E   x</error></testcase>
<testcase classname="c" name="d"><skipped type="pytest.xfail" message=""/></testcase></testsuite></testsuites>`))
	want := []testCase{
		{class: "tests.test_a", name: "test_a[1]", file: "tests/test_a.py", line: 9, state: "failed", message: "m", text: "text"},
		{name: "tests.test_b", file: "tests/test_b.py", line: -1, state: "error", message: "collection failure", text: "E   x"},
		{class: "c", name: "d", line: -1, state: "skipped", kind: "pytest.xfail"},
	}
	if diff := cmp.Diff(want, cases, cmp.AllowUnexported(testCase{})); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func FuzzJUnit(f *testing.F) {
	f.Add(`<testsuites><testsuite><testcase classname="a" name="b[1]" file="c.py" line="1"><failure message="m">t</failure></testcase></testsuite></testsuites>`)
	f.Fuzz(func(t *testing.T, text string) {
		cases, err := parseJUnit(strings.NewReader(text))
		for _, c := range cases {
			if err == nil && (c.line < -1 || c.state == "") {
				t.Errorf("%+v", c)
			}
			_ = above(c.id())
		}
	})
}

func TestParseCoverage(t *testing.T) {
	t.Parallel()
	got, err := parseCoverage(strings.NewReader(`<coverage><packages><package><classes>
<class filename="a.py"><methods/><lines><line number="1" hits="1"/><line number="2" hits="0"/></lines></class><class filename="b.py"/></classes></package></packages></coverage>`))
	if diff := cmp.Diff(map[string]covered{"a.py": {1, 2}, "b.py": {}}, got, cmp.AllowUnexported(covered{})); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if (covered{999, 1000}).String() != "99.9" || (covered{9999, 10000}).String() != "99.9" || (covered{}).String() != "0.0" || !(covered{}).reaches(100) || (covered{1, 3}).reaches(34) {
		t.Error("rounded")
	}
}

func FuzzCoverage(f *testing.F) {
	f.Add(`<coverage><class filename="a.py"><lines><line number="1" hits="1"/></lines></class></coverage>`)
	f.Fuzz(func(t *testing.T, text string) {
		files, err := parseCoverage(strings.NewReader(text))
		for name, n := range files {
			if err == nil && (n.run < 0 || n.run > n.all) {
				t.Errorf("%q: %+v", name, n)
			}
		}
	})
}

func TestCollected(t *testing.T) {
	t.Parallel()
	status := func(code int) error { return &command.ExitError{Code: code} }
	for _, test := range []struct {
		out    string
		ended  error
		tests  []string
		chosen bool
		err    string
	}{
		{out: "tests/test_a.py::test_x\ntests/test_a.py::T::test_y[a/b::c.py]\n\n2 tests collected in 0.01s\n", tests: []string{"tests.test_a.test_x", "tests.test_a.T.test_y[a/b::c.py]"}},
		{out: "a.py::b\n\n1/3 tests collected (2 deselected) in 0.01s\n", tests: []string{"a.b"}, chosen: true},
		{out: "\nno tests collected in 0.01s\n", ended: status(5)},
		{out: "a.py::b\n\n=== ERRORS ===\n1 test collected, 1 error in 0.2s\n", ended: status(2), tests: []string{"a.b"}},
		{out: "a.py::b\n\n2 tests collected in 0.01s\n", err: "2 tests, and names 1"},
		{out: "a.py::b\n", err: "did not say how many"},
		{out: "", err: "did not say how many"},
		{out: "ERROR: usage", ended: status(4), err: "pytest did not run"},
		{out: "ImportError while loading conftest\nE   ModuleNotFoundError: No module named 'flask'\n", ended: status(4), err: "pytest did not run"},
	} {
		got, chosen, err := collected(test.out, test.ended)
		if diff := cmp.Diff(test.tests, got); err == nil && diff != "" || chosen != test.chosen || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%q: %v %t %v", test.out, got, chosen, err)
		}
	}
}

func FuzzCollected(f *testing.F) {
	f.Add("tests/test_a.py::test_x\n\n1 test collected in 0.01s\n")
	f.Fuzz(func(t *testing.T, out string) {
		tests, _, err := collected(out, nil)
		if err == nil && len(tests) > strings.Count(out, "::") {
			t.Errorf("%q: %q", out, tests)
		}
	})
}

func TestTopTests(t *testing.T) {
	t.Parallel()
	const text = `"""
def test_in_a_text():
"""
import pytest
def test_a(): pass
async def test_b(x): pass
@pytest.fixture
def test_client(): pass
@pytest.fixture(
    scope="module")
def test_other(): pass
@pytest.mark.skip
def test_c(
        x): pass
def helper(): pass
if 1:
    def test_d(): pass
class TestE:
    """x"""

    def helper(self): pass
# a remark
    def test_e(self): pass
class TestF(Base):
    x = 1
class TestG:
    def __init__(self): pass
    def test_g(self): pass
class TestH: # no test
    __test__ = False
    def test_h(self): pass
class Other:
    def test_i(self): pass
test_j = 1
`
	if diff := cmp.Diff([]string{"TestE", "test_a", "test_b", "test_c"}, topTests(text)); diff != "" {
		t.Error(diff)
	}
}

func FuzzTopTests(f *testing.F) {
	f.Add("@x.fixture\ndef test_a():\nclass TestB:\n  def test_c():\n\"\"\"")
	f.Fuzz(func(t *testing.T, text string) {
		for _, name := range topTests(text) {
			if !strings.Contains(text, name) || name == "" {
				t.Errorf("%q", name)
			}
		}
	})
}
