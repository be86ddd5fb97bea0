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
	git("add", "app/venv/a.py")
	if got := lint(); got != "F401 app/venv/a.py:1" {
		t.Errorf("tracked code beside an untracked mark: %s", got)
	}
	git("rm", "-q", "--cached", "app/venv/a.py")
	git("add", "app/venv/pyvenv.cfg")
	if got := lint(); got != "F401 app/venv/a.py:1" {
		t.Errorf("a tracked mark: %s", got)
	}
	git("add", ".")
	if got := lint(); got != "F401 app/node_modules/x/b.py:1, F401 app/venv/a.py:1" {
		t.Errorf("tracked: %s", got)
	}
}

// TestSubmodules: their files are shipped, whatever they look like, and of one that
// is not checked out nothing is known.
func TestSubmodules(t *testing.T) {
	t.Parallel()
	need(t, flake8, bandit)
	s := service(t, map[string]string{"libs/one/pyvenv.cfg": "", "libs/one/a.py": "import os\n", "node_modules/two/b.py": "import os\n", "venv/three/c.py": "import os\n", "venv/pyvenv.cfg": ""})
	s.GitTop = s.Dir
	git := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("git", append([]string{"-C", s.Dir}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	module := func(name string) {
		git("update-index", "--add", "--cacheinfo", "160000,1234567890123456789012345678901234567890,"+name)
	}
	git("init", "-q")
	for _, name := range []string{"libs/one", "node_modules/two", "venv/three"} {
		module(name)
	}
	reports, _ := run(t, Scanner{}, s)
	if got := found(reports[lintStage]); got != "F401 libs/one/a.py:1, F401 node_modules/two/b.py:1, F401 venv/three/c.py:1" || reports[lintStage].NotRun != "" {
		t.Errorf("%s, %q", got, reports[lintStage].NotRun)
	}
	module("four")
	reports, _ = run(t, Scanner{}, s)
	for _, stage := range []string{lintStage, sastStage} {
		r := reports[stage]
		if !strings.Contains(r.NotRun, `"four"`) || !strings.Contains(r.Remedy, "git submodule update --init") || stage == lintStage && len(r.Findings) != 3 {
			t.Errorf("%s: %+v", stage, r)
		}
	}
}
