package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestOwnInfrastructure: whatever Trivy finds in terraform/ and deploy/gke, however
// low, is mended or has an exception that says why not.
func TestOwnInfrastructure(t *testing.T) {
	t.Parallel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	checkout, cache := filepath.Join(dir, "checkout"), filepath.Join(dir, "cache")
	if out, err := exec.Command("git", "clone", "-q", "../..", checkout).CombinedOutput(); err != nil {
		t.Fatalf("cloning: %v\n%s", err, out)
	}
	must(t, os.Mkdir(cache, 0o700))
	must(t, os.Symlink(installedTools(t), filepath.Join(cache, "tools")))
	sluice := func(args ...string) ([]byte, error) {
		cmd := exec.Command(program, args...)
		cmd.Dir, cmd.Env = checkout, append(os.Environ(), "SLUICE_CACHE="+cache, "CI=")
		return cmd.Output()
	}
	if out, err := sluice("tools", "verify", "trivy"); err != nil && os.Getenv("CI") != "true" {
		t.Skipf("Trivy is not installed:\n%s", out)
	}
	if out, err := sluice("run", "--only", "iac"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := sluice("findings", "--json")
	must(t, err)
	var said struct {
		Findings []struct {
			Rule, Message string
			Location      struct{ Path string }
			Suppression   *struct{ Reason string }
		}
	}
	must(t, json.Unmarshal(out, &said))
	if len(said.Findings) == 0 {
		t.Error("nothing was found, also not what is excepted")
	}
	for _, f := range said.Findings {
		if at := f.Location.Path; f.Suppression == nil && (strings.HasPrefix(at, "terraform/") || strings.HasPrefix(at, "deploy/gke/")) {
			t.Errorf("%s: %s: %s", at, f.Rule, f.Message)
		}
	}
}

// installedTools is where the user's tools are.
func installedTools(t *testing.T) string {
	t.Helper()
	kept := os.Getenv("SLUICE_CACHE")
	if kept == "" {
		user, err := os.UserCacheDir()
		must(t, err)
		kept = filepath.Join(user, "sluice")
	}
	return filepath.Join(kept, "tools")
}
