package govuln

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/mod/semver"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// entry is the part of an OSV entry that tells which versions it is about.
type entry struct {
	advisory
	Withdrawn string `json:"withdrawn"`
	Severity  []struct {
		Score string `json:"score"`
	} `json:"severity"`
	Affected []struct {
		Package struct {
			Name string `json:"name"`
		} `json:"package"`
		Ranges []versions `json:"ranges"`
	} `json:"affected"`
}

// versions are what lies between events, in their order (ossf.github.io/osv-schema).
type versions struct {
	Events []struct {
		Introduced string `json:"introduced"`
		Fixed      string `json:"fixed"`
	} `json:"events"`
}

// has tells whether a version is among them.
func (r versions) has(version string) bool {
	in := false
	for _, e := range r.Events {
		switch {
		case e.Introduced == "0" || e.Introduced != "" && semver.Compare("v"+e.Introduced, version) <= 0:
			in = true
		case e.Fixed != "" && semver.Compare("v"+e.Fixed, version) <= 0:
			in = false
		}
	}
	return in
}

// concerns tells whether the entry is about a version of a module.
func (e entry) concerns(m goModule) bool {
	for _, a := range e.Affected {
		if a.Package.Name == m.path && (len(a.Ranges) == 0 || slices.ContainsFunc(a.Ranges, func(r versions) bool { return r.has(m.version) })) {
			return e.Withdrawn == ""
		}
	}
	return false
}

// replaced are findings about modules for which another, or a folder, stands
// in. Govulncheck looks up the name of what stands in, of which the data knows
// nothing: a line of go.mod or go.work would hide all that is known of a module.
func (p place) replaced(db database, known index) ([]sarif.Finding, []sarif.Rule, error) {
	var findings []sarif.Finding
	var rules []sarif.Rule
	for _, by := range slices.Sorted(maps.Keys(p.census.modules)) {
		m := p.census.modules[by]
		if m.replace == "" || m.replace == m.path {
			continue
		}
		for _, id := range known.about(m.path) {
			e, err := db.entry(id)
			if err != nil {
				return nil, nil, err
			}
			if !e.concerns(m) {
				continue
			}
			v := verdict{advisory: e.advisory, module: m.path, version: m.version, reach: sarif.Reachable}
			f, err := p.hidden(v, m, db)
			if err != nil {
				return nil, nil, err
			}
			findings, rules = append(findings, f), append(rules, v.rule())
		}
	}
	return findings, rules, nil
}

// hidden counts as reachable: nothing shows that it is not.
func (p place) hidden(v verdict, m goModule, db database) (sarif.Finding, error) {
	severity, err := db.severity(v.advisory.ID, v.reach)
	f := v.finding(DepsName, severity)
	f.Location = p.modLocation(m.path)
	f.Message = fmt.Sprintf("%s: %s: %s stands in for it, and whether that has the fix cannot be told", f.Module, v.summary(), clean(m.replace, 200))
	f.Fix = "do without the replacement; or, when it has the fix, require a version of " + m.path + " that has it too"
	return f, err
}

func (d database) entry(id string) (e entry, err error) {
	text, err := os.ReadFile(filepath.Join(d.path, "ID", filepath.Base(id)+".json"))
	if err == nil {
		err = json.Unmarshal(text, &e)
	}
	if err != nil {
		return e, fmt.Errorf("reading advisory %s: %w", id, err)
	}
	return e, nil
}
