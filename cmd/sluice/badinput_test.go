package main

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// bad is a repository that something is wrong with, and what is said of it.
type bad struct {
	files map[string]string
	links map[string]string // symbolic links by name
	git   string            // a script, in the repository with everything added
	want  map[string]string // the outcome of each stage that is run
	told  []string          // paths of findings, or texts of the reason
}

// badInputs are by what is wrong. What is in git's, Trivy's and Python's own
// terms has tests in the packages that read it.
func badInputs() map[string]bad {
	const workflow = ".github/workflows/ci.yml"
	python := func(name, text string) map[string]string {
		return map[string]string{"requirements.txt": "", name: text}
	}
	failed := func(stages ...string) map[string]string {
		want := map[string]string{}
		for _, stage := range stages {
			want[stage] = "failed"
		}
		return want
	}
	return map[string]bad{
		"Go that cannot be parsed": {
			files: map[string]string{"go.mod": "module example.com/m\n\ngo 1.26\n", "main.go": "package main\n\nfunc main( {\n"}, want: map[string]string{"lint": "failed", "sast": "not_run"}, told: []string{"main.go:3"},
		},
		"Python that cannot be parsed":    {files: python("a.py", "def f(:\n"), want: map[string]string{"lint": "failed", "sast": "not_run"}, told: []string{"a.py:1"}},
		"a workflow that is no YAML":      {files: python(workflow, "on: [push\njobs:\n"), want: failed("workflow"), told: []string{workflow + ":2"}},
		"a manifest that is no YAML":      {files: python("a.yaml", "apiVersion: v1\nkind: Pod\nmetadata: [\n"), want: map[string]string{"iac": "not_run"}, told: []string{"a.yaml:3: "}},
		"Terraform that cannot be parsed": {files: python("a.tf", "resource {\n"), want: failed("iac"), told: []string{"a.tf:1"}},
		"a Dockerfile that cannot be":     {files: python("Dockerfile", "FROM\nRUNN x\n"), want: map[string]string{"iac": "not_run"}, told: []string{"Dockerfile: "}},
		"names that are hard to write": {
			files: map[string]string{"requirements.txt": "", "a b.py": "import os\n", "n\nl.py": "import os\n", "u\xff.py": "import os\n", "-x.py": "import os\n", ".github/workflows/a\nb\xff.yml": "on: push\njobs: {}\n"},
			want:  map[string]string{"lint": "failed", "sast": "passed", "secrets": "passed", "workflow": "failed"}, told: []string{"a b.py:1", "n\nl.py:1", "u�.py:1", "-x.py:1", ".github/workflows/a\nb�.yml:2"},
		},
		"links that lead to themselves": {
			files: python("d/x", ""), links: map[string]string{"d/up": "../d", "self": ".", "a.py": "b.py", "b.py": "a.py", "a.tf": "a.tf", workflow: "ci.yml"},
			want: map[string]string{"lint": "not_run", "sast": "not_run", "secrets": "passed", "workflow": "failed", "iac": "not_run"}, told: []string{`"a.py" cannot be examined`, "a.tf: ", workflow + ":1"},
		},
		"no history":      {files: python("a.py", "import os\n"), want: map[string]string{"lint": "failed", "secrets": "passed"}, told: []string{"a.py:1", "no commits yet"}},
		"a shallow clone": {files: python("a.py", "import os\n"), git: "git commit -qm a; git rev-parse HEAD >.git/shallow", want: map[string]string{"lint": "failed", "secrets": "not_run"}, told: []string{"a.py:1", "shallow clone"}},
		"a submodule that is not checked out": {
			files: python("a.py", ""), git: "git update-index --add --cacheinfo 160000,1234567890123456789012345678901234567890,module; mkdir module",
			want: map[string]string{"lint": "not_run", "sast": "not_run", "iac": "not_run"}, told: []string{`"module"`, "git submodule update --init"},
		},
		"a submodule that is": {
			files: python("module/a.py", "import os\n"), git: "git rm -rq --cached module; git init -q module; git update-index --add --cacheinfo 160000,1234567890123456789012345678901234567890,module",
			want: failed("lint"), told: []string{"module/a.py:1"},
		},
		"tracked code beside an untracked pyvenv.cfg": {files: python("app/a.py", "import os\n"), git: "touch app/pyvenv.cfg", want: failed("lint"), told: []string{"app/a.py:1"}},
	}
}

// TestBadInput: of what cannot be read there is a finding, or the stage is not run
// and says why; it is never passed over.
func TestBadInput(t *testing.T) {
	t.Parallel()
	tools := installedTools(t)
	for name, b := range badInputs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, err := filepath.EvalSymlinks(t.TempDir())
			must(t, err)
			repo, cache := filepath.Join(dir, "repo"), filepath.Join(dir, "cache")
			must(t, os.Mkdir(cache, 0o700))
			must(t, os.Symlink(tools, filepath.Join(cache, "tools")))
			b.make(t, repo)
			cmd := exec.Command(program, "run", "--only", strings.Join(slices.Sorted(maps.Keys(b.want)), ","))
			cmd.Dir, cmd.Env = repo, append(os.Environ(), "SLUICE_CACHE="+cache, "CI=")
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Error("the run passed")
			}
			b.check(t, repo, string(out))
		})
	}
}

// TestCommittedFolderOfSluices: what no stage looks at is not let into the repository.
func TestCommittedFolderOfSluices(t *testing.T) {
	t.Parallel()
	for _, name := range []string{".sluice/a.py", "app/.sluice/x/main.tf", "a/.sluice"} {
		dir := filepath.Join(t.TempDir(), "repo")
		bad{files: map[string]string{"requirements.txt": "", name: ""}}.make(t, dir)
		cmd := exec.Command(program, "run", "--only", "lint")
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "SLUICE_CACHE="+filepath.Join(t.TempDir(), "cache"), "CI=")
		if out, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 2 || !strings.Contains(string(out), name) || !strings.Contains(string(out), "git rm") {
			t.Errorf("%s: %v\n%s", name, cmd.ProcessState, out)
		}
	}
}

// make makes the repository.
func (b bad) make(t *testing.T, dir string) {
	t.Helper()
	for name, text := range b.files {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	for name, to := range b.links {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755))
		must(t, os.Symlink(to, filepath.Join(dir, name)))
	}
	cmd := exec.Command("sh", "-euc", "git init -q; git add -A; "+b.git)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// check compares what the run recorded with what is wanted.
func (b bad) check(t *testing.T, repo, out string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repo, ".sluice", "latest", "run.json"))
	must(t, err)
	var record struct {
		Results []struct{ Stage, Outcome string }
	}
	must(t, json.Unmarshal(text, &record))
	got := map[string]string{}
	for _, r := range record.Results {
		if b.want[r.Stage] != "" {
			got[r.Stage] = r.Outcome
		}
	}
	if diff := cmp.Diff(b.want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, want := range b.told {
		if !strings.Contains(out, want) && !strings.Contains(out, strings.ReplaceAll(want, "\n", " ")) {
			t.Errorf("nothing of %q", want)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}
