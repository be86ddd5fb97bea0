package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/handover"
)

// ci does what GitHub Actions does with the workflow for a push to main: each
// job in a clean checkout, with a home and a cache of its own, and nothing of
// another job but its outputs and artifacts.
type ci struct {
	t         *testing.T
	dir       string
	origin    string // the repository that is cloned
	workflow  workflow
	outputs   map[string]map[string]string // by job
	artifacts string
	summary   string // what the jobs wrote to their summary
	calls     string // what gh was asked for
}

// jobEnv is a job's surroundings.
type jobEnv struct {
	temp, checkout string
	env            []string
	steps          map[string]map[string]string // outputs, by the step's id
}

func newCI(t *testing.T) *ci {
	t.Helper()
	dir := t.TempDir()
	w, _ := readWorkflow(t, "ci-cd.yml")
	c := &ci{t: t, dir: dir, origin: filepath.Join(dir, "origin"), workflow: w, outputs: map[string]map[string]string{}, artifacts: filepath.Join(dir, "artifacts"),
		summary: filepath.Join(dir, "summary.md"), calls: filepath.Join(dir, "calls")}
	must(t, errors.Join(os.CopyFS(c.origin, os.DirFS("testdata/service")), os.CopyFS(c.origin, os.DirFS("testdata/ci"))))
	must(t, commitAll(c.origin, "the service"))
	must(t, errors.Join(os.Mkdir(filepath.Join(dir, "bin"), 0o755), os.Mkdir(c.calls, 0o755)))
	must(t, os.WriteFile(filepath.Join(dir, "bin", "gh"), []byte("#!/bin/sh\nprintf '%s\\n' \"$@\" >\"$CALLS/gh\"\ncp sarif.txt \"$CALLS/sarif.txt\"\n"), 0o755))
	return c
}

// expression is one of those that the workflow gives to steps.
var expression = regexp.MustCompile(`\$\{\{ ([a-z.]+) \}\}`)

// expand fills expressions in.
func (c *ci) expand(text string, j *jobEnv) string {
	return expression.ReplaceAllStringFunc(text, func(match string) string {
		name := expression.FindStringSubmatch(match)[1]
		parts := strings.Split(name, ".")
		switch {
		case name == "runner.temp":
			return j.temp
		case name == "github.token":
			return "a-token"
		case parts[0] == "needs":
			return c.outputs[parts[1]][parts[3]]
		case parts[0] == "steps":
			return j.steps[parts[1]][parts[3]]
		}
		c.t.Fatalf("the expression %s is not known here", match)
		return ""
	})
}

// run does a job, and fails the test when a step fails.
func (c *ci) run(name string) {
	c.t.Helper()
	j := c.newJob(name)
	for i, s := range c.workflow.Jobs[name].Steps {
		if out, err := c.step(s, j); err != nil {
			c.t.Fatalf("job %s, step %d: %v\n%s", name, i+1, err, out)
		}
	}
	c.outputs[name] = map[string]string{}
	for output, text := range c.workflow.Jobs[name].Outputs {
		c.outputs[name][output] = c.expand(text, j)
	}
}

func (c *ci) newJob(name string) *jobEnv {
	c.t.Helper()
	work := filepath.Join(c.dir, "jobs", name)
	j := &jobEnv{temp: filepath.Join(work, "temp"), checkout: filepath.Join(work, "checkout"), steps: map[string]map[string]string{}}
	must(c.t, errors.Join(os.MkdirAll(j.temp, 0o755), os.MkdirAll(j.checkout, 0o755), os.Mkdir(filepath.Join(work, "home"), 0o700)))
	cache, err := cacheIn(work)
	must(c.t, err)
	head, err := exec.Command("git", "-C", c.origin, "rev-parse", "HEAD").Output()
	must(c.t, err)
	modules, err := exec.Command("go", "env", "GOMODCACHE").Output()
	must(c.t, err)
	j.env = []string{
		"PATH=" + filepath.Join(c.dir, "bin") + ":" + os.Getenv("PATH"), "HOME=" + filepath.Join(work, "home"), "SLUICE_CACHE=" + cache, "GOMODCACHE=" + strings.TrimSpace(string(modules)),
		"GOPROXY=" + os.Getenv("GOPROXY"), "CI=true", "SLUICE=" + program, "CALLS=" + c.calls, "RUNNER_TEMP=" + j.temp, "GITHUB_STEP_SUMMARY=" + c.summary,
		"GITHUB_SHA=" + strings.TrimSpace(string(head)), "GITHUB_REF=refs/heads/main", "GITHUB_REPOSITORY=example/guestbook", "GITHUB_SERVER_URL=https://github.com",
		"GITHUB_WORKFLOW_REF=example/guestbook/.github/workflows/ci-cd.yml@refs/heads/main",
	}
	return j
}

