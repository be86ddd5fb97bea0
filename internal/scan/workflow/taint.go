package workflow

import (
	"strings"

	"github.com/rhysd/actionlint"
)

// outsiders are the values that anybody can choose who opens an issue or a pull
// request, or writes a commit for one. "*" is any element.
// https://securitylab.github.com/research/github-actions-untrusted-input/
func outsiders() []string {
	return []string{
		"github.head_ref",
		"github.event.issue.title", "github.event.issue.body",
		"github.event.pull_request.title", "github.event.pull_request.body",
		"github.event.pull_request.head.ref", "github.event.pull_request.head.label", "github.event.pull_request.head.repo.default_branch",
		"github.event.comment.body", "github.event.review.body", "github.event.review_comment.body",
		"github.event.discussion.title", "github.event.discussion.body",
		"github.event.changes.title.from", "github.event.changes.body.from",
		"github.event.pages.*.page_name",
		"github.event.commits.*.message", "github.event.commits.*.author.email", "github.event.commits.*.author.name",
		"github.event.head_commit.message", "github.event.head_commit.author.email", "github.event.head_commit.author.name",
		"github.event.workflow_run.head_branch", "github.event.workflow_run.display_title", "github.event.workflow_run.head_commit.message",
		"github.event.workflow_run.head_commit.author.email", "github.event.workflow_run.head_commit.author.name",
		"github.event.workflow_run.pull_requests.*.head.ref",
	}
}

// source is who chooses a value: an outsider, or whoever may start the workflow.
type source struct {
	name  string // of the value as it came in
	input bool   // of the workflow, or of the action
}

// taints are the values of a workflow that come from outside, by the way to them
// in an expression: "env.title". Those of jobs and steps begin with the job.
type taints struct {
	known map[string]source
	wild  []string // those of them with a "*"
}

// maxPasses bounds how often what jobs hand to others is followed; jobs are
// usually written in the order in which they need each other.
const maxPasses = 10

func (t *taints) set(name string, s source) {
	if _, ok := t.known[name]; !ok && strings.Contains(name, "*") {
		t.wild = append(t.wild, name)
	}
	t.known[name] = s
}

// untrusted follows what comes from outside through env, matrix, and the outputs
// of steps and jobs, until nothing new is found.
func (c *checker) untrusted() *taints {
	t := &taints{known: map[string]source{}}
	c.inputs(t)
	for range maxPasses {
		before := len(t.known)
		t.env("", c.flow.Env, "")
		for _, j := range c.jobs() {
			t.job(j)
		}
		if len(t.known) == before {
			break
		}
	}
	return t
}

// inputs are those of any text.
func (c *checker) inputs(t *taints) {
	if c.action {
		t.set("inputs.*", source{"an input of the action", true})
	}
	for _, e := range c.flow.On {
		switch e := e.(type) {
		case *actionlint.WorkflowDispatchEvent:
			for name, in := range e.Inputs {
				if in.Type == actionlint.WorkflowDispatchEventInputTypeNone || in.Type == actionlint.WorkflowDispatchEventInputTypeString {
					s := source{"the input " + name, true}
					t.set("inputs."+strings.ToLower(name), s)
					t.set("github.event.inputs."+strings.ToLower(name), s)
				}
			}
		case *actionlint.WorkflowCallEvent:
			for _, in := range e.Inputs {
				if in.Type == actionlint.WorkflowCallEventInputTypeString {
					t.set("inputs."+in.ID, source{"the input " + in.ID, true})
				}
			}
		case *actionlint.RepositoryDispatchEvent:
			t.set("github.event.client_payload.*", source{"what the event is sent with", true})
		}
	}
}

func (t *taints) job(j *actionlint.Job) {
	id := strings.ToLower(j.ID.Value)
	t.matrix(id, j)
	t.env(id, j.Env, id+":env.")
	for _, s := range j.Steps {
		t.step(id, where{job: j, step: s})
	}
	for name, out := range j.Outputs {
		if out.Value != nil {
			t.add(id, "needs."+id+".outputs."+strings.ToLower(name), out.Value.Value)
		}
	}
}

