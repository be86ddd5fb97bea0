package python

import (
	"cmp"
	"context"
	"crypto/rand"
	_ "embed"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-ci/sluice/internal/command"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
	"github.com/sluice-ci/sluice/internal/tool"
)

const flake8 = "flake8"

// Codes of Flake8's messages: a plugin of Sluice's says that a file was examined,
// which is the last that is said of it, and Flake8 that it is no Python.
const (
	seenCode   = "ZZZ100"
	syntaxCode = "E999"
)

var (
	//go:embed settings/flake8.cfg
	flake8Settings []byte
	//go:embed settings/sluice_seen.py.txt
	flake8Plugin []byte
)

// maxFlake8Output bounds what Flake8 may print, bytes.
const maxFlake8Output = 64 << 20

// violation is what Flake8 says of a place.
type violation struct {
	file         string // by its alias
	line, column int
	code, text   string
}

// broken tells whether the violation is that a file is no Python, or cannot be read.
func (v violation) broken() bool { return strings.HasPrefix(v.code, "E9") }

// lint reports what Flake8 finds.
func (c *check) lint(ctx context.Context) (r pipeline.Report, err error) {
	r.SelfTest = &pipeline.SelfTest{Planted: plantedStyle()}
	found, err := c.params.Flake8.probe(ctx, c.copies.environment())
	if err != nil {
		return r, err
	}
	r.Tools = []pipeline.Tool{used(found)}
	all, err := c.flake8(ctx, found, "code", "--disable-noqa")
	if err != nil {
		return r, err
	}
	all, r.SelfTest.Caught = takePlantedStyle(all)
	all, examined := takeSeen(all)
	all = append(all, c.withNUL()...)
	files, err := scan.Census("files", c.copies.names, c.copies.real(slices.Concat(examined, c.copies.nul)))
	if r.Examined = []pipeline.Count{files}; err != nil {
		return r, err
	}
	told, hidden, err := c.honourNoqa(ctx, found, all)
	r.Findings, r.InSource = c.styleFindings(told, &r), c.styleFindings(hidden, nil)
	r.InSource = r.InSource[:min(len(r.InSource), maxInSource)]
	if len(hidden) > 0 {
		r.Notes = append(r.Notes, suppressed(len(hidden), "noqa"))
	}
	return r, err
}

// flake8 runs Flake8 on a folder of copies. What the files are made of can get into its
// messages, so each begins with a word that no file knows.
func (c *check) flake8(ctx context.Context, found tool.Found, folder string, args ...string) ([]violation, error) {
	if err := c.settings(map[string][]byte{"flake8/flake8.cfg": flake8Settings, "flake8/sluice_seen.py": flake8Plugin}); err != nil {
		return nil, err
	}
	word := rand.Text()
	out, err := command.Output(ctx, command.Spec{
		Path: found.Path, Dir: c.copies.dir, Env: append(c.copies.environment(), found.Env...), Stderr: c.Log, MaxOutput: maxFlake8Output,
		Args: append([]string{"--config=" + filepath.Join(c.copies.dir, "flake8", "flake8.cfg"), "--exit-zero", "--color=never",
			"--format=" + word + "\t%(path)s\t%(row)d\t%(col)d\t%(code)s\t%(text)s", folder}, args...),
	})
	if err != nil {
		return nil, fmt.Errorf("running Flake8: %w", err)
	}
	all, err := parseFlake8(string(out), word)
	if err != nil {
		return nil, fmt.Errorf("reading what Flake8 says: %w", err)
	}
	for i := range all {
		v := &all[i]
		v.file = "code" + strings.TrimPrefix(v.file, folder)
		if c.copies.of[v.file] == "" && v.file != defectsAlias && v.file != brokenAlias {
			return nil, fmt.Errorf("it speaks of %q, which it was not given", v.file)
		}
	}
	return all, nil
}

// settings writes files beside the copies.
func (c *check) settings(files map[string][]byte) error {
	for name, text := range files {
		if err := c.copies.write(name, text); err != nil {
			return fmt.Errorf("writing settings: %w", err)
		}
	}
	return nil
}

// parseFlake8 reads messages that each begin with a word.
func parseFlake8(out, word string) (all []violation, err error) {
	parts := strings.Split(out, word+"\t")
	if parts[0] != "" || !strings.HasSuffix(out, "\n") {
		return nil, hint.With(fmt.Errorf("it printed something else, or not all: %.200q", out), "see the stage's log")
	}
	for _, part := range parts[1:] {
		fields := strings.SplitN(part, "\t", 5)
		if len(fields) < 5 {
			return nil, fmt.Errorf("the message %.200q has no five parts", part)
		}
		v := violation{file: filepath.ToSlash(filepath.Clean(fields[0])), code: fields[3], text: strings.Join(strings.Fields(fields[4]), " ")}
		if v.line, err = strconv.Atoi(fields[1]); err == nil {
			v.column, err = strconv.Atoi(fields[2])
		}
		if err != nil || v.line < 0 || v.column < 0 || !isCode(v.code) {
			return nil, fmt.Errorf("the message %.200q names no place or no rule", part)
		}
		all = append(all, v)
	}
	return all, nil
}

