package python

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/command"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
	"github.com/sluice-ci/sluice/internal/tool"
)

const bandit = "bandit"

// What Bandit loads as a plugin, by the entry point that is named.
var (
	//go:embed settings/sluice_strings.py.txt
	banditStrings []byte
	//go:embed settings/entry_points.txt
	banditEntry []byte
	//go:embed settings/METADATA
	banditMetadata []byte
)

// maxBanditOutput bounds what Bandit may print, bytes.
const maxBanditOutput = 96 << 20

// findingsStatus is what Bandit ends with when it found something. As it is given
// planted defects, it always does.
const findingsStatus = 1

// banditReport is the part of Bandit's JSON that is read.
type banditReport struct {
	Errors []struct {
		File   string `json:"filename"`
		Reason string `json:"reason"`
	} `json:"errors"`
	Metrics map[string]any `json:"metrics"` // by file
	Results []issue        `json:"results"`
}

// issue is one that Bandit found.
type issue struct {
	File       string `json:"filename"`
	ID         string `json:"test_id"`
	Name       string `json:"test_name"`
	Severity   string `json:"issue_severity"`
	Confidence string `json:"issue_confidence"`
	Text       string `json:"issue_text"`
	Line       int    `json:"line_number"`
	Lines      []int  `json:"line_range"`
	CWE        struct {
		ID int `json:"id"`
	} `json:"issue_cwe"`
	URI string `json:"more_info"`
}

// sast reports what Bandit finds.
func (c *check) sast(ctx context.Context) (r pipeline.Report, err error) {
	r.SelfTest = &pipeline.SelfTest{Planted: plantedIssues()}
	found, err := c.params.Bandit.probe(ctx, c.copies.environment())
	if err != nil {
		return r, err
	}
	r.Tools = []pipeline.Tool{used(found)}
	said, err := c.bandit(ctx, found)
	if err != nil {
		return r, err
	}
	issues, caught := takePlantedIssues(said.Results)
	r.SelfTest.Caught = caught
	c.issueFindings(&r, issues)
	unread := said.unread(c.copies)
	files, err := scan.Census("files", c.copies.names, c.copies.real(said.examined()))
	r.Examined = []pipeline.Count{files}
	if len(unread) > 0 {
		err = hint.With(fmt.Errorf("it could not examine %d of %d files: %s", len(unread), len(c.copies.names), strings.Join(unread[:min(len(unread), 5)], ", ")),
			"correct what lint finds in them, and see the stage's log")
	}
	return r, err
}

// bandit runs Bandit on the copies.
func (c *check) bandit(ctx context.Context, found tool.Found) (said banditReport, err error) {
	err = c.settings(map[string][]byte{
		"bandit/sluice_strings.py": banditStrings, "bandit/sluice-1.dist-info/entry_points.txt": banditEntry, "bandit/sluice-1.dist-info/METADATA": banditMetadata,
	})
	if err != nil {
		return said, err
	}
	out, err := command.Output(ctx, command.Spec{
		Path: found.Path, Args: []string{"--quiet", "--recursive", "--format", "json", "--number", "1", "--ignore-nosec", "code"}, Dir: c.copies.dir,
		Env:    slices.Concat(c.copies.environment(), found.Env, []string{"PYTHONPATH=" + filepath.Join(c.copies.dir, "bandit")}),
		Stderr: c.Log, MaxOutput: maxBanditOutput,
	})
	var exit *command.ExitError
	if errors.As(err, &exit) && exit.Code == findingsStatus {
		err = nil
	}
	if err != nil {
		return said, fmt.Errorf("running Bandit: %w", err)
	}
	if err = json.Unmarshal(out, &said); err == nil {
		err = said.check(c.copies)
	}
	if err != nil {
		return said, hint.With(fmt.Errorf("reading what Bandit says: %w", err), "see the stage's log")
	}
	return said, nil
}

// check finds what no report of Bandit's about the copies has, and writes files'
// names as aliases.
func (b *banditReport) check(c *copies) error {
	known := func(file *string) bool {
		*file = path.Clean(*file)
		return c.of[*file] != "" || *file == defectsAlias || *file == brokenAlias
	}
	for i := range b.Errors {
		if !known(&b.Errors[i].File) {
			return fmt.Errorf("it speaks of %q, which it was not given", b.Errors[i].File)
		}
	}
	for i := range b.Results {
		r := &b.Results[i]
		if !known(&r.File) || !issueID().MatchString(r.ID) || r.Line < 0 {
			return fmt.Errorf("the issue %q in %q, line %d, is none of what it was given", r.ID, r.File, r.Line)
		}
	}
	return nil
}

