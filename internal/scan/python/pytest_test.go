package python

import (
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
)

const (
	sumModule = "def sum(a, b):\n    return a + b\n\n\ndef unused(a):\n    return a\n"
	sumTests  = "import pytest\nfrom app import sum\n\n\n@pytest.fixture\ndef test_client():\n    return 1\n\n\n@pytest.mark.parametrize(\"n\", [1, 2])\ndef test_sum(n):\n    assert sum(n, 1) == n + 1\n\n\nclass TestSum:\n    def test_zero(self, test_client):\n        assert sum(0, 0) == 0\n"
)

// TestPytest has pytest run services' tests, and holds the reports to what is
// wrong with them.
func TestPytest(t *testing.T) {
	t.Parallel()
	need(t, "pytest")
	all := func(more map[string]string) map[string]string {
		files := map[string]string{"app.py": sumModule, "tests/test_app.py": sumTests}
		for name, text := range more {
			files[name] = text
		}
		return files
	}
	tests := map[string]struct {
		files    map[string]string
		options  scan.Options
		findings string
		notRun   string
		notes    string
		values   string // tests passed failed skipped coverage
	}{
		"good":                {files: all(nil), values: "3 3 0 0 75.0"},
		"enough is covered":   {files: all(nil), options: scan.Options{Coverage: 75}, values: "3 3 0 0 75.0"},
		"too little":          {files: all(nil), options: scan.Options{Coverage: 76}, findings: "coverage requirements.txt:0"},
		"nothing imports it":  {files: all(map[string]string{"sub/other.py": "a = 1\n# b\n\nc = 2\n"}), values: "3 3 0 0 50.0"},
		"no cover":            {files: all(map[string]string{"app.py": strings.ReplaceAll(sumModule, "return a\n", "return a  # pragma: no cover\n"), ".coveragerc": "[report]\nomit = *\n"}), values: "3 3 0 0 75.0"},
		"a failing test":      {files: all(map[string]string{"app.py": strings.ReplaceAll(sumModule, "a + b", "a - b")}), findings: "test-failed tests/test_app.py:12, test-failed tests/test_app.py:12"},
		"a broken fixture":    {files: all(map[string]string{"conftest.py": "import pytest\n\n\n@pytest.fixture(autouse=True)\ndef broken():\n    raise ValueError(1)\n"}), findings: "test-failed tests/test_app.py:10, test-failed tests/test_app.py:10, test-failed tests/test_app.py:16"},
		"a syntax error":      {files: all(map[string]string{"tests/test_bad.py": "def f(:\n"}), findings: "test-import tests/test_bad.py:0"},
		"a missing module":    {files: all(map[string]string{"tests/test_bad.py": "import nosuch.thing\n"}), findings: "test-import tests/test_bad.py:1", notRun: "the tests need the Python module nosuch, which is not there"},
		"no tests":            {files: map[string]string{"app.py": sumModule}, notRun: "pytest found no tests"},
		"all skipped":         {files: map[string]string{"test_a.py": "import pytest\n\n\n@pytest.mark.skip\ndef test_a():\n    pass\n"}, notRun: "all of the 1 tests were skipped", notes: "1 of 1 tests were skipped, 0 of them expected to fail"},
		"expected to fail":    {files: all(map[string]string{"test_a.py": "import pytest\n\n\n@pytest.mark.xfail\ndef test_a():\n    assert 0\n"}), notes: "1 of 4 tests were skipped, 1 of them expected to fail"},
		"a skipped file":      {files: all(map[string]string{"test_a.py": "import pytest\npytest.skip(\"no\", allow_module_level=True)\n\n\ndef test_a():\n    pass\n"}), values: "4 3 0 1 75.0"},
		"needs its settings":  {files: map[string]string{"lib/app.py": sumModule, "tests/test_app.py": sumTests, "pytest.ini": "[pytest]\npythonpath = lib\n"}, values: "3 3 0 0 75.0"},
		"from src":            {files: map[string]string{"src/app.py": sumModule, "tests/test_app.py": sumTests}, values: "3 3 0 0 75.0"},
		"names":               {files: all(map[string]string{"tests/s p/test_é[1].py": "def test_a():\n    pass\n"}), values: "4 4 0 0 75.0"},
		"collects only":       {files: all(map[string]string{"pytest.ini": "[pytest]\naddopts = --co -p no:junitxml -k nothing\nrequired_plugins = pytest-cov nosuch\n"}), values: "3 3 0 0 75.0", notes: "addopts in pytest.ini is not read"},
		"looks elsewhere":     {files: all(map[string]string{"pytest.ini": "[pytest]\ntestpaths = docs\nnorecursedirs = tests\n"}), values: "3 3 0 0 75.0"},
		"other names":         {files: all(map[string]string{"pytest.ini": "[pytest]\npython_functions = check\n"}), notRun: "pytest found no tests"},
		"other files":         {files: all(map[string]string{"test_b.py": "def test_b():\n    pass\n", "pytest.ini": "[pytest]\npython_files = test_b.py\n"}), notRun: "it examined 1 of 3 test functions and classes"},
		"ignores a folder":    {files: all(map[string]string{"conftest.py": "collect_ignore = [\"tests\"]\n", "test_b.py": "def test_b():\n    pass\n"}), notRun: "it examined 1 of 3 test functions and classes"},
		"deselects":           {files: all(map[string]string{"conftest.py": "def pytest_collection_modifyitems(config, items):\n    config.hook.pytest_deselected(items=items[1:])\n    del items[1:]\n"}), notRun: "it examined 1 of 2 test functions and classes"},
		"deselects one of it": {files: all(map[string]string{"conftest.py": "def pytest_collection_modifyitems(config, items):\n    config.hook.pytest_deselected(items=items[:1])\n    del items[:1]\n"}), notRun: "some of the tests that pytest found are left out"},
		"ends well":           {files: all(map[string]string{"test_0.py": "import os\n\n\ndef test_end():\n    os._exit(0)\n"}), notRun: "reading the results of pytest"},
		"stops":               {files: all(map[string]string{"test_0.py": "import pytest\n\n\ndef test_end():\n    pytest.exit(\"enough\", 0)\n"}), notRun: "it examined 0 of 4 tests"},
		"forges its status":   {files: all(map[string]string{"app.py": "def sum(a, b):\n    return 0\n", "conftest.py": "def pytest_sessionfinish(session):\n    session.exitstatus = 0\n"}), findings: "test-failed tests/test_app.py:12, test-failed tests/test_app.py:12", notRun: "pytest says that tests failed, and ended as if none had"},
		"writes elsewhere":    {files: all(map[string]string{"test_w.py": "import pathlib\n\n\ndef test_w(tmp_path):\n    (tmp_path / \"x\").write_text(\"\")\n    pathlib.Path(__file__).with_name(\"made\").write_text(\"\")\n"}), findings: "test-failed test_w.py:6"},
		"hangs":               {files: all(map[string]string{"test_h.py": "import threading\n\n\ndef test_h():\n    threading.Event().wait()\n"}), options: scan.Options{TestLimit: "12s"}, findings: "test-timeout requirements.txt:0"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := service(t, test.files)
			s.Options = test.options
			a, log, err := try(t, Tests{}, s)
			var r pipeline.Report
			if len(a.Reports) == 1 {
				r = a.Reports[0]
			}
			if err != nil {
				r.NotRun = err.Error()
			}
			values := strings.Join([]string{r.Values["tests"], r.Values["passed"], r.Values["failed"], r.Values["skipped"], r.Values["coverage"]}, " ")
			if found(r) != test.findings || !strings.HasPrefix(r.NotRun, test.notRun) || test.notRun == "" && r.NotRun != "" || test.values != "" && values != test.values {
				t.Errorf("%q, not run: %q, values: %s\n%+v\n%s", found(r), r.NotRun, values, r.Findings, log)
			}
			if !r.SelfTest.Passed() || !strings.Contains(strings.Join(r.Notes, "; "), test.notes) {
				t.Errorf("%+v %v", r.SelfTest, r.Notes)
			}
			if good := test.findings == "" && test.notRun == ""; err == nil && good != (outcome(r) == pipeline.Passed) {
				t.Errorf("it is %s: %+v", outcome(r), r)
			}
			for _, f := range r.Findings {
				if strings.Contains(f.Message, s.Dir) || strings.HasSuffix(f.Message, ": ") {
					t.Errorf("%q", f.Message)
				}
			}
		})
	}
}
