package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/dirhash"
)

// TestProvider has Terraform start a provider that strikes at what a stage does
// not declare. Everything succeeds where nothing confines it, and then nothing
// but reading the repository.
func TestProvider(t *testing.T) {
	t.Parallel()
	terraform := installedTerraform(t)
	s := newService(t)
	dir, err := filepath.EvalSymlinks(s.dir)
	must(t, err)
	outside := filepath.Dir(dir)
	home, mirror := filepath.Join(outside, "home"), filepath.Join(outside, "mirror")
	key, beside := filepath.Join(home, "key"), filepath.Join(mirror, "secret")
	must(t, os.MkdirAll(home, 0o700))
	must(t, os.MkdirAll(mirror, 0o700))
	for _, file := range []string{key, beside} {
		must(t, os.WriteFile(file, []byte("secret"), 0o600))
	}
	hash := buildProvider(t, mirror)
	var allowedThere []string
	allowed := "read " + filepath.Join(dir, "main.go")
	attempts := map[string][]string{
		"read":  {filepath.Join(dir, "main.go"), key, beside, filepath.Join(dir, ".git", "config"), "/etc/shadow"},
		"list":  {home},
		"write": {filepath.Join(dir, "written"), filepath.Join(home, "written"), filepath.Join(mirror, "written"), filepath.Join(outside, "cache", "written")},
		"dial":  {answering(t, "tcp", "127.0.0.1:0")},
	}
	var text strings.Builder
	text.WriteString("terraform {\n  required_providers {\n    probe = { source = \"example.com/sluice/probe\", version = \"1.0.0\" }\n  }\n}\nresource \"probe\" \"p\" {\n")
	for name, all := range attempts {
		list, err := json.Marshal(all)
		must(t, err)
		fmt.Fprintf(&text, "  %s = %s\n", name, list)
	}
	infra := filepath.Join(dir, "infra")
	must(t, os.MkdirAll(infra, 0o755))
	s.write("infra/main.tf", text.String()+"}\n")
	s.write("infra/.terraform.lock.hcl", "provider \"example.com/sluice/probe\" {\n  version = \"1.0.0\"\n  hashes = [\n    \""+hash+"\",\n  ]\n}\n")
	must(t, commitAll(dir, "infrastructure"))

	for what, result := range unconfined(t, terraform, infra, mirror) {
		if result != "<nil>" {
			t.Errorf("not confined, %s: %s", what, result)
		}
	}
	for _, name := range attempts["write"] {
		must(t, os.Remove(name))
	}
	s.env = append(s.env, "HOME="+home, "TF_PLUGIN_CACHE_DIR="+mirror, "TF_CLI_CONFIG_FILE=/dev/null", "PATH="+filepath.Dir(terraform)+string(filepath.ListSeparator)+os.Getenv("PATH"))
	levels := map[string]func(*exec.Cmd){"as it is": func(*exec.Cmd) {}}
	if os.Geteuid() == 0 {
		levels["without namespaces"] = without("-sys_admin")
		allowedThere = append(allowedThere, "dial "+attempts["dial"][0]) // the machine's loopback interface, as for tests
	}
	for level, prefix := range levels {
		made := tried(t, s, prefix, "run", "--only", "iac", "--no-cache")
		for what, result := range made {
			may := what == allowed || level != "as it is" && slices.Contains(allowedThere, what)
			if (result == "<nil>") != may {
				t.Errorf("%s, %s: %s", level, what, result)
			}
		}
		if len(made) != 11 {
			t.Errorf("%s: %d attempts were made", level, len(made))
		}
	}
	// What is handed over must not have been in reach of a provider.
	if made := tried(t, s, levels["as it is"], "run", "--only", "iac", "--out", filepath.Join(outside, "handed")); len(made) > 0 {
		t.Errorf("a provider was started in a run that hands over: %v", made)
	}
}

// installedTerraform is the program that PATH has, or "sluice tools install".
func installedTerraform(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("terraform")
	if err == nil {
		return path
	}
	user, _ := os.UserCacheDir()
	found, _ := filepath.Glob(filepath.Join(cmp.Or(os.Getenv("SLUICE_CACHE"), filepath.Join(user, "sluice")), "tools", "terraform-*", "bin", "terraform"))
	if len(found) > 0 {
		return found[0]
	}
	if os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	t.Skip(err)
	return ""
}

// tried is what the provider tried in a run, with what came of it.
func tried(t *testing.T, s *service, prefix func(*exec.Cmd), args ...string) map[string]string {
	t.Helper()
	cmd := s.command(t.Context(), args...)
	prefix(cmd)
	log, _ := cmd.CombinedOutput() // Trivy may not be there
	out, err := s.command(t.Context(), "findings", "--json").Output()
	must(t, err)
	var said struct {
		Findings []struct{ Rule, Message string }
	}
	must(t, json.Unmarshal(out, &said))
	made := map[string]string{}
	for _, f := range said.Findings {
		if what, result, ok := strings.Cut(strings.TrimPrefix(f.Message, "tried: "), ": "); ok && f.Rule == "terraform-validate" {
			made[what] = result
		}
	}
	if len(made) == 0 {
		t.Logf("%s", log)
	}
	return made
}

// buildProvider builds the tests' provider into a mirror, and gives its checksum.
func buildProvider(t *testing.T, mirror string) string {
	t.Helper()
	at := filepath.Join(mirror, "example.com", "sluice", "probe", "1.0.0", runtime.GOOS+"_"+runtime.GOARCH)
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(at, "terraform-provider-probe_v1.0.0"), ".")
	cmd.Dir, cmd.Env = "../../internal/scan/trivy/testdata/provider", append(os.Environ(), "GOWORK=off", "GOFLAGS=-buildvcs=false", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building a provider: %v\n%s", err, out)
	}
	hash, err := dirhash.HashDir(at, "", dirhash.Hash1)
	must(t, err)
	return hash
}

// unconfined is what the provider can do as it is, by what it tried.
func unconfined(t *testing.T, terraform, dir, mirror string) map[string]string {
	t.Helper()
	work := t.TempDir()
	settings := filepath.Join(work, "terraform.rc")
	must(t, os.WriteFile(settings, []byte("provider_installation {\n  filesystem_mirror {\n    path = \""+mirror+"\"\n  }\n}\n"), 0o600))
	var out []byte
	for _, args := range [][]string{{"init", "-backend=false", "-lockfile=readonly"}, {"validate", "-json"}} {
		cmd := exec.CommandContext(t.Context(), terraform, args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "TF_CLI_CONFIG_FILE="+settings, "TF_DATA_DIR="+filepath.Join(work, "data"), "CHECKPOINT_DISABLE=1")
		var err error
		if out, err = cmd.Output(); err != nil {
			t.Fatalf("terraform %v: %v\n%s", args, err, out)
		}
	}
	var said struct {
		Diagnostics []struct{ Summary, Detail string }
	}
	must(t, json.Unmarshal(out, &said))
	results := map[string]string{}
	for _, d := range said.Diagnostics {
		what, result, _ := strings.Cut(d.Detail, ": ")
		results[what] = result
	}
	if len(results) != 11 {
		t.Errorf("not confined: %d attempts were made", len(results))
	}
	return results
}
