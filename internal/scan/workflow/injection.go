package workflow

import (
	"strings"

	"github.com/rhysd/actionlint"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// programs are the inputs of actions that are executed as a script.
func programs() map[string][]string {
	return map[string][]string{
		"actions/github-script":      {"script"},
		"azure/cli":                  {"inlinescript"},
		"azure/powershell":           {"inlinescript"},
		"appleboy/ssh-action":        {"script"},
		"nick-fields/retry":          {"command"},
		"nick-invision/retry":        {"command"},
		"mikefarah/yq":               {"cmd"},
		"gradle/gradle-build-action": {"arguments"},
	}
}

// inject tells of scripts into which GitHub writes, before a shell reads them,
// what somebody else has chosen.
func (c *checker) inject(w where) {
	if r := w.run(); r != nil {
		c.injected(w, r.Run)
	}
	for _, name := range programs()[w.uses()] {
		if v := w.inputAt(name); v != nil {
			c.injected(w, v)
		}
	}
}

func (c *checker) injected(w where, script *actionlint.String) {
	for _, e := range expressions(script.Value) {
		for _, way := range ways(e.node) {
			s, ok := c.taints.at(w, way)
			if !ok {
				continue
			}
			f := found{injection, sarif.High, c.within(script, e.offset), w, way}
			if s.input {
				f.severity = sarif.Low // who starts it may write here, or answers for what it passes on
			}
			via := ""
			if !same(way, s.name) {
				via = " (" + s.name + ")"
			}
			c.tell(f, "${{ %s }} is written into the script before it is run, and whoever chooses it%s chooses what is executed", clip(strings.TrimSpace(e.text)), via)
			break
		}
	}
}

// clip shortens a text for a message.
func clip(s string) string {
	if r := []rune(s); len(r) > 80 {
		return string(r[:79]) + "…"
	}
	return s
}
