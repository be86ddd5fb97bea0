//go:build infra

package terraform

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	provider = "projects/123456789/locations/global/workloadIdentityPools/github/providers/github"
	account  = "planner@my-project.iam.gserviceaccount.com"
)

// script runs one of ci/ with nothing but these settings, and gives its output.
func script(t *testing.T, name string, env []string, args ...string) (string, error) {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("ci", name))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "google.json")
	out, err := script(t, "identity.sh", []string{"PROVIDER=" + provider, "ACCOUNT=" + account,
		"ACTIONS_ID_TOKEN_REQUEST_URL=https://github.example/token?api-version=2.0", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=secret"}, file)
	if err != nil || out != "::add-mask::secret\n" {
		t.Fatalf("it says %q: %v", out, err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others can read the token: %v, %v", info.Mode(), err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"type":               "external_account",
		"audience":           "//iam.googleapis.com/" + provider,
		"subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
		"token_url":          "https://sts.googleapis.com/v1/token",
		"service_account_impersonation_url": "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/" +
			account + ":generateAccessToken",
		"credential_source": map[string]any{
			"url":     "https://github.example/token?api-version=2.0&audience=https%3A%2F%2Fiam.googleapis.com%2F" + strings.ReplaceAll(provider, "/", "%2F"),
			"headers": map[string]any{"Authorization": "Bearer secret"},
			"format":  map[string]any{"type": "json", "subject_token_field_name": "value"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("credentials (-want +got):\n%s", diff)
	}
}

func TestIdentityRefused(t *testing.T) {
	t.Parallel()
	const request = "ACTIONS_ID_TOKEN_REQUEST_URL=https://github.example/token?"
	for name, env := range map[string][]string{
		"nothing is set":     nil,
		"no provider":        {"ACCOUNT=" + account, request, "ACTIONS_ID_TOKEN_REQUEST_TOKEN=secret"},
		"another's provider": {"PROVIDER=https://example.com/" + provider, "ACCOUNT=" + account, request, "ACTIONS_ID_TOKEN_REQUEST_TOKEN=secret"},
		"a person":           {"PROVIDER=" + provider, "ACCOUNT=somebody@example.com", request, "ACTIONS_ID_TOKEN_REQUEST_TOKEN=secret"},
		"no permission":      {"PROVIDER=" + provider, "ACCOUNT=" + account},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "google.json")
			out, err := script(t, "identity.sh", env, file)
			if _, missing := os.Stat(file); err == nil || missing == nil || out == "" {
				t.Errorf("it went on: %v, %q", err, out)
			}
		})
	}
}

// TestTerraformBySum: what is fetched is unpacked when its sum is right, and
// nothing is when it is not, or is not known.
func TestTerraformBySum(t *testing.T) {
	t.Parallel()
	archive := zipOf(t, "terraform", "the program")
	sum := fmt.Sprintf("%x", sha256.Sum256(archive))
	for _, test := range []struct {
		name, version, sum string
		want               bool
	}{
		{"right", "1.11.4", sum, true},
		{"another file", "1.11.4", strings.Repeat("0", 64), false},
		{"no sum", "1.11.4", "", false},
		{"two sums", "1.11.4", sum + "\n" + sum, false},
		{"no version", "", sum, false},
		{"a path for a version", "1.11.4/../..", sum, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			server := filepath.Join(dir, "curl") // stands in for HashiCorp's: it has the one file
			const curl = "#!/bin/sh\nwhile [ \"$1\" != --output ]; do shift; done\ncp \"$ARCHIVE\" \"$2\"\n"
			for path, content := range map[string][]byte{server: []byte(curl), filepath.Join(dir, "zip"): archive} {
				if err := os.WriteFile(path, content, 0o700); err != nil {
					t.Fatal(err)
				}
			}
			out, err := script(t, "terraform.sh", []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "ARCHIVE=" + filepath.Join(dir, "zip"),
				"VERSION=" + test.version, "SHA256=" + test.sum}, filepath.Join(dir, "bin"))
			got, missing := os.ReadFile(filepath.Join(dir, "bin", "terraform"))
			if test.want != (err == nil) || test.want != (missing == nil) || test.want && string(got) != "the program" {
				t.Errorf("it ended with %v and unpacked %q, %v:\n%s", err, got, missing, out)
			}
		})
	}
}

func zipOf(t *testing.T, name, content string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	f, err := z.Create(name)
	if err == nil {
		_, err = f.Write([]byte(content))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
