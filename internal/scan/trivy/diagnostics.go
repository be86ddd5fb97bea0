package trivy

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// validateRule is that of what terraform validate says.
const validateRule = "terraform-validate"

func validateExplained() sarif.Rule {
	return sarif.Rule{
		ID: validateRule, Tool: terraformName, Name: "What Terraform cannot make sense of",
		Why: "Terraform refuses the folder, or warns of it: what is not declared, not known to the provider, or of another type. Nothing of it could be applied.",
		Fix: "Repair it as the finding says; terraform validate shows more of it.", URI: "https://developer.hashicorp.com/terraform/cli/commands/validate",
	}
}

// verdict is what terraform validate -json says of a folder ("Command: validate",
// JSON Output Format, version 1).
type verdict struct {
	Version     string `json:"format_version"`
	Valid       *bool
	Errors      *int `json:"error_count"`
	Diagnostics []diagnostic
}

// diagnostic is one thing that it says. Range is nil where no file is at fault.
type diagnostic struct {
	Severity, Summary, Detail string
	Range                     *struct {
		Filename   string // relative to the folder
		Start, End struct{ Line, Column int }
	}
}

// maxDiagnostics bounds what is told of one folder.
const maxDiagnostics = 1000

// readVerdict reads a verdict. failed tells whether the command's exit status
// was that of a folder that is not valid, which must agree.
func readVerdict(text []byte, failed bool) (v verdict, err error) {
	if err := json.Unmarshal(text, &v); err != nil {
		return v, fmt.Errorf("reading what terraform validate says: %w", err)
	}
	errs := 0
	for _, d := range v.Diagnostics {
		switch d.Severity {
		case "error":
			errs++
		case "warning":
		default:
			return v, fmt.Errorf("reading what terraform validate says: the severity %.40q", d.Severity)
		}
	}
	switch {
	case !strings.HasPrefix(v.Version, "1.") || v.Valid == nil || v.Errors == nil:
		return v, fmt.Errorf("reading what terraform validate says: its format is %.40q, want 1", v.Version)
	case *v.Valid != (errs == 0) || *v.Errors != errs || failed == *v.Valid:
		return v, errors.New("what terraform validate says contradicts itself")
	case len(v.Diagnostics) > maxDiagnostics:
		return v, fmt.Errorf("terraform validate says more than %d things", maxDiagnostics)
	}
	return v, nil
}

// at is the name of the file that a diagnostic of a folder is about, relative to
// the tree's top. It is an error that this is no file of the tree.
func (d diagnostic) at(folder string) (string, error) {
	name := path.Join(folder, filepath.ToSlash(d.Range.Filename))
	if path.IsAbs(d.Range.Filename) || !filepath.IsLocal(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return "", fmt.Errorf("terraform validate names a file that is none of the repository: %.200q", d.Range.Filename)
	}
	return name, nil
}

// crashed tells whether it is a provider that failed, and not what it was asked about.
func (d diagnostic) crashed() bool {
	return slices.Contains([]string{"Plugin did not respond", "Plugin error", "Request cancelled", "Unsupported plugin method"}, d.Summary)
}

// finding is a diagnostic as Sluice tells it.
func (d diagnostic) finding(folder string, where func(string) string) (f sarif.Finding, err error) {
	name, err := d.at(folder)
	if err != nil {
		return f, err
	}
	message := clean(d.Summary, maxReason)
	if d.Detail != "" {
		message += ": " + clean(d.Detail, maxMessage)
	}
	f = sarif.Finding{
		Rule: validateRule, Tool: terraformName, Stage: IaCName, Severity: sarif.High, Message: message,
		Location: sarif.Location{Path: where(name), Line: max(0, d.Range.Start.Line), EndLine: max(0, d.Range.End.Line)},
		Identity: where(name) + " " + message,
	}
	if d.Severity == "warning" {
		f.Severity = sarif.Low
	}
	return f, nil
}
