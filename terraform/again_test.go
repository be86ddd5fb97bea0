//go:build infra

package terraform

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// root is all that there is, in one project: bootstrap, an environment, Kubernetes
// and a registry with a key of its own.
const root = `module "bootstrap" {
  source = "./bootstrap"

  project_id           = "my-project-123"
  has_organisation     = true
  github_owner         = "example"
  github_owner_id      = "1234"
  github_repository    = "example/todo"
  github_repository_id = "5678"
}

module "environment" {
  source = "./environments/staging"

  project_id              = "my-project-123"
  image                   = "us-docker.pkg.dev/cloudrun/container/hello@sha256:0000000000000000000000000000000000000000000000000000000000000001"
  metrics_collector_image = "us-docker.pkg.dev/cloud-ops-agents-artifacts/cloud-run-gmp-sidecar/cloud-run-gmp-sidecar@sha256:0000000000000000000000000000000000000000000000000000000000000002"
  max_instances           = 3
  invokers                = ["allUsers"]
  notification_emails     = ["ops@example.com"]
  billing_account         = "012345-6789AB-CDEF01"
}

provider "google" {
  project = "my-project-123"
}

module "network" {
  source     = "./modules/network"
  project_id = "my-project-123"
  name       = "kubernetes"
}

module "gke" {
  source = "./modules/gke"

  project_id            = "my-project-123"
  name                  = "todo"
  host                  = "todo.example.com"
  network_id            = module.network.network_id
  subnetwork_id         = module.network.subnetwork_id
  service_account_email = "todo-runtime@my-project-123.iam.gserviceaccount.com"
}

module "registry" {
  source = "./modules/registry"

  project_id    = "my-project-123"
  repository_id = "other"
  kms_key_name  = "projects/my-project-123/locations/europe-west2/keyRings/r/cryptoKeys/k"
}
`

var allowed = regexp.MustCompile(`source += .*`)

// TestAgain: with the real provider and a stand-in for Google, a second apply
// changes nothing, nor does one after a release; what is changed then is changed
// with the image that was released, and the service is not destroyed until told.
func TestAgain(t *testing.T) {
	t.Parallel()
	config := strings.TrimSpace(execute(t, ".", "", nil, "../tools/provider.sh"))
	google, server := startGoogle(t)
	dir := copied(t)
	write := func(text string) error { return os.WriteFile(filepath.Join(dir, "main.tf"), []byte(text), 0o600) }
	if err := write(root); err != nil {
		t.Fatal(err)
	}
	terraform := func(want int, args ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, "terraform", append(args, "-no-color")...)
		cmd.Dir = dir
		cmd.Env = append(endpoints(server), "PATH="+os.Getenv("PATH"), "HOME="+dir, "TF_CLI_CONFIG_FILE="+config, "CHECKPOINT_DISABLE=1")
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != want {
			t.Fatalf("terraform %s: %v, want status %d\n%s", strings.Join(args, " "), err, want, out)
		}
		return string(out)
	}
	terraform(0, "init", "-input=false")
	terraform(0, "apply", "-input=false", "-auto-approve")
	terraform(0, "plan", "-input=false", "-detailed-exitcode") // 2 would be a change
	google.release(t)
	terraform(0, "plan", "-input=false", "-detailed-exitcode")
	if err := write(strings.Replace(root, "max_instances           = 3", "max_instances = 4", 1)); err != nil {
		t.Fatal(err)
	}
	terraform(0, "apply", "-input=false", "-auto-approve")
	terraform(0, "plan", "-input=false", "-detailed-exitcode")
	if template, container := google.template(t); fmt.Sprint(template["scaling"]) != "map[maxInstanceCount:4]" || container["image"] != released {
		t.Errorf("after a change of the number of instances alone the service is %v", template)
	}
	terraform(1, "destroy", "-input=false", "-auto-approve")
	for _, path := range protected() {
		if google.kept[path] == nil {
			t.Errorf("%s was destroyed before that was allowed", path)
		}
	}
	if err := write(allowed.ReplaceAllString(root, "$0\n  deletion_protection = false")); err != nil {
		t.Fatal(err)
	}
	terraform(0, "apply", "-input=false", "-auto-approve")
	terraform(0, "destroy", "-input=false", "-auto-approve")
	for path, thing := range google.kept {
		policy, _ := thing.(map[string]any)
		empty := strings.HasSuffix(path, "#iam") && policy["bindings"] == nil && policy["auditConfigs"] == nil
		if !empty && !strings.HasPrefix(path, "/serviceusage/") { // what else needs an API is not ours to stop
			t.Errorf("%s is left: %v", path, thing)
		}
	}
}

// protected are what Terraform does not destroy until it is told.
func protected() []string {
	const project, region = "projects/my-project-123/", "projects/my-project-123/locations/europe-west2/"
	return []string{
		cloudService, "/sql/v1beta4/" + project + "instances/todo", "/container/v1/" + region + "clusters/todo",
		"/artifactregistry/v1/" + region + "repositories/todo", "/artifactregistry/v1/" + region + "repositories/other",
		"/storage/v1/b/my-project-123-terraform-state", "/secretmanager/v1/" + project + "secrets/todo-session-keys",
	}
}