// env takes in variables that are set to what comes from outside.
func (t *taints) env(job string, e *actionlint.Env, prefix string) {
	if prefix == "" {
		prefix = "env."
	}
	for _, v := range vars(e) {
		t.add(job, prefix+strings.ToLower(v.Name.Value), v.Value.Value)
	}
}

func (t *taints) matrix(job string, j *actionlint.Job) {
	if j.Strategy == nil || j.Strategy.Matrix == nil {
		return
	}
	m := j.Strategy.Matrix
	if m.Expression != nil {
		t.add(job, job+":matrix.*", m.Expression.Value)
	}
	for name, row := range m.Rows {
		if row.Expression != nil {
			t.add(job, job+":matrix."+strings.ToLower(name), row.Expression.Value)
		}
		for _, v := range row.Values {
			if s, ok := v.(*actionlint.RawYAMLString); ok {
				t.add(job, job+":matrix."+strings.ToLower(name), s.Value)
			}
		}
	}
}

// written matches a line that writes an output or a variable for later steps.
var written = lazily(`([A-Za-z_][A-Za-z0-9_-]*)=(.*?)>>\s*["']?\$\{?(GITHUB_OUTPUT|GITHUB_ENV)\b`)

// shellVariable matches one in a script.
var shellVariable = lazily(`\$\{?([A-Za-z_][A-Za-z0-9_]*)`)

// step takes in what a script writes, as it is, for later steps.
func (t *taints) step(job string, w where) {
	id := ""
	if w.step.ID != nil {
		id = strings.ToLower(w.step.ID.Value)
	}
	if id != "" && w.uses() == "tj-actions/changed-files" {
		t.set(job+":steps."+id+".outputs.*", source{"names of files of the pull request", false})
	}
	for _, m := range written().FindAllStringSubmatch(w.script(), -1) {
		name := job + ":env." + strings.ToLower(m[1])
		if m[3] == "GITHUB_OUTPUT" {
			name = job + ":steps." + id + ".outputs." + strings.ToLower(m[1])
		}
		t.add(job, name, m[2])
		for _, v := range shellVariable().FindAllStringSubmatch(m[2], -1) {
			if s, ok := t.variable(job, w, v[1]); ok {
				t.set(name, s)
			}
		}
	}
}

// variable tells whether a step's variable is set to what comes from outside.
func (t *taints) variable(job string, w where, name string) (source, bool) {
	for _, v := range vars(w.step.Env) {
		if strings.EqualFold(v.Name.Value, name) {
			return t.first(job, v.Value.Value)
		}
	}
	return t.of(job, "env."+strings.ToLower(name))
}

// at tells who chooses the value at the end of a way, in a step.
func (t *taints) at(w where, way string) (source, bool) {
	job := strings.ToLower(w.job.ID.Value)
	if name, ok := strings.CutPrefix(way, "env."); ok {
		return t.variable(job, w, name)
	}
	return t.of(job, way)
}

// add takes in a value when its text has something from outside.
func (t *taints) add(job, name, text string) {
	if _, ok := t.known[name]; ok {
		return
	}
	if s, ok := t.first(job, text); ok {
		t.set(name, s)
	}
}

// first is what comes from outside in a text with expressions.
func (t *taints) first(job, text string) (source, bool) {
	for _, e := range expressions(text) {
		for _, way := range ways(e.node) {
			if s, ok := t.of(job, way); ok {
				return s, true
			}
		}
	}
	return source{}, false
}

// of tells who chooses the value at the end of a way, in a job.
func (t *taints) of(job, way string) (source, bool) {
	for _, o := range outsiders() {
		if same(way, o) {
			return source{name: o}, true
		}
	}
	for _, name := range []string{job + ":" + way, way} {
		if s, ok := t.known[name]; ok {
			return s, true
		}
	}
	for _, name := range t.wild {
		if same(way, name) || same(job+":"+way, name) {
			return t.known[name], true
		}
	}
	return source{}, false
}

// same tells whether two ways lead to the same, "*" being any part.
func same(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	if len(as) != len(bs) {
		return false
	}
	for i := range as {
		if as[i] != bs[i] && as[i] != "*" && bs[i] != "*" {
			return false
		}
	}
	return true
}
