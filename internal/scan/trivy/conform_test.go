package trivy

import (
	"context"
	"testing"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
	"github.com/sluice-ci/sluice/internal/scan/scantest"
	"github.com/sluice-ci/sluice/internal/tool"
)

// version is that of the Trivy of the tests.
const version = "0.74.0"

// inPath plans with the programs that the worker's PATH has.
type inPath struct{ IaC }

func (s inPath) Job(service scan.Service) (pipeline.Job, error) {
	job, err := s.IaC.Job(service)
	p := job.Params.(params)
	p.Trivy, p.Missing, p.Terraform = tool.Found{Name: toolName, Path: toolName}, "", terraformName
	job.Params = p
	return job, err
}

// asIs takes a tool as it was found.
func asIs(_ context.Context, f tool.Found) (tool.Found, error) {
	f.Version = version
	return f, nil
}

// infrastructure is some of each kind with nothing wrong.
func infrastructure() map[string]string {
	return map[string]string{
		"infra/main.tf":      "locals {\n  a = 1\n}\n",
		"infra/more.tf.json": `{"locals": {"b": 2}}`,
		"app/Dockerfile":     "FROM scratch\nCOPY app /app\nHEALTHCHECK CMD [\"/app\", \"check\"]\nUSER 65532:65532\nENTRYPOINT [\"/app\"]\n",
		"k8s/config.yaml":    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\n  namespace: n\n",
		"compose.yaml":       composed,
		".gitignore":         "ignored\n",
		"ignored/Dockerfile": "FROM scratch\nUSER root\n",
	}
}

// firewall is one that is open to everybody.
const firewall = "resource \"google_compute_firewall\" \"f\" {\n  name          = \"f\"\n  network       = \"n\"\n  source_ranges = [\"0.0.0.0/0\"]\n  allow {\n    protocol = \"tcp\"\n  }\n}\n"

// TestConformIaC has few defects: TestDefects has the others, of which one run
// of Trivy finds all.
func TestConformIaC(t *testing.T) {
	trivy, terraform := trivyPath(t), needed(t, terraformName)
	service := func(name, text string) func(*testing.T) scantest.Service {
		return func(t *testing.T) scantest.Service {
			t.Helper()
			files := infrastructure()
			files[name] = text
			dir := folder(t, files)
			git(t, dir, "init", "-q")
			return scantest.Service{Service: scan.Service{Root: dir, Dir: dir, GitTop: dir, Version: "v1"}}
		}
	}
	scantest.Run(t, scantest.Adapter{
		Scanner: inPath{IaC{probe: asIs}},
		Make:    service("README.md", ""),
		Defects: map[string]func(*testing.T) scantest.Service{
			"an open firewall":             service("infra/f.tf", firewall),
			"a file that is not formatted": service("infra/f.tf", "locals {\n  a   = 1\n}\n"),
		},
		Blind: map[string]func(*testing.T) scantest.Service{
			"Terraform that is broken": service("infra/f.tf", "resource {\n"),
			"a Dockerfile that is":     service("Dockerfile", "FROM\nRUNN x\n"),
		},
		Tools: []scantest.Tool{
			{Name: toolName, Path: trivy, More: map[string]map[string]string{"config": {
				"finds nothing of what is planted": `real "$@" | sed 's/FAIL/PASS/g'`,
				"leaves a file out":                `real "$@" | sed 's#tree/app/Dockerfile#tree/other/Dockerfile#g'`,
			}}},
			{Name: terraformName, Path: terraform},
			{Name: "git", Elsewhere: func(t *testing.T) string { return folder(t, nil) }},
		},
	})
}