// step does one step. All conditions hold in a push to main that passes.
func (c *ci) step(s step, j *jobEnv) (out []byte, err error) {
	path := c.expand(s.With["path"], j)
	artifact := filepath.Join(c.artifacts, s.With["name"])
	switch action, _, _ := strings.Cut(s.Uses, "@"); action {
	case "actions/checkout":
		return exec.Command("git", "clone", "-q", c.origin, j.checkout).CombinedOutput()
	case "actions/setup-go":
		return nil, nil
	case "actions/upload-artifact":
		return nil, os.CopyFS(artifact, os.DirFS(path))
	case "actions/download-artifact":
		return nil, os.CopyFS(path, os.DirFS(artifact))
	case "":
		return c.command(s, j)
	}
	return nil, fmt.Errorf("the action %s is not known here", s.Uses)
}

// command runs the commands of a step, as "shell: bash" does.
func (c *ci) command(s step, j *jobEnv) ([]byte, error) {
	outputs := filepath.Join(j.temp, "..", "outputs")
	must(c.t, os.WriteFile(outputs, nil, 0o600))
	cmd := exec.CommandContext(c.t.Context(), "bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", s.Run)
	cmd.Dir, cmd.Env = j.checkout, append(slices.Clone(j.env), "GITHUB_OUTPUT="+outputs)
	for name, text := range s.Env {
		cmd.Env = append(cmd.Env, name+"="+c.expand(text, j))
	}
	out, err := cmd.CombinedOutput()
	text, readErr := os.ReadFile(outputs)
	j.steps[s.ID] = map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		j.steps[s.ID][name] = value
	}
	return out, errors.Join(err, readErr)
}

// TestJobs takes a commit through the jobs of the workflow, and then tampers
// with each file that was handed over.
func TestJobs(t *testing.T) {
	t.Parallel()
	c := newCI(t)
	for _, name := range []string{"test", "build", "report", "release"} {
		c.run(name)
	}
	c.checkReport()
	c.checkRelease()
	t.Run("report", func(t *testing.T) { c.tamperReport(t) })
	t.Run("tampered", func(t *testing.T) { c.tamper(t) })
}

// checkReport sees that code scanning got the findings of the job build.
func (c *ci) checkReport() {
	t := c.t
	text, err := os.ReadFile(filepath.Join(c.calls, "sarif.txt"))
	must(t, err)
	z, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, bytes.NewReader(text)))
	must(t, err)
	sent, err := io.ReadAll(z)
	must(t, err)
	want, err := os.ReadFile(filepath.Join(c.artifacts, "built", "results.sarif"))
	must(t, err)
	if !bytes.Equal(sent, want) {
		t.Errorf("what was sent is not what was found:\n%s", sent)
	}
	asked, err := os.ReadFile(filepath.Join(c.calls, "gh"))
	if err != nil || !strings.Contains(string(asked), "repos/example/guestbook/code-scanning/sarifs") || !strings.Contains(string(asked), "ref=refs/heads/main") {
		t.Errorf("gh %s, %v", asked, err)
	}
	summary, err := os.ReadFile(c.summary)
	if err != nil || !strings.Contains(string(summary), "| lint | passed |") || !strings.Contains(string(summary), "| test | passed |") {
		t.Errorf("the summary (%v):\n%s", err, summary)
	}
}

// checkRelease sees that what was built is what was released.
func (c *ci) checkRelease() {
	t := c.t
	found, err := filepath.Glob(filepath.Join(c.artifacts, "releases", "releases", "*", "release.json"))
	if err != nil || len(found) != 1 {
		t.Fatalf("releases %v, %v", found, err)
	}
	text, err := os.ReadFile(found[0])
	must(t, err)
	var released struct {
		Image     string
		Handovers []string
	}
	must(t, json.Unmarshal(text, &released))
	built, err := handover.Open(filepath.Join(c.artifacts, "built"), c.outputs["build"]["handover"])
	must(t, err)
	defer built.Close()
	if released.Image != built.Image || len(released.Handovers) != 2 {
		t.Errorf("released %+v, and %s was built", released, built.Image)
	}
	provenance, err := os.ReadFile(filepath.Join(filepath.Dir(found[0]), "evidence", "provenance.json"))
	if err != nil || !strings.Contains(string(provenance), `"id": "https://github.com/example/guestbook/.github/workflows/ci-cd.yml@refs/heads/main"`) {
		t.Errorf("provenance (%v):\n%s", err, provenance)
	}
}