func issueID() *regexp.Regexp { return regexp.MustCompile(`^B[0-9]{3}$`) }

// examined are the files that it counted the lines of, and had no trouble with.
func (b banditReport) examined() (files []string) {
	bad := map[string]bool{}
	for _, e := range b.Errors {
		bad[e.File] = true
	}
	for file := range maps.Keys(b.Metrics) {
		if file = path.Clean(file); !bad[file] {
			files = append(files, file)
		}
	}
	return files
}

// unread are the files that it had trouble with, and why.
func (b banditReport) unread(c *copies) (files []string) {
	for _, e := range b.Errors {
		if name := c.of[e.File]; name != "" {
			files = append(files, fmt.Sprintf("%q (%s)", name, e.Reason))
		}
	}
	for _, alias := range c.nul {
		files = append(files, fmt.Sprintf("%q (it has null bytes)", c.of[alias]))
	}
	return files
}

// plantedLines are the rules that have a planted defect, and where.
func plantedLines() map[string]int { return map[string]int{"B105": 2, "B104": 7, "B608": 8} }

func plantedIssues() []string { return slices.Sorted(maps.Keys(plantedLines())) }

// takePlantedIssues takes out what is said of what was planted, and gives the rules
// of what was found where it is.
func takePlantedIssues(all []issue) (rest []issue, caught []string) {
	for _, i := range all {
		switch {
		case i.File != defectsAlias && i.File != brokenAlias:
			rest = append(rest, i)
		case i.File == defectsAlias && plantedLines()[i.ID] == i.Line:
			caught = append(caught, i.ID)
		}
	}
	slices.Sort(caught)
	return rest, slices.Compact(caught)
}

// severities are Bandit's names of them.
func severities() map[string]sarif.Severity {
	return map[string]sarif.Severity{"LOW": sarif.Low, "MEDIUM": sarif.Medium, "HIGH": sarif.High}
}

// issueFindings adds the issues to a report: as findings, or as switched off by a
// comment that says what and why.
func (c *check) issueFindings(r *pipeline.Report, issues []issue) {
	asserts := 0
	slices.SortStableFunc(issues, func(a, b issue) int { return strings.Compare(a.File, b.File) })
	var lines lines
	for _, i := range issues {
		name := c.copies.of[i.File]
		if i.ID == "B101" && isTestFile(name) { // which is how pytest's tests are written
			asserts++
			continue
		}
		f := i.finding(c.path(name), lines.of(c.copies, i.File, i.Line))
		switch reason, vague := i.nosec(func(n int) string { return lines.of(c.copies, i.File, n) }); {
		case reason != "":
			f.Suppression = &sarif.Suppression{Reason: reason, InSource: true}
			r.InSource = append(r.InSource, f)
			continue
		case vague:
			f.Message += " (the nosec comment does not count: it must name the rule and give a reason, as in # nosec " + i.ID + " - why)"
		}
		r.Findings = append(r.Findings, f)
	}
	inOrder(r.Findings)
	inOrder(r.InSource)
	if len(r.InSource) > 0 {
		r.Notes = append(r.Notes, suppressed(len(r.InSource), "nosec"))
		r.InSource = r.InSource[:min(len(r.InSource), maxInSource)]
	}
	if asserts > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%d uses of assert in tests left out", asserts))
	}
}

// finding is the issue's. Bandit's severity is the finding's; how sure it is, the
// message says. A password that it shows is not told.
func (i issue) finding(at, line string) sarif.Finding {
	text := strings.Join(strings.Fields(i.Text), " ")
	if slices.Contains([]string{"B105", "B106", "B107"}, i.ID) {
		text, _, _ = strings.Cut(text, ":")
		line = regexp.MustCompile(`"[^"]*"|'[^']*'`).ReplaceAllString(line, `""`)
	}
	f := sarif.Finding{
		Rule: i.ID, Tool: bandit, Stage: sastStage, Severity: max(severities()[i.Severity], sarif.Low),
		Message:  fmt.Sprintf("%s (confidence: %s)", strings.TrimSuffix(text, "."), strings.ToLower(i.Confidence)),
		Location: sarif.Location{Path: at, Line: i.Line}, Identity: squeeze(line),
	}
	if i.CWE.ID > 0 {
		f.CWE = []int{i.CWE.ID}
	}
	return f
}
