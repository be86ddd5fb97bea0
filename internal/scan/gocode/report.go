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

// maxNamed is how many packages or files a sentence names.
const maxNamed = 5

// addFindings puts the stage's findings into its report: once each, in the order of
// their places, without those of rules that the configuration switches off.
func (c *check) addFindings(r *pipeline.Report) {
	lines := c.lineReader()
	seen := map[string]bool{}
	off := 0
	for _, f := range c.stageFindings(r.Stage) {
		if c.ignored(f) {
			off++
			continue
		}
		f.Identity = squeeze(lines.line(f.Location.Path, f.Location.Line))
		f.Location.Path = c.relative(f.Location.Path)
		key := fmt.Sprint(f.Rule, f.Location, f.Message)
		if !seen[key] {
			seen[key] = true
			r.Findings = append(r.Findings, f)
		}
	}
	slices.SortStableFunc(r.Findings, func(a, b sarif.Finding) int {
		return cmp.Or(cmp.Compare(a.Location.Path, b.Location.Path), cmp.Compare(a.Location.Line, b.Location.Line),
			cmp.Compare(a.Location.Column, b.Location.Column), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Message, b.Message))
	})
	if off > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%s of rules that the configuration switches off", count(off, "finding")))
	}
}

func (c *check) stageFindings(stage string) []sarif.Finding {
	var findings []sarif.Finding
	add := func(all []sarif.Finding) {
		for _, f := range all {
			if f.Stage == stage {
				findings = append(findings, f)
			}
		}
	}
	add(c.unlisted)
	for _, u := range c.program.roots() {
		if result := c.results[u]; result != nil {
			add(result.Findings)
		}
	}
	return findings
}

// ignored tells whether the configuration switches off the rule of a finding.
// That code compiles cannot be switched off.
func (c *check) ignored(f sarif.Finding) bool {
	return f.Stage == lintStage && f.Tool != compilerTool &&
		slices.ContainsFunc(c.params.Ignore, func(rule string) bool { return strings.EqualFold(rule, f.Rule) })
}

// census says what was examined, and that the stage is not run where that is
// not all.
func (c *check) census(r *pipeline.Report) {
	if len(c.files)+len(c.program.roots()) == 0 {
		r.NotApplicable = "the module has no Go files"
		return
	}
	packages, files := map[string]bool{}, 0
	missing := map[string]bool{}
	for _, u := range c.program.roots() {
		if reason := c.unexamined(u, r.Stage); reason != "" {
			missing[u.path()+" ("+reason+")"] = true
			continue
		}
		if u.sound() {
			packages[u.path()] = true
			files += c.results[u].Files
		}
	}
	r.Examined = []pipeline.Count{{What: "packages", N: len(packages)}, {What: "files", N: files}}
	switch {
	case len(missing) > 0:
		r.NotRun = fmt.Sprintf("%s not analysed: %s", count(len(missing), "package"), some(slices.Sorted(maps.Keys(missing))))
		r.Remedy = "see the findings of lint and the log of this stage"
	case len(c.program.roots()) == 0:
		r.NotRun = "build constraints leave out all files of the module"
		r.Remedy = "see sluice.yaml's path, and the build constraints"
	}
}

// unexamined is why a package was not examined for a stage, or "". Code that
// does not compile is a finding of lint, so lint has answered.
func (c *check) unexamined(u *unit, stage string) string {
	if c.results[u] == nil {
		return "it was not reached"
	}
	if err := c.analyst.failures[u][stage]; err != nil {
		fmt.Fprintf(c.task.Log, "%v\n", err)
		return firstLine(err.Error())
	}
	if u.notRun != nil {
		return u.notRun.Error()
	}
	if stage == lintStage || u.sound() {
		return ""
	}
	if u.culprit != nil {
		return fmt.Sprintf("it imports %s, which does not compile", u.culprit.path())
	}
	return "it does not compile"
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
	if left := c.leftOut(); len(left) > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%s left out by build constraints: %s", count(len(left), "file"), some(left)))
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
	if c.hasStaticcheckConfig() {
		r.Notes = append(r.Notes, "staticcheck.conf is not read; switch rules off in sluice.yaml (gates: lint: ignore)")
	}
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

// leftOut are the module's Go files that no analysed package has.
func (c *check) leftOut() []string {
	has := map[string]bool{}
	for _, u := range c.program.roots() {
		for _, path := range u.goFiles() {
			has[path] = true
		}
	}
	var left []string
	for _, path := range c.files {
		if !has[path] {
			left = append(left, c.relative(path))
		}
	}
	return left
}

func (c *check) hasStaticcheckConfig() bool {
	dirs := map[string]bool{c.task.Root: true}
	for _, path := range c.files {
		dirs[filepath.Dir(path)] = true
	}
	for dir := range dirs {
		if _, err := os.Lstat(filepath.Join(dir, "staticcheck.conf")); err == nil {
			return true
		}
	}
	return false
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

// lineReader reads single lines of the module's files, each file once.
type lineReader struct {
	module map[string]bool
	lines  map[string][]string
}

func (c *check) lineReader() lineReader {
	r := lineReader{module: map[string]bool{}, lines: map[string][]string{}}
	for _, path := range c.files {
		r.module[path] = true
	}
	return r
}

func (r lineReader) line(path string, n int) string {
	if !r.module[path] {
		return ""
	}
	lines, ok := r.lines[path]
	if !ok {
		if text, err := readBounded(path, maxSource); err == nil {
			lines = strings.Split(string(text), "\n")
		}
		r.lines[path] = lines
	}
	if n < 1 || n > len(lines) {
		return ""
	}
	return lines[n-1]
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
