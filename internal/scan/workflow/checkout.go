package workflow

import (
	"slices"
	"strings"

	"github.com/rhysd/actionlint"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// privileged are the events on which a stranger starts a workflow that has the
// repository's secrets and a token that may write.
func privileged() []string { return []string{"pull_request_target", "workflow_run", "issue_comment"} }

// strangers matches what names the code of a pull request.
var strangers = lazily(`(?i)github\.event\.pull_request\.(head\.|merge_commit_sha)|github\.head_ref|github\.event\.workflow_run\.(head_|pull_requests)|refs/pull/|\bpull/.*/(head|merge)|github\.event\.(number|pull_request\.number|issue\.number)`)

// fetched matches a command that gets the code of a pull request.
var fetched = lazily(`(?i)\bgh\s+pr\s+checkout\b|\bgit\s+(fetch|checkout|pull|clone|switch|reset)\b.*(\bpull/|refs/pull|github\.event\.pull_request\.head|github\.head_ref|github\.event\.workflow_run\.head_|\$\{?(PR_|HEAD_|GITHUB_HEAD))`)

// checkout tells of a stranger's code in a job that has secrets.
func (c *checker) checkout(w where) {
	if !c.on(privileged()...) || elsewhere(w.job.If) || elsewhere(w.step.If) {
		return
	}
	f := found{untrustedCheckout, sarif.Critical, w.step.Pos, w, ""}
	if w.uses() == "actions/checkout" {
		for _, input := range []string{"ref", "repository"} {
			v := w.inputAt(input)
			if v == nil || !strangers().MatchString(v.Value) && !c.fromOutside(w, v.Value) {
				continue
			}
			f.at, f.detail = v.Pos, input+" "+v.Value
			if branchOnly().MatchString(v.Value) && w.input("repository") == "" {
				f.severity = sarif.Medium // of the repository itself, or none
			}
			c.tell(f, "the code of a pull request is checked out (%s: %s) in a workflow that is started with the repository's secrets", input, clip(v.Value))
			return
		}
	}
	if r := w.run(); r != nil {
		for _, m := range fetched().FindAllStringIndex(r.Run.Value, 1) {
			f.at, f.detail = c.within(r.Run, m[0]), r.Run.Value[m[0]:m[1]]
			c.tell(f, "the code of a pull request is checked out (%s) in a workflow that is started with the repository's secrets", clip(r.Run.Value[m[0]:m[1]]))
		}
	}
}

// branchOnly matches the name of a pull request's branch, without its repository.
var branchOnly = lazily(`^\$\{\{\s*github\.(head_ref|event\.pull_request\.head\.ref|event\.workflow_run\.head_branch)\s*\}\}$`)

// ofEvent matches a condition that names the event.
var ofEvent = lazily(`event_name\s*==\s*'([a-z_]+)'`)

// elsewhere tells whether a condition holds on other events only.
func elsewhere(condition *actionlint.String) bool {
	if condition == nil {
		return false
	}
	for part := range strings.SplitSeq(condition.Value, "||") {
		m := ofEvent().FindStringSubmatch(part)
		if m == nil || slices.Contains(privileged(), m[1]) {
			return false
		}
	}
	return true
}

// fromOutside tells whether a value is chosen by a stranger, by whatever way.
func (c *checker) fromOutside(w where, text string) bool {
	for _, e := range expressions(text) {
		for _, way := range ways(e.node) {
			if s, ok := c.taints.at(w, way); ok && !s.input || strings.HasPrefix(way, "env.") && c.namesStrangers(w, strings.TrimPrefix(way, "env.")) {
				return true
			}
		}
	}
	return false
}

// namesStrangers tells whether a variable is set to the name of a stranger's code.
func (c *checker) namesStrangers(w where, name string) bool {
	for _, e := range w.envs(c) {
		for _, v := range vars(e) {
			if strings.EqualFold(v.Name.Value, name) {
				return strangers().MatchString(v.Value.Value)
			}
		}
	}
	return false
}
