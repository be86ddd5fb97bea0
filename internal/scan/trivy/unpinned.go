package trivy

import (
	"path"
	"regexp"
	"slices"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

// requirementsTool is who makes findings about what cannot be looked up.
const requirementsTool = "sluice-requirements"

// Rules about what cannot be looked up.
const (
	unpinnedRule  = "requirement-unpinned"
	elsewhereRule = "requirement-elsewhere"
	unreadRule    = "requirement-unread"
)

// requirementRules explains them.
func requirementRules() map[string]sarif.Rule {
	all := map[string]sarif.Rule{}
	add := func(id, name, why, fix string) {
		all[id] = sarif.Rule{ID: id, Tool: requirementsTool, Name: name, Why: why, Fix: fix, URI: "https://pip.pypa.io/en/stable/topics/repeatable-installs/"}
	}
	add(unpinnedRule, "Requirement without a version", "Which version is installed is decided elsewhere and later, so nobody can say whether it has known vulnerabilities.",
		"Pin it (name==version), or commit what pins all: what pip freeze or pip-compile writes, poetry.lock, uv.lock, Pipfile.lock or pylock.toml.")
	add(elsewhereRule, "Requirement from elsewhere than an index", "What is at an address is in no database of vulnerabilities.",
		"Take a release from the index; where there is none, say in an exception how the package is watched.")
	add(unreadRule, "Requirements that cannot be read", "What a program requires is known only when it is run, and conda's packages are in no database that is asked.",
		"Commit what pins all: what pip freeze or pip-compile writes, poetry.lock or uv.lock.")
	return all
}

// asideName is what files, or their folders, are called whose packages are for
// working on a service.
var asideName = regexp.MustCompile(`(?i)(?:^|/)` + asideWords + `/|(?:^|[-_./])` + asideWords + `(?:[-_.][^/]*)?$`)

const asideWords = `(?:dev|develop|development|test|tests|testing|lint|linting|docs?|ci|typing)`

// aside tells whether a requirement is for working on the service, and none of its
// own: by its group, or by the file's name unless another file includes that.
func (m *manifests) aside(q requirement) bool {
	shipped := func(f manifest) bool {
		return slices.Contains(f.includes, q.file) && !asideName.MatchString(f.name)
	}
	return q.aside || asideName.MatchString(q.file) && !slices.ContainsFunc(m.files, shipped)
}

// report adds a finding for each requirement that cannot be looked up. Those that are
// not shipped are as far from being executed as a module that nothing imports.
func (m *manifests) report(dir string, r *pipeline.Report) {
	groups := m.groups()
	add := func(rule string, all []requirement) {
		for _, q := range all {
			if rule != elsewhereRule && m.covered(q, groups) {
				continue
			}
			at := path.Join(dir, q.file)
			f := sarif.Finding{
				Rule: rule, Tool: requirementsTool, Stage: depsStage, Severity: sarif.Medium, Message: clean(q.text, maxReason) + " cannot be looked up",
				Location: sarif.Location{Path: at, Line: q.line}, Identity: at + " " + clean(q.text, maxReason),
			}
			if m.aside(q) {
				f.Severity, f.Reach = sarif.Low, sarif.Required
			}
			r.Findings = append(r.Findings, f)
		}
	}
	add(unpinnedRule, m.unpinned)
	add(elsewhereRule, m.elsewhere)
	add(unreadRule, m.unread)
	r.Findings = sarif.Merge(r.Findings)
	r.Rules = append(r.Rules, scan.Rules(requirementRules(), r.Findings)...)
}
