package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// workflow is what the tests look at of a workflow of GitHub Actions.
type workflow struct {
	On          map[string]any
	Permissions map[string]string
	Concurrency map[string]string
	Defaults    struct{ Run struct{ Shell string } }
	Jobs        map[string]job
}

type job struct {
	Needs       []string
	If          string
	Permissions map[string]string
	Environment string
	Timeout     int `yaml:"timeout-minutes"`
	Outputs     map[string]string
	Steps       []step
}

type step struct {
	ID, Name, If, Uses, Run string
	With, Env               map[string]string
}

const workflowFile = "../../.github/workflows/ci-cd.yml"

func readWorkflow(t *testing.T) (w workflow, text string) {
	t.Helper()
	data, err := os.ReadFile(workflowFile)
	must(t, err)
	must(t, yaml.Unmarshal(data, &w))
	return w, string(data)
}

// TestWorkflowHolds sees that each job holds what it may, and no more.
func TestWorkflowHolds(t *testing.T) {
	t.Parallel()
	w, text := readWorkflow(t)
	read := map[string]string{"contents": "read"}
	want := map[string]map[string]string{
		"own": read, "test": read, "build": read,
		"report":  {"security-events": "write"},
		"release": {"contents": "read", "id-token": "write"},
	}
	got := map[string]map[string]string{}
	for name, j := range w.Jobs {
		got[name] = j.Permissions
		if j.Timeout == 0 || j.Timeout > 60 {
			t.Errorf("%s may take %d minutes", name, j.Timeout)
		}
		if (j.Environment == "production") != (name == "release") {
			t.Errorf("%s is in the environment %q", name, j.Environment)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("permissions (-want +got):\n%s", diff)
	}
	if !strings.Contains(text, "\npermissions: {}\n") || len(w.Permissions) > 0 {
		t.Error("a job without permissions of its own would have some")
	}
	if len(w.On) != 2 || !strings.Contains(text, "push:\n    branches: [main]\n  pull_request:\n") || w.Concurrency["group"] == "" {
		t.Errorf("it runs on %v, one at a time by %q", w.On, w.Concurrency["group"])
	}
	if strings.Contains(text, "secrets.") || strings.Contains(text, "actions/cache") {
		t.Error("it uses a secret or a cache")
	}
	r := w.Jobs["release"]
	if r.If != "${{ github.event_name == 'push' && github.ref == 'refs/heads/main' }}" || !slices.Equal(r.Needs, []string{"own", "test", "build"}) {
		t.Errorf("a release is made if %s, after %v", r.If, r.Needs)
	}
}

// TestWorkflowSteps sees that nothing is executed that somebody else can
// exchange, and that no text from outside becomes part of a command.
func TestWorkflowSteps(t *testing.T) {
	t.Parallel()
	w, _ := readWorkflow(t)
	pinned := regexp.MustCompile(`^actions/(checkout|setup-go|upload-artifact|download-artifact)@[0-9a-f]{40}$`)
	for name, j := range w.Jobs {
		for _, s := range j.Steps {
			switch {
			case s.Uses != "" && !pinned.MatchString(s.Uses):
				t.Errorf("%s uses %s", name, s.Uses)
			case strings.Contains(s.Run, "${{"):
				t.Errorf("%s has an expression in a command: %s", name, s.Run)
			case strings.HasPrefix(s.Uses, "actions/checkout@") && s.With["persist-credentials"] != "false":
				t.Errorf("%s leaves its token in the checkout", name)
			case strings.HasPrefix(s.Uses, "actions/setup-go@") && s.With["cache"] != "false":
				t.Errorf("%s shares a cache", name)
			}
		}
	}
}
