package python

import (
	"os"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
)

// flask is a copy of the Flask service, with texts replaced in its files: "FILE"
// to "OLD→NEW", or to what a new file has.
func flask(t *testing.T, changes map[string]string) scan.Service {
	t.Helper()
	s := service(t, nil)
	if err := os.CopyFS(s.Dir+"/flask", os.DirFS("../../../testdata/flask")); err != nil {
		t.Fatal(err)
	}
	s.Dir += "/flask"
	s.Options.Coverage = 95
	for name, change := range changes {
		old, text, replace := strings.Cut(change, "→")
		if !replace {
			put(t, s.Dir, map[string]string{name: change})
			continue
		}
		before, err := os.ReadFile(s.Dir + "/" + name)
		if err != nil || !strings.Contains(string(before), old) {
			t.Fatalf("%s has no %q: %v", name, old, err)
		}
		put(t, s.Dir, map[string]string{name: strings.Replace(string(before), old, text, 1)})
	}
	return s
}

// TestFlask has all stages look at the Flask service: as it is, and with defects.
func TestFlask(t *testing.T) {
	t.Parallel()
	need(t, "flake8", "bandit", "pytest")
	tests := map[string]struct {
		changes          map[string]string
		lint, sast, test string
	}{
		"as it is":           {},
		"an unused import":   {changes: map[string]string{"todo/store.py": "import sqlite3\n→import os\nimport sqlite3\n"}, lint: "F401 flask/todo/store.py:2"},
		"a long line":        {changes: map[string]string{"todo/store.py": `"""A list of items in a file. Each call has a connection of its own."""→"""A list of items in a file. Each call has a connection of its own, and closes it."""`}, lint: "E501 flask/todo/store.py:16"},
		"all interfaces":     {changes: map[string]string{"serve.py": "from todo import create_app\n\nif __name__ == \"__main__\":\n    create_app().run(host=\"0.0.0.0\")\n"}, sast: "B104 flask/serve.py:4"},
		"SQL from a form":    {changes: map[string]string{"todo/store.py": `"INSERT INTO todos (text) VALUES (?)", (text,)→"INSERT INTO todos (text) VALUES ('%s')" % text`}, sast: "B608 flask/todo/store.py:40", test: "test-failed flask/tests/test_todo.py:33"},
		"a password":         {changes: map[string]string{"todo/settings.py": "DB_PASSWORD = \"hunter2\"\n"}, sast: "B105 flask/todo/settings.py:1"},
		"a failing test":     {changes: map[string]string{"tests/test_todo.py": `{"status": "ok"}→{"status": "down"}`}, test: "test-failed flask/tests/test_todo.py:44"},
		"forms of anybody's": {changes: map[string]string{"todo/csrf.py": "    @app.before_request\n→"}, test: "test-failed flask/tests/test_safety.py:9, test-failed flask/tests/test_safety.py:9, test-failed flask/tests/test_safety.py:9, test-failed flask/tests/test_safety.py:9, test-failed flask/tests/test_safety.py:9, test-failed flask/tests/test_safety.py:9, test-failed flask/tests/test_safety.py:15, test-failed flask/tests/test_safety.py:23"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := flask(t, test.changes)
			reports, log := run(t, Scanner{}, s)
			tested, more := run(t, Tests{}, s)
			for stage, want := range map[string]string{lintStage: test.lint, sastStage: test.sast, testStage: test.test} {
				r, ok := reports[stage]
				if !ok {
					r = tested[stage]
				}
				if found(r) != want || (outcome(r) == pipeline.Passed) != (want == "") {
					t.Errorf("%s is %s, with %q and not %q: %s\n%s%s", stage, outcome(r), found(r), want, r.NotRun, log, more)
				}
			}
		})
	}
}