// isCode tells a message's code.
func isCode(s string) bool {
	letters := strings.TrimRight(s, "0123456789")
	return letters != s && letters != "" && strings.Trim(letters, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" && len(s) < 10
}

// takeSeen takes out the messages which say that a file was examined, and gives
// the files of which that is known. What is no Python was examined, too.
func takeSeen(all []violation) (rest []violation, examined []string) {
	for _, v := range all {
		if v.code == seenCode || v.broken() {
			examined = append(examined, v.file)
		}
		if v.code != seenCode {
			rest = append(rest, v)
		}
	}
	return rest, examined
}

// withNUL is what Flake8 would say of the files that it is not given.
func (c *check) withNUL() (all []violation) {
	for _, alias := range c.copies.nul {
		all = append(all, violation{file: alias, line: 1, code: syntaxCode, text: "SyntaxError: source code cannot contain null bytes"})
	}
	return all
}

// plantedStyle are the rules that have a planted defect, as plantedPlaces says.
func plantedStyle() []string {
	var rules []string
	for _, p := range plantedPlaces() {
		rules = append(rules, p.code)
	}
	return rules
}

// plantedPlaces are where the planted defects are.
func plantedPlaces() []violation {
	return []violation{
		{file: brokenAlias, line: 1, code: syntaxCode}, {file: defectsAlias, line: 1, code: "F401"},
		{file: defectsAlias, line: 3, code: "E501"}, {file: defectsAlias, line: 8, code: "W292"},
	}
}

// takePlantedStyle takes out what is said of what was planted, and gives the rules
// of what was found where it is.
func takePlantedStyle(all []violation) (rest []violation, caught []string) {
	for _, v := range all {
		switch {
		case v.file != brokenAlias && v.file != defectsAlias:
			rest = append(rest, v)
		case slices.ContainsFunc(plantedPlaces(), func(p violation) bool { return p.file == v.file && p.line == v.line && p.code == v.code }):
			caught = append(caught, v.code)
		}
	}
	slices.Sort(caught)
	return rest, slices.Compact(caught)
}

// styleFindings makes findings of what Flake8 says, but for the rules that the
// configuration switches off, which a report notes.
func (c *check) styleFindings(all []violation, r *pipeline.Report) (findings []sarif.Finding) {
	off := 0
	var lines lines
	for _, v := range all {
		if !v.broken() && slices.ContainsFunc(c.params.Ignore, func(rule string) bool { return strings.EqualFold(rule, v.code) }) {
			off++
			continue
		}
		f := sarif.Finding{
			Rule: v.code, Tool: flake8, Stage: lintStage, Message: v.text, Severity: sarif.Medium,
			Location: sarif.Location{Path: c.path(c.copies.of[v.file]), Line: v.line, Column: v.column},
			Identity: squeeze(lines.of(c.copies, v.file, v.line)),
		}
		if v.broken() || strings.HasPrefix(v.code, "F82") { // it does not run, or not as far as here
			f.Severity = sarif.High
		}
		findings = append(findings, f)
	}
	inOrder(findings)
	if off > 0 && r != nil {
		r.Notes = append(r.Notes, fmt.Sprintf("%d findings of rules that the configuration switches off", off))
	}
	return findings
}

// inOrder puts findings into the order of their places.
func inOrder(findings []sarif.Finding) {
	slices.SortStableFunc(findings, func(a, b sarif.Finding) int {
		return cmp.Or(cmp.Compare(a.Location.Path, b.Location.Path), cmp.Compare(a.Location.Line, b.Location.Line),
			cmp.Compare(a.Location.Column, b.Location.Column), cmp.Compare(a.Rule, b.Rule))
	})
}

// lines are those of the file that was asked for last: findings are in the order
// of their files.
type lines struct {
	file string
	text []string
}

func (l *lines) of(c *copies, file string, line int) string {
	if l.file != file {
		l.file, l.text = file, c.lines(file)
	}
	if line < 1 || line > len(l.text) {
		return ""
	}
	return l.text[line-1]
}

// maxIdentity bounds how much of a line's text is told, bytes.
const maxIdentity = 2000

// squeeze takes the white space out of a line.
func squeeze(line string) string {
	line = strings.Join(strings.Fields(line), "")
	return strings.ToValidUTF8(line[:min(len(line), maxIdentity)], "")
}

// maxInSource bounds how many findings that comments switch off a stage lists;
// a note counts them all.
const maxInSource = 1000
