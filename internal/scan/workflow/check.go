package workflow

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/rhysd/actionlint"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// checker holds one document to the rules.
type checker struct {
	*document
	findings  []sarif.Finding
	visited   int      // steps that the rules have seen
	unchecked int      // pins whose tags are not known here
	local     []string // folders of actions that steps name by path
	taints    *taints
	scripts   map[*actionlint.Step][]command
	released  string // what makes the job one that releases; "" of others
}

// run tries all rules.
func (c *checker) run() error {
	if c.image != nil {
		c.imageAction()
	}
	if c.flow == nil {
		return nil
	}
	if err := c.parseScripts(); err != nil {
		return err
	}
	if !c.action {
		if err := c.lint(); err != nil {
			return err
		}
		c.permissions()
		c.secretsInEnv()
		c.runners()
	}
	c.taints = c.untrusted()
	for _, j := range c.jobs() {
		c.job(j)
	}
	if len(c.findings) > maxFindings {
		return fmt.Errorf("it has more than %d defects", maxFindings)
	}
	slices.SortStableFunc(c.findings, func(a, b sarif.Finding) int {
		return cmp.Or(cmp.Compare(a.Location.Line, b.Location.Line), cmp.Compare(a.Location.Column, b.Location.Column), cmp.Compare(a.Rule, b.Rule))
	})
	return nil
}

// job tries the rules about a job and its steps.
func (c *checker) job(j *actionlint.Job) {
	c.released = c.releases(j)
	c.pinsOf(j)
	c.jobKeys(j)
	c.jobGates(j)
	for _, s := range j.Steps {
		c.visited++
		w := c.where(j, s)
		c.pin(w)
		c.checkout(w)
		c.inject(w)
		c.cloudKeys(w)
		c.gate(w)
		c.caches(w)
		c.remoteScripts(w)
		c.mutableDeploys(w)
	}
}

// jobs are in the order of the file.
func (c *checker) jobs() []*actionlint.Job {
	return slices.SortedFunc(maps.Values(c.flow.Jobs), func(a, b *actionlint.Job) int {
		return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col), cmp.Compare(a.ID.Value, b.ID.Value))
	})
}

// on tells whether one of some events starts the workflow.
func (c *checker) on(events ...string) bool {
	return slices.ContainsFunc(c.flow.On, func(e actionlint.Event) bool { return slices.Contains(events, e.EventName()) })
}

// where is a step, or a job when step is nil, or the whole file when both are.
type where struct {
	job      *actionlint.Job
	step     *actionlint.Step
	commands []command // of the step's script
}

func (c *checker) where(j *actionlint.Job, s *actionlint.Step) where {
	return where{j, s, c.scripts[s]}
}

// maxCommands is how many commands the scripts of a file may have.
const maxCommands = 5000

// parseScripts takes all scripts apart.
func (c *checker) parseScripts() error {
	n := 0
	c.scripts = map[*actionlint.Step][]command{}
	for _, j := range c.jobs() {
		for _, s := range j.Steps {
			w := where{job: j, step: s}
			c.scripts[s] = commands(w.script())
			if n += len(c.scripts[s]); n > maxCommands {
				return &fault{s.Pos.Line, fmt.Errorf("its scripts have more than %d commands", maxCommands)}
			}
		}
	}
	return nil
}

// name is what makes it the same when the file around it moves.
func (w where) name() string {
	if w.job == nil {
		return ""
	}
	if w.step == nil {
		return w.job.ID.Value
	}
	return w.job.ID.Value + "/" + w.stepName()
}

func (w where) stepName() string {
	for _, s := range []*actionlint.String{w.step.ID, w.step.Name} {
		if s != nil && s.Value != "" {
			return s.Value
		}
	}
	if e := w.action(); e != nil {
		name, _, _ := strings.Cut(e.Uses.Value, "@")
		return name
	}
	return "run" // what of the script is meant is a finding's own detail
}

// action is what the step uses; nil when it is a script.
func (w where) action() *actionlint.ExecAction {
	if e, ok := w.step.Exec.(*actionlint.ExecAction); ok && e.Uses != nil {
		return e
	}
	return nil
}

// run is the step's script; nil when it has none.
func (w where) run() *actionlint.ExecRun {
	if e, ok := w.step.Exec.(*actionlint.ExecRun); ok && e.Run != nil {
		return e
	}
	return nil
}

func (w where) script() string {
	if e := w.run(); e != nil {
		return e.Run.Value
	}
	return ""
}

// uses is the name of the action, owner/name, in small letters; "" of others.
func (w where) uses() string {
	e := w.action()
	if e == nil || strings.HasPrefix(e.Uses.Value, ".") {
		return ""
	}
	name, _, _ := strings.Cut(e.Uses.Value, "@")
	return strings.ToLower(name)
}

// input is an input of the step's action; "" when it is not given.
func (w where) input(name string) string {
	if v := w.inputAt(name); v != nil {
		return v.Value
	}
	return ""
}

func (w where) inputAt(name string) *actionlint.String {
	if e := w.action(); e != nil && e.Inputs[name] != nil {
		return e.Inputs[name].Value
	}
	return nil
}

// found is a finding before it is told.
type found struct {
	rule     string
	severity sarif.Severity
	at       *actionlint.Pos
	where    where
	detail   string // what else makes it the same: the action's name
}

// tell adds a finding.
func (c *checker) tell(f found, format string, args ...any) {
	if f.at == nil {
		f.at = &actionlint.Pos{Line: 1, Col: 1}
	}
	c.findings = append(c.findings, sarif.Finding{
		Rule: f.rule, Tool: tool, Stage: Stage, Severity: f.severity, CWE: rules()[f.rule].CWE,
		Message:  bounded(fmt.Sprintf(format, args...)),
		Location: sarif.Location{Path: c.path, Line: f.at.Line, Column: f.at.Col},
		Identity: bounded(f.where.name() + "\x00" + f.detail),
	})
}

// maxText bounds what is told of a file in one finding, bytes: an alias can name
// a long text many times.
const maxText = 1000

// bounded is a text, or its beginning and what tells it from others.
func bounded(s string) string {
	if len(s) <= maxText {
		return s
	}
	return fmt.Sprintf("%s… (%x)", strings.ToValidUTF8(s[:maxText], ""), sha256.Sum256([]byte(s)))
}

// lazily compiles a pattern when it is first used: every process of Sluice would
// pay for it at its start.
func lazily(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

// block matches the end of a line after which the lines of a text follow.
var block = lazily(`[|>][-+0-9]*\s*(#.*)?$`)

// within is the place of what begins at an offset of a text.
func (c *checker) within(s *actionlint.String, offset int) *actionlint.Pos {
	before := s.Value[:min(offset, len(s.Value))]
	if line := c.line(s.Pos.Line); block().MatchString(line) {
		return &actionlint.Pos{Line: min(s.Pos.Line+1+strings.Count(before, "\n"), len(c.lines)), Col: 1}
	}
	if strings.Contains(before, "\n") {
		return s.Pos
	}
	col := s.Pos.Col + len(before)
	if s.Quoted {
		col++
	}
	return &actionlint.Pos{Line: s.Pos.Line, Col: col}
}

// line is a line of the file, from 1.
func (c *checker) line(n int) string {
	if n < 1 || n > len(c.lines) {
		return ""
	}
	return strings.TrimSuffix(c.lines[n-1], "\r")
}
