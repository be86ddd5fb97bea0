package govuln

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

// maxTrace is how many steps of the way to a vulnerable function are shown,
// those that are nearest to it.
const maxTrace = 40

// finding is what is the same in source and in a program.
func (v verdict) finding(stage string, severity sarif.Severity) sarif.Finding {
	return sarif.Finding{
		Rule: v.advisory.ID, Tool: toolName, Stage: stage,
		Severity: severity,
		Aliases:  v.advisory.Aliases,
		Module:   v.module + "@" + v.version,
		Reach:    v.reach,
		Why:      v.summary(),
		Identity: v.advisory.ID + " " + v.module,
	}
}

func (v verdict) summary() string {
	return cmp.Or(clean(v.advisory.Summary, 300), clean(v.advisory.Details, 300), "known vulnerability")
}

func (v verdict) rule() sarif.Rule {
	uri := v.advisory.DatabaseSpecific.URL
	if !strings.HasPrefix(uri, "https://") {
		uri = ""
	}
	if uri == "" && strings.HasPrefix(v.advisory.ID, "GO-") {
		uri = "https://pkg.go.dev/vuln/" + v.advisory.ID
	}
	return sarif.Rule{
		ID: v.advisory.ID, Tool: toolName,
		Name: v.summary(),
		Why:  cmp.Or(clean(v.advisory.Details, 1000), v.summary()),
		Fix:  "update " + v.module + " to a version in which it is fixed",
		URI:  uri,
	}
}

// fix says how to get rid of it. A replaced module is updated where it is replaced.
func (v verdict) fix(original string) string {
	goItself := v.module == "stdlib" || v.module == "toolchain"
	switch {
	case v.fixed == "" && v.reach == sarif.Reachable:
		return "there is no fix yet: do without " + v.trace[0].name() + ", or without the module"
	case v.fixed == "":
		return "there is no fix yet"
	case goItself:
		return "update Go to " + v.fixed
	case original != "" && original != v.module:
		return fmt.Sprintf("in go.mod, replace %s by %s %s", original, v.module, v.fixed)
	}
	return fmt.Sprintf("run go get %s@%s and go mod tidy", v.module, v.fixed)
}

// place knows where the service's code is.
type place struct {
	root   string // the repository's, to which paths are relative
	dir    string // the service's
	census *census
	mod    *modfile.File
}

// finding is a verdict with the place in the repository that it concerns: the
// call by which the service's code enters the way to the vulnerable function,
// or the line of go.mod that decides the module's version.
func (p place) finding(v verdict, db database) (sarif.Finding, error) {
	severity, err := db.severity(v.advisory.ID, v.reach)
	if err != nil {
		return sarif.Finding{}, err
	}
	f := v.finding(DepsName, severity)
	module := p.census.modules[v.module]
	f.Fix = v.fix(module.path)
	f.Location = p.modLocation(v.module)
	f.Message = fmt.Sprintf("%s: %s", f.Module, v.summary())
	switch v.reach {
	case sarif.Reachable:
		if caller := p.caller(v.trace); caller > 0 {
			f.Location = p.location(v.trace, caller)
			f.Message += ": " + f.Location.Note
		}
		f.Trace = p.locations(v.trace)
	case sarif.Imported:
		f.Message += fmt.Sprintf(": %s is imported, and the vulnerable functions are not called", clean(v.trace[0].Package, 200))
	case sarif.Required:
		f.Message += ": the vulnerable packages are not imported"
	}
	return f, nil
}

func (p place) modLocation(module string) sarif.Location {
	path, ok := inside(p.root, filepath.Join(p.dir, "go.mod"))
	if !ok {
		path = "go.mod"
	}
	return sarif.Location{Path: path, Line: modLine(p.mod, module)}
}

// caller is the frame nearest to the vulnerable function that is the service's
// own code, or 0.
func (p place) caller(trace []frame) int {
	for i, f := range trace[1:] {
		if _, ok := p.own(f); ok {
			return i + 1
		}
	}
	return 0
}

// own is the file of a frame, relative to the root, if it is in the repository.
func (p place) own(f frame) (string, bool) {
	m := p.census.modules[f.Module]
	at := f.at()
	if m.dir == "" || at.Line == 0 || at.Filename == "" || !m.main && m.replace == "" {
		return "", false
	}
	return inside(p.root, filepath.Join(m.dir, filepath.FromSlash(at.Filename)))
}

// locations is the way from the service's code to the vulnerable function.
func (p place) locations(trace []frame) []sarif.Location {
	var way []sarif.Location
	for i := min(len(trace), maxTrace) - 1; i >= 0; i-- {
		way = append(way, p.location(trace, i))
	}
	return way
}

// location is one step. Code that is not in the repository is named by its
// module: "golang.org/x/text@v0.3.5/language/parse.go".
func (p place) location(trace []frame, i int) sarif.Location {
	f := trace[i]
	path, ok := p.own(f)
	if !ok {
		path = clean(strings.TrimSuffix(f.Module+"@"+displayVersion(f.Module, f.Version), "@")+"/"+f.at().Filename, 500)
	}
	note := f.name() + " is vulnerable"
	if i > 0 {
		note = f.name() + " calls " + trace[i-1].name()
	}
	return sarif.Location{Path: path, Line: f.at().Line, Column: f.at().Column, Note: note}
}

// advisories stands for all the rules that the vulnerability data has.
func advisories() sarif.Rule {
	return sarif.Rule{
		ID: "GO-*", Tool: toolName, Name: "A known vulnerability of a module or of Go", URI: "https://pkg.go.dev/vuln/",
		Why: "What is known can be used by anybody. Each has a page of its own, and says which functions are vulnerable.",
		Fix: "Take the version in which it is mended: go get MODULE@VERSION, or a newer Go.",
	}
}

// Rules implements scan.Catalogue.
func (Deps) Rules() map[string][]sarif.Rule {
	return map[string][]sarif.Rule{DepsName: {advisories()}}
}

// Rules implements scan.Catalogue.
func (Image) Rules() map[string][]sarif.Rule {
	return map[string][]sarif.Rule{ImageName: append(scan.Sorted(settingRules), advisories())}
}
