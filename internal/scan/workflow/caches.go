package workflow

import (
	"slices"
	"strings"

	"github.com/rhysd/actionlint"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// cacheInputs are the inputs by which actions restore what an earlier job has
// left; "" is of those that always do.
func cacheInputs() map[string]string {
	return map[string]string{
		"actions/cache": "", "actions/cache/restore": "", "swatinem/rust-cache": "",
		"actions/setup-node": "cache", "actions/setup-python": "cache", "actions/setup-java": "cache", "actions/setup-dotnet": "cache",
		"ruby/setup-ruby": "bundler-cache", "docker/build-push-action": "cache-from",
	}
}

// caches tells of a cache in a job that releases: any job of the branch, and
// whoever gets code to run in one, writes it.
func (c *checker) caches(w where) {
	what := c.released
	if what == "" {
		return
	}
	f := found{cacheShared, sarif.Medium, w.step.Pos, w, ""}
	input, ok := cacheInputs()[w.uses()]
	switch {
	case w.uses() == "actions/setup-go" && w.input("cache") != "false":
		if w.input("cache") == "" {
			f.severity = sarif.Low
		}
		c.tell(f, "%s restores what other jobs have left, in a job that has %s (cache: false switches it off)", w.uses(), what)
	case !ok || input != "" && (w.input(input) == "" || w.input(input) == "false"), strings.HasPrefix(w.input(input), "type=registry"):
	default:
		c.tell(f, "%s restores what other jobs have left, in a job that has %s", w.uses(), what)
	}
}

// releases is what makes a job one that others take something from; "" of
// others.
func (c *checker) releases(j *actionlint.Job) string {
	p := j.Permissions
	if p == nil {
		p = c.flow.Permissions
	}
	if p != nil {
		for _, name := range []string{"id-token", "packages", "attestations"} {
			if s := p.Scopes[name]; s != nil && s.Value != nil && s.Value.Value == "write" {
				return name + ": write"
			}
		}
	}
	i := slices.IndexFunc(j.Steps, func(s *actionlint.Step) bool { return c.where(j, s).publishes() != "" })
	if i < 0 {
		return ""
	}
	return "the step " + c.where(j, j.Steps[i]).publishes()
}