// tamperReport changes what the job report gets: it must not send it.
func (c *ci) tamperReport(t *testing.T) {
	must(t, os.RemoveAll(c.calls))
	j := c.newJob("report-again")
	for _, name := range []string{"tested", "built"} {
		must(t, os.CopyFS(filepath.Join(j.temp, name), os.DirFS(filepath.Join(c.artifacts, name))))
	}
	must(t, os.WriteFile(filepath.Join(j.temp, "built", "results.sarif"), []byte("{}"), 0o644))
	steps := slices.DeleteFunc(slices.Clone(c.workflow.Jobs["report"].Steps), func(s step) bool { return s.Uses != "" })
	if out, err := c.command(steps[0], j); err == nil || !strings.Contains(string(out), "results.sarif: FAILED") {
		t.Errorf("the first step took it (%v):\n%s", err, out)
	}
}

// tampering is something that can happen to a file on the way. It says which
// files a message may name.
type tampering func(dir, file, other string) (named []string, err error)

var tamperings = map[string]tampering{
	"flip": func(dir, file, _ string) ([]string, error) {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if len(text) == 0 {
			return nil, err
		}
		text[len(text)/2] ^= 1
		return []string{file}, errors.Join(err, os.WriteFile(filepath.Join(dir, file), text, 0o644))
	},
	"truncate": func(dir, file, _ string) ([]string, error) {
		info, err := os.Stat(filepath.Join(dir, file))
		if err != nil || info.Size() == 0 {
			return nil, err
		}
		return []string{file}, os.Truncate(filepath.Join(dir, file), info.Size()-1)
	},
	"remove": func(dir, file, _ string) ([]string, error) {
		return []string{file}, os.Remove(filepath.Join(dir, file))
	},
	"add": func(dir, file, _ string) ([]string, error) {
		return []string{file + ".more"}, os.WriteFile(filepath.Join(dir, file+".more"), nil, 0o644)
	},
	"link": func(dir, file, _ string) ([]string, error) {
		away := dir + ".away"
		return []string{file}, errors.Join(os.Rename(filepath.Join(dir, file), away), os.Symlink(away, filepath.Join(dir, file)))
	},
	"swap": func(dir, file, other string) ([]string, error) {
		a, b, aside := filepath.Join(dir, file), filepath.Join(dir, other), dir+".aside"
		return []string{file, other}, errors.Join(os.Rename(a, aside), os.Rename(b, a), os.Rename(aside, b))
	},
}

// tamper changes each handed-over file in each way, one at a time, and sees
// that nothing is released and the file is named.
func (c *ci) tamper(t *testing.T) {
	j := &jobEnv{temp: filepath.Join(c.dir, "jobs", "release", "temp"), checkout: filepath.Join(c.dir, "jobs", "release", "checkout")}
	tried := 0
	for _, folder := range []string{"tested", "built"} {
		files := filesOf(t, filepath.Join(c.artifacts, folder))
		for i, file := range files {
			for _, how := range slices.Sorted(maps.Keys(tamperings)) {
				other := files[(i+1)%len(files)]
				c.tamperOne(t, j, folder, how, file, other)
				tried++
			}
		}
	}
	t.Logf("%d ways to tamper with what was handed over", tried)
	if tried < 60 {
		t.Errorf("%d ways are too few", tried)
	}
}

func filesOf(t *testing.T, dir string) (files []string) {
	t.Helper()
	listed, err := handover.List(dir, "")
	must(t, err)
	for _, f := range listed {
		files = append(files, f.Path)
	}
	if !slices.Contains(files, handover.Name) {
		t.Fatalf("%v is no hand-over", files)
	}
	return files
}

func (c *ci) tamperOne(t *testing.T, j *jobEnv, folder, how, file, other string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"tested", "built"} {
		must(t, os.CopyFS(filepath.Join(dir, name), os.DirFS(filepath.Join(c.artifacts, name))))
	}
	named, err := tamperings[how](filepath.Join(dir, folder), file, other)
	must(t, err)
	if named == nil {
		return // an empty file has no byte to change
	}
	to := filepath.Join(dir, "releases")
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program, "release", filepath.Join(dir, "tested")+"@"+c.outputs["test"]["handover"], filepath.Join(dir, "built")+"@"+c.outputs["build"]["handover"], "--to", to)
	cmd.Dir, cmd.Env = j.checkout, append(os.Environ(), "CI=true")
	out, _ := cmd.CombinedOutput() // its exit status is looked at
	code := cmd.ProcessState.ExitCode()
	names := slices.ContainsFunc(named, func(name string) bool { return strings.Contains(string(out), name) })
	if _, err := os.Stat(to); code != 1 && code != 2 || !names || err == nil {
		t.Errorf("%s %s/%s: exit status %d, and something was released: %v\n%s", how, folder, file, code, err == nil, out)
	}
}
