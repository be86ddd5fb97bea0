package trivy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/command"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/tool"
)

// formatRule is that of files that terraform fmt would change.
const formatRule = "terraform-fmt"

func formatExplained() sarif.Rule {
	return sarif.Rule{
		ID: formatRule, Tool: terraformName, Name: "Terraform's own format",
		Why: "Files that are not in the one format make changes hard to read: half of a change is then white space.",
		Fix: "Run terraform fmt on the file.", URI: "https://developer.hashicorp.com/terraform/cli/commands/fmt",
	}
}

// terraformProgram is the terraform command as a worker runs it.
type terraformProgram struct {
	path string
	env  []string
	dir  string // of the worker's own
	log  io.Writer
}

// terraform is the command as the planner found it.
type terraform struct {
	tool.Found
	Missing string `json:"missing,omitempty"` // why it is not there; Path is "" then
	Remedy  string `json:"remedy,omitempty"`
}

func findTerraform(box tool.Box) terraform {
	found, err := box.Find(terraformName)
	if err != nil {
		return terraform{Missing: err.Error(), Remedy: hint.Remedy(err)}
	}
	return terraform{Found: found}
}

// found is the command, made sure of.
func (t terraform) found(ctx context.Context, probe probe) (tool.Found, error) {
	if t.Path == "" {
		return t.Found, hint.With(errors.New(t.Missing), t.Remedy)
	}
	return probe(ctx, t.Found)
}

// spec is a command that heeds no settings of the user's or the repository's.
func (p terraformProgram) spec(dir string, args ...string) command.Spec {
	return command.Spec{Path: p.path, Dir: dir, Args: args, Stderr: p.log, Env: append([]string{
		"HOME=" + p.dir, "TMPDIR=" + os.TempDir(), "LC_ALL=C", "CHECKPOINT_DISABLE=1",
		"TF_IN_AUTOMATION=1", "TF_CLI_CONFIG_FILE=" + os.DevNull, "TF_DATA_DIR=" + filepath.Join(p.dir, "data"),
	}, p.env...)}
}

// Bounds on a run of terraform fmt: files at a time, since a command line is
// limited, and how many of those that it would change it is asked how.
const (
	maxFormatFiles = 500
	maxFormatted   = 200
)

// unformatted is a file that terraform fmt would change, as it does not.
const unformatted = "a =   1\n"

// format lists the files that terraform fmt would change. caught tells whether
// the planted one was among them each time: it comes last, so that those before
// it were looked at. What cannot be parsed is in broken.
func (p terraformProgram) format(ctx context.Context, top string, names []string) (changed []string, caught bool, broken []string, err error) {
	planted := filepath.Join(p.dir, "unformatted.tf")
	if err := write(planted, []byte(unformatted)); err != nil {
		return nil, false, nil, err
	}
	caught = true
	for some := range slices.Chunk(names, maxFormatFiles) {
		var files []string
		for _, name := range some {
			files = append(files, filepath.Join(top, filepath.FromSlash(name)))
		}
		s := p.spec(p.dir, slices.Concat([]string{"fmt", "-check", "-list=true", "-write=false", "-no-color"}, files, []string{planted})...)
		var out, log bytes.Buffer
		s.Stdout, s.Stderr = &out, io.MultiWriter(p.log, &limited{&log})
		err := command.Run(ctx, s)
		var exit *command.ExitError
		if err != nil && !errors.As(err, &exit) { // 2 is a syntax error, 3 a file that would be changed
			return nil, false, nil, err
		}
		broken = append(broken, syntaxErrors(log.String(), p.dir, top)...)
		if exit == nil || exit.Code != 3 && (exit.Code != 2 || len(broken) == 0) {
			return nil, false, broken, hint.With(fmt.Errorf("terraform fmt ended in a way that is not known: %w", err), "see the stage's log")
		}
		listed := strings.Split(out.String(), "\n")
		caught = caught && p.lists(listed, planted)
		for i, name := range some {
			if p.lists(listed, files[i]) {
				changed = append(changed, name)
			}
		}
	}
	return changed, caught, broken, nil
}

// lists tells whether a file is in the command's list, which has paths
// relative to its working folder.
func (p terraformProgram) lists(listed []string, file string) bool {
	rel, err := filepath.Rel(p.dir, file)
	return slices.Contains(listed, file) || err == nil && slices.Contains(listed, rel)
}

// syntaxError is how Terraform tells of one.
var syntaxError = regexp.MustCompile(`(?m)^(?:Error: (.*)|  on (.+) line (\d+).*)$`)

// syntaxErrors are Terraform's, each with its file below top and its line. What
// it calls files by is relative to dir.
func syntaxErrors(log, dir, top string) (all []string) {
	summary := ""
	for _, m := range syntaxError.FindAllStringSubmatch(log, -1) {
		if m[2] == "" {
			summary = m[1]
			continue
		}
		name := m[2]
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		if rel, err := filepath.Rel(top, name); err == nil && filepath.IsLocal(rel) {
			name = filepath.ToSlash(rel)
		}
		all = append(all, clean(name+":"+m[3]+": "+summary, maxReason))
	}
	return all
}

// findings say where each file differs first from what terraform fmt makes of it.
func (p terraformProgram) findings(ctx context.Context, t *tree, changed []string, where func(string) string) (all []sarif.Finding, err error) {
	for i, name := range changed {
		f := sarif.Finding{
			Rule: formatRule, Tool: terraformName, Stage: IaCName, Severity: sarif.Low, Message: "terraform fmt would change the file",
			Location: sarif.Location{Path: where(name)}, Identity: where(name),
		}
		if i < maxFormatted {
			if f.Location.Line, err = p.firstChange(ctx, t.text(name)); err != nil {
				return nil, err
			}
		}
		all = append(all, f)
	}
	return all, nil
}

// firstChange is the first line of a text that terraform fmt would change.
func (p terraformProgram) firstChange(ctx context.Context, text []byte) (int, error) {
	s := p.spec(p.dir, "fmt", "-no-color", "-")
	s.Stdin = bytes.NewReader(text)
	out, err := command.Output(ctx, s)
	if err != nil {
		return 0, fmt.Errorf("formatting a file: %w", err)
	}
	was, is := strings.Split(string(text), "\n"), strings.Split(string(out), "\n")
	for i := range min(len(was), len(is)) {
		if was[i] != is[i] {
			return i + 1, nil
		}
	}
	return min(len(was), len(is)), nil
}

// text is that of a counted file.
func (t *tree) text(name string) []byte {
	i := slices.IndexFunc(t.files, func(f file) bool { return f.name == name })
	return t.files[i].text
}
