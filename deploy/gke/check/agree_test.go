package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestService: the manifests tell the service nothing that it does not read, and
// give it the time to end that it takes.
func TestService(t *testing.T) {
	t.Parallel()
	_, objects, err := build(overlay(t, "production", filled()))
	if err != nil {
		t.Fatal(err)
	}
	m, err := sorted(objects)
	if err != nil || len(m.deployments) != 1 {
		t.Fatalf("%d deployments, %v", len(m.deployments), err)
	}
	config := content(t, "../../../app/cmd/todo/config.go")
	for _, e := range m.deployments[0].Spec.Template.Spec.Containers[0].Env {
		known := strings.Contains(config, `"`+e.Name+`"`) || strings.Contains(config, `"`+strings.TrimSuffix(e.Name, "_FILE")+`"`)
		if !known && e.Name != "GOMEMLIMIT" { // Go's own
			t.Errorf("the service does not read %s", e.Name)
		}
	}
	if limit := "shutdownLimit = 8 * time.Second"; answering.Seconds() != 8 || !strings.Contains(content(t, "../../../app/cmd/todo/serve.go"), limit) {
		t.Errorf("serve.go no longer has %s: change answering, and the grace period with it", limit)
	}
}

// TestSettings: the example has every setting that is put somewhere, and every
// one that Terraform's module puts out.
func TestSettings(t *testing.T) {
	t.Parallel()
	example := filled()
	used := regexp.MustCompile(`fieldPath: data\.(\w+)`).FindAllStringSubmatch(content(t, "../settings/kustomization.yaml"), -1)
	if len(used) != len(example) {
		t.Errorf("%d settings are used, %d are in the example", len(used), len(example))
	}
	output := regexp.MustCompile(`(?m)^    ([A-Z_]+) += `).FindAllStringSubmatch(content(t, "../../../terraform/modules/gke/outputs.tf"), -1)
	if len(output) == 0 {
		t.Error("the module gke puts out no settings")
	}
	for _, m := range append(used, output...) {
		if _, ok := example[m[1]]; !ok {
			t.Errorf("settings.example.yaml does not have %s", m[1])
		}
	}
}
