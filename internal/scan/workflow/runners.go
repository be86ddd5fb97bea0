package workflow

import (
	"slices"
	"strings"

	"github.com/rhysd/actionlint"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// ownOnly matches a condition that leaves out the pull requests of forks.
var ownOnly = lazily(`head\.repo\.(full_name|owner\.login|id)\s*==|head\.repo\.fork\s*(==|!=)|!\s*github\.event\.pull_request\.head\.repo\.fork|event_name\s*==\s*'(push|schedule|workflow_dispatch|release)'|event_name\s*!=\s*'pull_request`)

// runners tells of machines of somebody's own on which a stranger's code runs,
// and stays.
func (c *checker) runners() {
	if !c.on("pull_request", "pull_request_target", "issue_comment", "issues", "workflow_run", "discussion", "discussion_comment") {
		return
	}
	for _, j := range c.jobs() {
		if label := own(j.RunsOn); label != nil && (j.If == nil || !ownOnly().MatchString(j.If.Value)) {
			c.tell(found{selfHosted, sarif.Medium, label.Pos, where{job: j}, ""},
				"the job %s runs on a machine of your own (%s), and anybody can start it by a pull request or an issue when the repository is public", j.ID.Value, label.Value)
		}
	}
}

// own is the label by which a job asks for a machine that is not GitHub's.
func own(r *actionlint.Runner) *actionlint.String {
	if r == nil {
		return nil
	}
	i := slices.IndexFunc(r.Labels, func(l *actionlint.String) bool { return strings.EqualFold(l.Value, "self-hosted") })
	if i < 0 {
		return nil
	}
	return r.Labels[i]
}
