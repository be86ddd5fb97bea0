//go:build infra

package terraform

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// root calls the modules as the environments do.
const root = `terraform {
  required_providers {
    google = { source = "hashicorp/google", version = "8.0.0" }
  }
}

provider "google" {
  project = "my-project-123"
}

module "service" {
  source = "./modules/service"

  project_id               = "my-project-123"
  image                    = "us-docker.pkg.dev/cloudrun/container/hello@sha256:0000000000000000000000000000000000000000000000000000000000000001"
  service_account_email    = "todo-runtime@my-project-123.iam.gserviceaccount.com"
  deployer_email           = "deployer@my-project-123.iam.gserviceaccount.com"
  network_id               = "projects/my-project-123/global/networks/todo"
  subnetwork_id            = "projects/my-project-123/regions/europe-west2/subnetworks/todo"
  invokers                 = ["allUsers"]
  database_connection_name = "my-project-123:europe-west2:todo"
  database_name            = "todo"
  database_user            = "todo-runtime"
  secret_environment       = { SESSION_KEYS = { secret = "todo-session-keys", version = "1" } }

  metrics_collector = {
    image   = "us-docker.pkg.dev/cloud-ops-agents-artifacts/cloud-run-gmp-sidecar/cloud-run-gmp-sidecar@sha256:0000000000000000000000000000000000000000000000000000000000000002"
    secret  = "todo-collector-config"
    version = "1"
  }
}

module "monitoring" {
  source = "./modules/monitoring"

  project_id          = "my-project-123"
  host                = trimprefix(module.service.uri, "https://")
  notification_emails = ["ops@example.com"]
}
`

// TestAgain: with the real provider and a stand-in for Google, a second apply
// changes nothing, nor does one after a release; what is changed then is changed
// with the image that was released, and the service is not destroyed until told.
func TestAgain(t *testing.T) {
	t.Parallel()
	config := strings.TrimSpace(execute(t, ".", "", nil, "../tools/provider.sh"))
	google, server := startGoogle(t)
	dir := t.TempDir()
	write := func(text string) error { return os.WriteFile(filepath.Join(dir, "main.tf"), []byte(text), 0o600) }
	err := write(root)
	for _, module := range []string{"service", "monitoring"} {
		if err == nil {
			err = os.CopyFS(filepath.Join(dir, "modules", module), os.DirFS(filepath.Join("modules", module)))
		}
	}
	if err != nil {
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
	if err := write(strings.Replace(root, "invokers ", "concurrency = 40\n  invokers ", 1)); err != nil {
		t.Fatal(err)
	}
	terraform(0, "apply", "-input=false", "-auto-approve")
	terraform(0, "plan", "-input=false", "-detailed-exitcode")
	if template, container := google.template(t); template["maxInstanceRequestConcurrency"] != 40.0 || container["image"] != released {
		t.Errorf("after a change of the concurrency alone the service is %v", template)
	}
	out := terraform(1, "destroy", "-input=false", "-auto-approve")
	if changes := strings.Join(google.changes, "\n"); !strings.Contains(out, "deletion_protection") || strings.Contains(changes, "DELETE "+cloudService) {
		t.Errorf("destroying the service ends with\n%s\nafter %q", out, google.changes)
	}
}
