package trivy

import (
	"fmt"
	"slices"

	"github.com/sluice-ci/sluice/internal/pipeline"
)

// What is planted in every Terraform file: a secret in plain text, which is one
// result of one rule.
const (
	plantedType = "github_actions_environment_secret"
	plantedName = "sluice_planted_"
	plantedRule = "GIT-0002"
)

// plants are files with a defect each, by name. They lie beside the tree that
// is examined, so that the run that finds them is the run that examines it.
func plants() map[string]string {
	return map[string]string{
		"main.tf": `resource "google_compute_firewall" "planted" {
  name          = "planted"
  network       = "planted"
  source_ranges = ["0.0.0.0/0"]
  allow {
    protocol = "tcp"
    ports    = ["22"]
  }
}
`,
		"Dockerfile": "FROM scratch\n# trivy" + ":ignore:*\nUSER root\n",
		"pod.yaml": `apiVersion: v1
kind: Pod
metadata:
  name: planted
spec:
  containers:
    - name: planted
      image: planted:1
      securityContext:
        privileged: true
`,
	}
}

// expected are the rules that must find what is planted, by file.
func expected() map[string]string {
	return map[string]string{"main.tf": "GCP-0027", "Dockerfile": "DS-0002", "pod.yaml": "KSV-0017"}
}

// selfTest tells which of the plants were found.
func selfTest(found []misconfiguration) (t pipeline.SelfTest) {
	for name, rule := range expected() {
		t.Planted = append(t.Planted, rule)
		if slices.ContainsFunc(found, func(m misconfiguration) bool { return m.target == plantedFolder+"/"+name && m.rule() == rule }) {
			t.Caught = append(t.Caught, rule)
		}
	}
	slices.Sort(t.Planted)
	slices.Sort(t.Caught)
	return t
}

// isPlanted tells whether a finding is of what was planted in a Terraform file.
func (m misconfiguration) isPlanted() bool {
	var n int
	_, err := fmt.Sscanf(m.resource(), plantedType+"."+plantedName+"%d", &n)
	return err == nil && m.rule() == plantedRule
}

// plantedCompose is a Compose file with a privileged service, in line 4.
const plantedCompose = `services:
  planted:
    image: planted:1
    privileged: true
`
