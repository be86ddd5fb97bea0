package python

import (
	"os/exec"
	"strings"
	"testing"
)

// TestCommittedEnvironments: what git tracks is examined, also where it looks like
// installed packages.
func TestCommittedEnvironments(t *testing.T) {
	t.Parallel()
	need(t, flake8, bandit)
	s := service(t, map[string]string{"app/venv/pyvenv.cfg": "", "app/venv/a.py": "import os\n", "app/node_modules/x/b.py": "import os\n"})
	top := s.Dir
	s.Dir += "/app"
	put(t, s.Dir, map[string]string{"requirements.txt": ""})
	git := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("git", append([]string{"-C", top}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	lint := func() string {
		t.Helper()
		reports, _ := run(t, Scanner{}, s)
		return strings.TrimSpace(found(reports[lintStage]) + " " + reports[lintStage].NotApplicable)
	}
	s.GitTop = top // of which git does not say anything
	if got := lint(); got != "F401 app/node_modules/x/b.py:1, F401 app/venv/a.py:1" {
		t.Errorf("without a repository: %s", got)
	}
	git("init", "-q")
	if got := lint(); got != "the service has no Python files" {
		t.Errorf("untracked: %s", got)
	}
	git("add", "app/venv/pyvenv.cfg")
	if got := lint(); got != "F401 app/venv/a.py:1" {
		t.Errorf("a tracked mark: %s", got)
	}
	git("add", ".")
	if got := lint(); got != "F401 app/node_modules/x/b.py:1, F401 app/venv/a.py:1" {
		t.Errorf("tracked: %s", got)
	}
}
