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
	Strategy    struct {
		Matrix struct{ Include []map[string]string }
	}
	Steps []step
}

type step struct {
	ID, Name, If, Uses, Run string
	With, Env               map[string]string
}

const workflows = "../../.github/workflows/"

func readWorkflow(t *testing.T, file string) (w workflow, text string) {
	t.Helper()
	data, err := os.ReadFile(workflows + file)
	must(t, err)
	must(t, yaml.Unmarshal(data, &w))
	return w, string(data)
}

// permissions are all that jobs may hold, by workflow and job.
func permissions() map[string]map[string]map[string]string {
	read := map[string]string{"contents": "read"}
	identity := map[string]string{"contents": "read", "id-token": "write"}
	return map[string]map[string]map[string]string{
		"ci-cd.yml":          {"own": read, "test": read, "build": read, "report": {"security-events": "write"}, "release": identity},
		"infrastructure.yml": {"plan": identity, "apply": identity},
	}
}

// TestWorkflowsHold sees that each job of every workflow holds what it may, and
// no more, and that none has a secret or outlives its use.
func TestWorkflowsHold(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(workflows)
	must(t, err)
	got := map[string]map[string]map[string]string{}
	for _, e := range entries {
		w, text := readWorkflow(t, e.Name())
		got[e.Name()] = map[string]map[string]string{}
		for name, j := range w.Jobs {
			got[e.Name()][name] = j.Permissions
			if j.Timeout == 0 || j.Timeout > 60 {
				t.Errorf("%s: %s may take %d minutes", e.Name(), name, j.Timeout)
			}
		}
		if !strings.Contains(text, "\npermissions: {}\n") || len(w.Permissions) > 0 {
			t.Errorf("%s: a job without permissions of its own would have some", e.Name())
		}
		if strings.Contains(text, "secrets.") || strings.Contains(text, "actions/cache") || strings.Contains(text, "pull_request_target") {
			t.Errorf("%s uses a secret or a cache, or runs a fork's code with rights", e.Name())
		}
	}
	if diff := cmp.Diff(permissions(), got); diff != "" {
		t.Errorf("permissions (-want +got):\n%s", diff)
	}
}

func TestReleaseWorkflow(t *testing.T) {
	t.Parallel()
	w, text := readWorkflow(t, "ci-cd.yml")
	for name, j := range w.Jobs {
		if (j.Environment == "production") != (name == "release") {
			t.Errorf("%s is in the environment %q", name, j.Environment)
		}
	}
	if len(w.On) != 2 || !strings.Contains(text, "push:\n    branches: [main]\n  pull_request:\n") || w.Concurrency["group"] == "" {
		t.Errorf("it runs on %v, one at a time by %q", w.On, w.Concurrency["group"])
	}
	r := w.Jobs["release"]
	if r.If != "${{ github.event_name == 'push' && github.ref == 'refs/heads/main' }}" || !slices.Equal(r.Needs, []string{"own", "test", "build"}) {
		t.Errorf("a release is made if %s, after %v", r.If, r.Needs)
	}
}

// TestInfrastructureWorkflow sees that only the approved environment may write,
// that a pull request only reads, and one from a fork does not even that, and
// that nothing is done for an environment that is not set up.
func TestInfrastructureWorkflow(t *testing.T) {
	t.Parallel()
	w, text := readWorkflow(t, "infrastructure.yml")
	conditions := map[string]string{
		"plan":  "${{ vars.TERRAFORM_SHA256 != '' && github.event_name == 'pull_request' && github.event.pull_request.head.repo.full_name == github.repository }}",
		"apply": "${{ vars.TERRAFORM_SHA256 != '' && github.event_name == 'push' && github.ref == 'refs/heads/main' }}",
	}
	accounts := map[string]string{"plan": "_PLANNER_EMAIL", "apply": "_INFRASTRUCTURE_EMAIL"}
	for name, j := range w.Jobs {
		if j.If != conditions[name] {
			t.Errorf("%s runs if %s", name, j.If)
		}
		if (j.Environment == "infrastructure") != (name == "apply") {
			t.Errorf("%s is in the environment %q", name, j.Environment)
		}
		for _, m := range j.Strategy.Matrix.Include {
			if want := "${{ vars." + strings.ToUpper(m["environment"]) + accounts[name] + " }}"; m["account"] != want {
				t.Errorf("%s of %s is %s, want %s", name, m["environment"], m["account"], want)
			}
		}
		if n := len(j.Strategy.Matrix.Include); n != 2 {
			t.Errorf("%s is of %d environments", name, n)
		}
		for _, s := range j.Steps {
			if s.If != "${{ matrix.variables != '' }}" {
				t.Errorf("%s: a step of an environment that is not set up runs: %s%s", name, s.Uses, s.Run)
			}
		}
		runs := commands(j)
		if !strings.Contains(runs, "terraform init -input=false -lockfile=readonly") {
			t.Errorf("%s runs providers that nobody locked", name)
		}
		if strings.Contains(runs, "terraform apply") != (name == "apply") || strings.Contains(runs, "-lock=false") != (name == "plan") {
			t.Errorf("%s runs\n%s", name, runs)
		}
	}
	if len(w.On) != 2 || w.Concurrency["cancel-in-progress"] != "false" || strings.Contains(text, "sluice release") {
		t.Errorf("it runs on %v, and is cut off: %q", w.On, w.Concurrency["cancel-in-progress"])
	}
}

// commands are all that a job runs.
func commands(j job) string {
	var all strings.Builder
	for _, s := range j.Steps {
		all.WriteString(s.Run + "\n")
	}
	return all.String()
}

// TestWorkflowSteps sees that nothing is executed that somebody else can
// exchange, and that no text from outside becomes part of a command.
func TestWorkflowSteps(t *testing.T) {
	t.Parallel()
	pinned := regexp.MustCompile(`^actions/(checkout|setup-go|upload-artifact|download-artifact)@[0-9a-f]{40}$`)
	for file := range permissions() {
		w, _ := readWorkflow(t, file)
		for name, j := range w.Jobs {
			checkSteps(t, file+": "+name, j, pinned)
		}
	}
}

func checkSteps(t *testing.T, name string, j job, pinned *regexp.Regexp) {
	t.Helper()
	if len(j.Steps) == 0 {
		t.Errorf("%s does nothing", name)
	}
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
