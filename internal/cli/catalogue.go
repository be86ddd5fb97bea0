package cli

import (
	"cmp"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/policy"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
	locked "github.com/sluice-ci/sluice/internal/tool"
)

// family is the rules of one tool by which a stage is answered, of those whose
// names begin alike.
type family struct {
	Stage   string       `json:"stage"`
	Tool    string       `json:"tool"`
	Version string       `json:"version,omitempty"` // pinned, linked in or taken from PATH; "" is this program's own
	Gate    string       `json:"gate"`              // what shuts it, unless sluice.yaml says otherwise
	Rules   []sarif.Rule `json:"rules"`
}

// linked are the modules that tools are linked in from.
var linked = map[string]string{
	"vet": "golang.org/x/tools", "staticcheck": "honnef.co/go/tools", "gosec": "github.com/securego/gosec/v2",
	"gitleaks": "github.com/zricethezav/gitleaks/v8", "govulncheck": "golang.org/x/vuln", "actionlint": "github.com/rhysd/actionlint",
}

// families are all rules, in the order of the stages.
func families() (all []family) {
	gates := config.DefaultGates()
	for _, sc := range scanners() {
		c, ok := sc.(scan.Catalogue)
		if !ok {
			continue
		}
		rules := c.Rules()
		for _, stage := range stagesOf(rules) {
			for _, r := range rules[stage] {
				i := slices.IndexFunc(all, func(f family) bool {
					return f.Stage == stage && f.Tool == r.Tool && prefix(f.Rules[0].ID) == prefix(r.ID)
				})
				if i < 0 {
					i = len(all)
					all = append(all, family{Stage: stage, Tool: r.Tool, Version: toolVersion(r.Tool), Gate: gateText(gates[stage])})
				}
				all[i].Rules = append(all[i].Rules, r)
			}
		}
	}
	return all
}

// stagesOf are the stages of a catalogue, those of lint before those of sast.
func stagesOf(rules map[string][]sarif.Rule) (stages []string) {
	for stage := range rules {
		stages = append(stages, stage)
	}
	slices.Sort(stages)
	return stages
}

// prefix is what a family's names have in common: the capitals before a number.
// Names without one are a family, too.
func prefix(id string) string {
	letters := strings.TrimRight(id, "0123456789*")
	if letters == id || letters != strings.ToUpper(letters) {
		return ""
	}
	return letters
}

func toolVersion(tool string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok || linked[tool] == "" {
		return locked.Locked(tool)
	}
	for _, m := range info.Deps {
		if m.Path == linked[tool] {
			return m.Version
		}
	}
	return ""
}

func gateText(g policy.Gate) string {
	switch {
	case g.Never:
		return "never"
	case g.Reach != "" && g.Fail != 0: // of vulnerabilities the one counts, of other findings the other
		return string(g.Reach) + ", " + g.Fail.String()
	case g.Reach != "":
		return string(g.Reach)
	case g.Fail == 0:
		return "any"
	}
	return g.Fail.String()
}

// maxListed is how many rules without a number are named.
const maxListed = 6

// names are the rules of a family, shortly.
func (f family) names() string {
	var ids []string
	for _, r := range f.Rules {
		ids = append(ids, r.ID)
	}
	switch {
	case len(ids) == 1:
		return ids[0]
	case prefix(ids[0]) != "":
		return fmt.Sprintf("%s to %s (%d)", ids[0], ids[len(ids)-1], len(ids))
	case len(ids) > maxListed:
		return fmt.Sprintf("%s and %d more", strings.Join(ids[:maxListed-1], ", "), len(ids)-maxListed+1)
	}
	return strings.Join(ids, ", ")
}

// listRules is "sluice explain".
func (a *app) listRules() error {
	all := families()
	if a.json {
		return a.printJSON(map[string]any{"families": all})
	}
	fmt.Fprintf(a.Stdout, "%-11s %-24s %-16s %s\n", "stage", "tool", "fails at", "rules")
	for _, f := range all {
		fmt.Fprintf(a.Stdout, "%-11s %-24s %-16s %s\n", f.Stage, strings.TrimSpace(f.Tool+" "+f.Version), f.Gate, f.names())
	}
	fmt.Fprintln(a.Stdout, "\nsluice explain RULE says what a rule means and what to do.")
	return nil
}

// ruleNamed finds a rule of any scanner.
func ruleNamed(id string) (sarif.Rule, bool) {
	var best sarif.Rule
	for _, f := range families() {
		for _, r := range f.Rules {
			open, isOpen := strings.CutSuffix(r.ID, "*")
			if strings.EqualFold(r.ID, id) {
				return r, true
			}
			if isOpen && strings.HasPrefix(strings.ToLower(id), strings.ToLower(open)) && len(r.ID) > len(best.ID) {
				best = r
			}
		}
	}
	return best, best.ID != ""
}

func (a *app) explainRule(r sarif.Rule) error {
	if a.json {
		return a.printJSON(map[string]any{"rule": r})
	}
	fmt.Fprintf(a.Stdout, "%s %s: %s\n", r.Tool, r.ID, cmp.Or(r.Name, r.ID))
	for _, line := range []string{r.Why, r.Fix, r.URI} {
		if line != "" {
			fmt.Fprintln(a.Stdout, "  "+line)
		}
	}
	return nil
}
