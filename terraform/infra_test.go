//go:build infra

// Package terraform tries the infrastructure without a cloud: Terraform itself
// checks and tests every folder against a provider that answers nothing real,
// and what Terraform has no word for is read from the files.
//
//	make test-infra
package terraform

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestFolders holds each folder to terraform fmt, validate and test.
func TestFolders(t *testing.T) {
	t.Parallel()
	need(t, "terraform", "install Terraform 1.11 or newer: https://developer.hashicorp.com/terraform/install")
	config := providerConfig(t)
	tree := copied(t)
	places := make(chan struct{}, 2) // the provider takes half a GB of memory each time
	for _, folder := range folders(t) {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			places <- struct{}{}
			defer func() { <-places }()
			f := tried{dir: filepath.Join(tree, folder), config: config}
			f.terraform(t, "fmt", "-check", "-diff", "-recursive")
			f.terraform(t, "init", "-backend=false", "-input=false", "-no-color")
			f.terraform(t, "validate", "-no-color")
			f.test(t)
			f.lint(t)
		})
	}
}

// tried is a folder under test, and the Terraform CLI configuration that knows
// where the provider is.
type tried struct{ dir, config string }

// terraform runs a command that has to end well.
func (f tried) terraform(t *testing.T, args ...string) {
	t.Helper()
	if out, err := f.run(t, "terraform", args...); err != nil {
		t.Fatalf("terraform %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// run runs a program for at most ten minutes, and gives its output.
func (f tried) run(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, name, args...)
	command.Dir = f.dir
	command.Env = append(withoutCloud(os.Environ()), "TF_CLI_CONFIG_FILE="+f.config, "TF_IN_AUTOMATION=1", "CHECKPOINT_DISABLE=1")
	out, err := command.CombinedOutput()
	return string(out), err
}

// withoutCloud leaves out what could lead to a real cloud or another configuration.
func withoutCloud(env []string) []string {
	var kept []string
	for _, v := range env {
		if !regexp.MustCompile(`^(TF_|GOOGLE_|CLOUDSDK_|GCLOUD_)`).MatchString(v) {
			kept = append(kept, v)
		}
	}
	return kept
}

// test runs the folder's tests. Each run block must assert something, and each
// must have passed: Terraform ends well without having run any.
func (f tried) test(t *testing.T) {
	t.Helper()
	runs := runBlocks(t, filepath.Join(f.dir, "tests"))
	out, err := f.run(t, "terraform", "test", "-json")
	passed := 0
	for line := range strings.Lines(out) {
		var event struct {
			Level      string `json:"@level"`
			Message    string `json:"@message"`
			Run        string `json:"@testrun"`
			Diagnostic struct{ Detail string }
			Summary    struct{ Passed int } `json:"test_summary"`
		}
		if json.Unmarshal([]byte(line), &event) != nil {
			t.Error(line) // it could not even begin
		}
		if event.Level == "error" {
			t.Errorf("run %q: %s: %s", event.Run, event.Message, event.Diagnostic.Detail)
		}
		passed += event.Summary.Passed
	}
	if err != nil || passed != runs {
		t.Errorf("%d of %d runs have passed: %v", passed, runs, err)
	}
}

// runBlocks counts the runs of a folder of tests.
func runBlocks(t *testing.T, dir string) int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.tftest.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, file := range files {
		for _, b := range blocks(read(t, file)) {
			if b.kind != "run" {
				continue
			}
			n++
			if !regexp.MustCompile(`(?m)^ +(assert \{|expect_failures *=)`).MatchString(b.body) {
				t.Errorf("%s: run %q asserts nothing", filepath.Base(file), b.labels)
			}
		}
	}
	if n == 0 {
		t.Fatal("there is no run block in tests/*.tftest.hcl")
	}
	return n
}

// lint runs tflint where it is installed; Terraform's own checks do without.
func (f tried) lint(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("tflint"); err != nil {
		t.Log("tflint is not installed: its rules were not tried")
		return
	}
	if out, err := f.run(t, "tflint", "--no-color"); err != nil {
		t.Errorf("tflint: %v\n%s", err, out)
	}
}

// need skips a test whose program is missing; in CI that is a failure.
func need(t *testing.T, program, remedy string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed; %s", program, remedy)
	}
	t.Skipf("%s is not installed; %s", program, remedy)
}

// providerConfig lays out the provider, if "make test-infra" has not yet.
func providerConfig(t *testing.T) string {
	t.Helper()
	var stderr bytes.Buffer
	command := exec.CommandContext(t.Context(), "../tools/provider.sh")
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("laying out the provider: %v\n%s", err, &stderr)
	}
	return strings.TrimSpace(string(out))
}

// copied gives a copy of this folder for Terraform to write into.
func copied(t *testing.T) string {
	t.Helper()
	to := t.TempDir()
	for _, path := range files(t) {
		target := filepath.Join(to, path)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(target, []byte(read(t, path)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

// files lists what is in this folder and below it, but for Terraform's own.
func files(t *testing.T) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case d.Type().IsRegular():
			found = append(found, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// folders lists those that hold Terraform's files.
func folders(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, path := range files(t) {
		if filepath.Ext(path) == ".tf" {
			found = append(found, filepath.Dir(path))
		}
	}
	slices.Sort(found)
	found = slices.Compact(found)
	if len(found) == 0 {
		t.Fatal("no folder holds a .tf file")
	}
	return found
}

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
