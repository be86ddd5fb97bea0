//go:build infra

package terraform

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestNames: an environment finds what bootstrap makes by its name, so both have
// to say the same.
func TestNames(t *testing.T) {
	t.Parallel()
	tree, config := copied(t), providerConfig(t)
	made := namesOfBootstrap(t, tried{filepath.Join(tree, "bootstrap"), config})
	for _, name := range []string{"staging", "production"} {
		used := namesOfEnvironment(t, tried{filepath.Join(tree, "environments", name), config})
		if diff := cmp.Diff(made, used); diff != "" {
			t.Errorf("what bootstrap makes (-) and %s uses (+):\n%s", name, diff)
		}
	}
}

// namesOfBootstrap reads a plan of the real provider, with a token that opens
// nothing: it asks nobody what it is going to make. It knows accounts by then,
// and of secrets the short names.
func namesOfBootstrap(t *testing.T, f tried) []string {
	t.Helper()
	var plan struct {
		Values struct {
			Outputs map[string]struct{ Value any }
			Root    struct {
				Modules []struct {
					Resources []struct {
						Type   string
						Values struct {
							Project string
							ID      string `json:"secret_id"`
						}
					}
				} `json:"child_modules"`
			} `json:"root_module"`
		} `json:"planned_values"`
	}
	out := f.script(t, `export GOOGLE_OAUTH_ACCESS_TOKEN=none
terraform init -input=false >log
terraform plan -input=false -out=plan -var project_id=my-project-123 -var service_name=lists \
  -var github_owner=my-company -var github_owner_id=1001 -var github_repository=my-company/todo -var github_repository_id=2002 >log
terraform show -json plan`)
	if err := json.Unmarshal([]byte(out), &plan); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	var found []string
	for _, output := range []string{"deployer_email", "service_account_email"} {
		email, _ := plan.Values.Outputs[output].Value.(string)
		found = append(found, email)
	}
	for _, module := range plan.Values.Root.Modules {
		for _, r := range module.Resources {
			if r.Type == "google_secret_manager_secret" {
				found = append(found, "projects/"+r.Values.Project+"/secrets/"+r.Values.ID)
			}
		}
	}
	slices.Sort(found)
	return found
}

// namesOfEnvironment asks Terraform for the environment's local values.
func namesOfEnvironment(t *testing.T, f tried) []string {
	t.Helper()
	out := f.script(t, `image=us-docker.pkg.dev/cloud-ops-agents-artifacts/cloud-run-gmp-sidecar/cloud-run-gmp-sidecar@sha256:$(printf %064d 0)
printf 'terraform {\n  backend "local" {}\n}\n' >backend_override.tf
terraform init -input=false >log
echo 'join(" ", [local.deployer_email, local.service_account_email, local.session_keys, local.collector_config])' |
  terraform console -var project_id=my-project-123 -var service_name=lists -var 'notification_emails=["ops@example.com"]' \
    -var image="$image" -var metrics_collector_image="$image"`)
	found := strings.Fields(strings.Trim(out, "\"\n"))
	slices.Sort(found)
	return found
}

// script runs lines of the shell, which all have to end well, and gives what they print.
func (f tried) script(t *testing.T, lines string) string {
	t.Helper()
	out, err := f.run(t, "sh", "-ec", lines)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return out
}
