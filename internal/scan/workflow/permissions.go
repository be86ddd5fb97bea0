package workflow

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rhysd/actionlint"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// permissions tells of tokens that nobody limited, and of those that are given
// more than can be used.
func (c *checker) permissions() {
	all := c.flow.Permissions
	c.writeAll(where{}, all)
	heirs := 0 // jobs that have the workflow's
	for _, j := range c.jobs() {
		if j.Permissions == nil {
			heirs++
		}
		c.writeAll(where{job: j}, j.Permissions)
		if all == nil || j.Permissions != nil {
			c.unused(j, j.Permissions)
		} else if len(c.flow.Jobs) == 1 {
			c.unused(j, all)
		}
	}
	if all == nil && heirs > 0 {
		c.missing()
	}
	if all == nil || heirs < 2 {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(all.Scopes)) {
		if s := all.Scopes[name]; s.Value != nil && s.Value.Value == "write" {
			c.tell(found{permissionsWide, sarif.Low, s.Name.Pos, where{}, name}, "%q: write is given to %d jobs: give it to those that need it", name, heirs)
		}
	}
}

// missing tells that jobs get what the repository's settings say. Those of a
// workflow that is only called get no more than its caller has.
func (c *checker) missing() {
	severity := sarif.Medium
	if len(c.flow.On) == 1 && c.on("workflow_call") {
		severity = sarif.Low
	}
	var names []string
	for _, j := range c.jobs() {
		if j.Permissions == nil {
			names = append(names, j.ID.Value)
		}
	}
	c.tell(found{rule: permissionsMissing, severity: severity, at: c.top("jobs")},
		"\"permissions\" is missing, so that the repository's settings decide what the token of %s may do, which may be to write everything", strings.Join(names, ", "))
}

// top is the place of a key of the workflow.
func (c *checker) top(key string) *actionlint.Pos {
	for i, line := range c.lines {
		if strings.HasPrefix(line, key+":") {
			return &actionlint.Pos{Line: i + 1, Col: 1}
		}
	}
	return nil
}

func (c *checker) writeAll(w where, p *actionlint.Permissions) {
	if p != nil && p.All != nil && p.All.Value == "write-all" {
		c.tell(found{permissionsWide, sarif.High, p.All.Pos, w, "write-all"}, "the token may write everything")
	}
}

// unused tells of what a job's token may write though no step can. That is
// decided only where every step is known.
func (c *checker) unused(j *actionlint.Job, p *actionlint.Permissions) {
	if p == nil || j.WorkflowCall != nil || c.reachesUnknown(j) {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(p.Scopes)) {
		s := p.Scopes[name]
		if s.Value == nil || s.Value.Value != "write" || c.mayUse(j, name) {
			continue
		}
		c.tell(found{permissionsWide, sarif.Medium, s.Name.Pos, where{job: j}, name}, "%q: write is given to the job %s, and no step of it uses that", name, j.ID.Value)
	}
}

// writesNothing are actions that write nothing with the token they get.
var writesNothing = []string{
	"actions/checkout", "actions/setup-go", "actions/setup-node", "actions/setup-python", "actions/setup-java", "actions/setup-dotnet",
	"actions/cache", "actions/cache/restore", "actions/cache/save", "actions/upload-artifact", "actions/download-artifact",
	"ruby/setup-ruby", "docker/setup-buildx-action", "docker/setup-qemu-action",
}

// reachesUnknown tells whether an action that is not known gets the token.
func (c *checker) reachesUnknown(j *actionlint.Job) bool {
	return slices.ContainsFunc(j.Steps, func(s *actionlint.Step) bool {
		w := where{job: j, step: s}
		return w.action() != nil && !slices.Contains(writesNothing, w.uses())
	})
}

// mayUse tells whether a script can write with a permission: one that has the
// token, or for contents what checkout leaves of it. An identity is asked for
// by any program.
func (c *checker) mayUse(j *actionlint.Job, scope string) bool {
	scripts, checkout := false, false
	for _, s := range j.Steps {
		w := where{job: j, step: s}
		scripts = scripts || w.run() != nil
		checkout = checkout || w.uses() == "actions/checkout" && w.input("persist-credentials") != "false"
		if w.run() != nil && (hasToken(w.script()) || hasToken(envText(s.Env))) {
			return true
		}
	}
	switch {
	case !scripts:
		return false
	case scope == "id-token" || scope == "contents" && checkout:
		return true
	}
	return hasToken(envText(c.flow.Env)) || hasToken(envText(j.Env))
}

// hasToken tells whether a text has the job's token, or any other's.
func hasToken(text string) bool {
	return strings.Contains(text, "github.token") || strings.Contains(text, "github['token']") || secretUsed().MatchString(text)
}

func envText(e *actionlint.Env) string {
	if e == nil {
		return ""
	}
	if e.Expression != nil {
		return e.Expression.Value
	}
	var b strings.Builder
	for _, v := range vars(e) {
		fmt.Fprintln(&b, v.Value.Value)
	}
	return b.String()
}

// vars are the variables of an "env", sorted.
func vars(e *actionlint.Env) (all []*actionlint.EnvVar) {
	if e == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(e.Vars)) {
		if v := e.Vars[name]; v.Name != nil && v.Value != nil {
			all = append(all, v)
		}
	}
	return all
}
