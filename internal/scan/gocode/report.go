package gocode

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"unicode"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
)

// maxInSource bounds how many findings that comments switch off a stage lists;
// a note counts them all.
const maxInSource = 1000

// maxNamed is how many packages or files a sentence names.
const maxNamed = 5

// addFindings puts the stage's findings into its report: once each, in the order of
// their places, without those of rules that the configuration switches off.
func (c *check) addFindings(r *pipeline.Report) {
	known := c.identities()
	told, inSource := slices.Clone(c.unlisted), []sarif.Finding(nil)
	for _, u := range c.program.roots() {
		if result := c.results[u]; result != nil {
			told, inSource = append(told, result.Findings...), append(inSource, result.InSource...)
		}
	}
	found := len(told)
	told = slices.DeleteFunc(told, c.ignored)
	if off := found - len(told); off > 0 && r.Stage == lintStage {
		r.Notes = append(r.Notes, fmt.Sprintf("%s of rules that the configuration switches off", count(off, "finding")))
	}
	r.Findings = c.inOrder(known, r.Stage, told)
	r.InSource = c.inOrder(known, r.Stage, inSource)
	r.InSource = r.InSource[:min(len(r.InSource), maxInSource)]
}

// inOrder gives a stage's findings their identity, and puts them into the order
// of their places, once each.
func (c *check) inOrder(known identities, stage string, all []sarif.Finding) (findings []sarif.Finding) {
	seen := map[string]bool{}
	for _, f := range all {
		if f.Stage != stage {
			continue
		}
		f.Identity = known.of(f)
		f.Location.Path = c.relative(f.Location.Path)
		key := fmt.Sprint(f.Rule, f.Location, f.Message)
		if !seen[key] {
			seen[key] = true
			findings = append(findings, f)
		}
	}
	slices.SortStableFunc(findings, func(a, b sarif.Finding) int {
		return cmp.Or(cmp.Compare(a.Location.Path, b.Location.Path), cmp.Compare(a.Location.Line, b.Location.Line),
			cmp.Compare(a.Location.Column, b.Location.Column), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Message, b.Message))
	})
	return findings
}

// ignored tells whether the configuration switches off the rule of a finding.
// That code compiles cannot be switched off, nor that comments are explained.
func (c *check) ignored(f sarif.Finding) bool {
	return f.Stage == lintStage && f.Tool != compilerTool && f.Tool != sluiceTool &&
		slices.ContainsFunc(c.params.Ignore, func(rule string) bool { return strings.EqualFold(rule, f.Rule) })
}

// some names the first few of many.
func some(names []string) string {
	if len(names) > maxNamed {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamed], ", "), len(names)-maxNamed)
	}
	return strings.Join(names, ", ")
}

// notes tell what was left out, and why.
func (c *check) notes(r *pipeline.Report) {
	suppressed, generated := map[string]int{}, 0
	for _, u := range c.program.roots() {
		if result := c.results[u]; result != nil {
			for by, n := range result.Left[r.Stage].Suppressed {
				suppressed[by] += n
			}
			generated += result.Left[r.Stage].Generated
		}
	}
	if note := suppressionNote(suppressed); note != "" {
		r.Notes = append(r.Notes, note)
	}
	if generated > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%s in generated files left out", count(generated, "finding")))
	}
	if c.vendors() {
		r.Notes = append(r.Notes, "vendored code is not compared with its modules")
	}
	left, cgo := c.leftOut()
	if len(cgo) > 0 {
		r.Notes = append(r.Notes, cgoNote(cgo))
	}
	if len(left) > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%s left out by build constraints: %s", count(len(left), "file"), some(left)))
	}
	if unread := c.unread(r.Stage); len(unread) > 0 {
		verb := " is"
		if len(unread) > 1 {
			verb = " are"
		}
		r.Notes = append(r.Notes, strings.Join(unread, ", ")+verb+" not read; "+settings(r.Stage))
	}
	if r.Stage == lintStage {
		c.lintNotes(r)
	}
}

func (c *check) lintNotes(r *pipeline.Report) {
	behind := 0
	for _, u := range c.program.roots() {
		if u.culprit != nil {
			behind++
		}
	}
	if behind > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%s not analysed, for what they import does not compile", count(behind, "package")))
	}
}

// vendors tells whether a package comes from the service's vendor folder.
func (c *check) vendors() bool {
	dir := filepath.Join(c.task.Dir, "vendor")
	return slices.ContainsFunc(c.program.order, func(u *unit) bool { return within(dir, u.Dir) })
}

func cgoNote(files []string) string {
	uses := "files use"
	if len(files) == 1 {
		uses = "file uses"
	}
	return fmt.Sprintf("%d %s cgo, which the image is built without: %s", len(files), uses, some(files))
}

func suppressionNote(suppressed map[string]int) string {
	total := 0
	var parts []string
	for _, by := range slices.Sorted(maps.Keys(suppressed)) {
		total += suppressed[by]
		parts = append(parts, fmt.Sprintf("%s %d", by, suppressed[by]))
	}
	if total == 0 {
		return ""
	}
	return fmt.Sprintf("%s suppressed in the code (%s)", count(total, "finding"), strings.Join(parts, ", "))
}

// unread are the configuration files in the tree by which a stage's tools would
// let themselves be blinded elsewhere.
func (c *check) unread(stage string) (names []string) {
	dirs := map[string]bool{c.task.Root: true, c.task.Dir: true}
	for _, path := range c.files {
		dirs[filepath.Dir(path)] = true
	}
	for _, name := range configFiles(stage) {
		for dir := range dirs {
			if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
				names = append(names, name)
				break
			}
		}
	}
	return names
}

func configFiles(stage string) []string {
	names := []string{".golangci.yml", ".golangci.yaml", ".golangci.toml", ".golangci.json"}
	if stage == sastStage {
		return append(names, ".gosec.json", "gosec.json")
	}
	return append(names, "staticcheck.conf")
}

// settings say what to use instead.
func settings(stage string) string {
	if stage == sastStage {
		return "let findings be in sluice.yaml (exceptions)"
	}
	return "switch rules off in sluice.yaml (gates: lint: ignore)"
}

// tools are who looked, with the versions that are linked in.
func tools(stage, goVersion string) []pipeline.Tool {
	if stage == sastStage {
		return []pipeline.Tool{{Name: gosecTool, Version: linked("github.com/securego/gosec/v2")}}
	}
	return []pipeline.Tool{
		{Name: gofmtTool, Version: goVersion},
		{Name: vetTool, Version: linked("golang.org/x/tools")},
		{Name: staticcheckTool, Version: linked("honnef.co/go/tools")},
	}
}

// linked is the version of a module in this program.
func linked(path string) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == path {
				return m.Version
			}
		}
	}
	return "unknown"
}

// squeeze takes the white space out.
func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}
