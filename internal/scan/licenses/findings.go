package licenses

import (
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// The rules. That of a denied licence names it after a slash, so that an exception
// is for one licence.
const (
	ruleDenied  = "license-denied"
	ruleUnknown = "license-unknown"
)

// maxShown is how many bytes of names from outside a message has of each kind.
const maxShown = 600

// place knows where the service is.
type place struct{ root, dir string }

// findings are what is to be said against what is shipped, at most one a part.
func (t terms) findings(all []known, at place) (findings []sarif.Finding, rules []sarif.Rule) {
	mod := at.goMod()
	for _, k := range all {
		f, ok := t.finding(k)
		if !ok {
			continue
		}
		f.Location = at.location(k, mod)
		findings = append(findings, f)
		if rule := explain(f.Rule); !slices.ContainsFunc(rules, func(r sarif.Rule) bool { return r.ID == rule.ID }) {
			rules = append(rules, rule)
		}
	}
	return findings, rules
}

// finding is without its place. A module of the repository that has no licence of its
// own is under the repository's.
func (t terms) finding(k known) (sarif.Finding, bool) {
	s := t.standing(k.license)
	f := sarif.Finding{Tool: "sluice", Stage: Stage}
	switch {
	case len(s.denied) > 0:
		f.Rule, f.Severity = ruleDenied+"/"+unfit.ReplaceAllString(strings.Join(s.denied, "/"), "-"), sarif.High
		f.Message = fmt.Sprintf("%s is under %s, %s", shown(k), clip(strings.Join(s.denied, " AND ")), s.why)
	case len(k.files) == 0 && k.local != "" && len(k.chain) > 0 && len(k.unclear) == 1 && k.unclear[0] == noFile:
		return f, false
	case len(k.unclear) > 0:
		f.Rule, f.Severity = ruleUnknown, sarif.Medium
		f.Message = fmt.Sprintf("the licence of %s cannot be told: %s", shown(k), clip(strings.Join(k.unclear, "; ")))
	case len(s.unjudged) > 0:
		f.Rule, f.Severity = ruleUnknown, sarif.Medium
		f.Message = fmt.Sprintf("%s is under %s, which neither gates.licenses in sluice.yaml lists nor Sluice", shown(k), clip(strings.Join(s.unjudged, " AND ")))
	default:
		return f, false
	}
	if len(k.files) > 0 && (len(s.denied) > 0 || len(k.unclear) == 0) {
		f.Message += " (" + clip(strings.Join(k.files, ", ")) + ")"
	}
	f.Identity = k.name
	if len(k.chain) > 0 {
		f.Module, f.Identity = k.name, k.chain[len(k.chain)-1]
		f.Message += "; it comes by " + clip(strings.Join(k.chain, " → "))
	}
	f.Identity += " " + orUnknown(k.license)
	return f, true
}

// unfit are the characters that the name of a rule cannot have.
var unfit = regexp.MustCompile(`[^-A-Za-z0-9_./]+`)

func shown(k known) string { return clip(strings.Replace(k.name, "@", " ", 1)) }

// clip makes one short line of what is from outside.
func clip(text string) string {
	text = strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text), "?")
	if len(text) <= maxShown {
		return text
	}
	return strings.ToValidUTF8(text[:maxShown], "") + "…"
}

// goMod is the service's go.mod; nil when it cannot be read, which others tell.
func (p place) goMod() *modfile.File {
	text, err := readSmall(filepath.Join(p.dir, "go.mod"))
	if err != nil {
		return nil
	}
	f, err := modfile.Parse("go.mod", text, nil)
	if err != nil {
		return nil
	}
	return f
}

// location is where a part was brought in: the line of go.mod by which the first of
// its chain was, or the file with the licence of copied code.
func (p place) location(k known, mod *modfile.File) sarif.Location {
	if k.at.Path != "" {
		return k.at
	}
	if len(k.chain) == 0 {
		file := k.name
		if len(k.files) > 0 {
			file = path.Join(k.name, k.files[0])
		}
		return sarif.Location{Path: file}
	}
	at := sarif.Location{Path: "go.mod"}
	if rel, err := filepath.Rel(p.root, filepath.Join(p.dir, "go.mod")); err == nil {
		at.Path = filepath.ToSlash(rel)
	}
	if mod == nil {
		return at
	}
	for _, name := range k.chain[1:] {
		for _, r := range mod.Require {
			if r.Mod.Path == name {
				at.Line = r.Syntax.Start.Line
				return at
			}
		}
	}
	if k.name == goItself && mod.Go != nil {
		at.Line = mod.Go.Syntax.Start.Line
	}
	return at
}

// explain is what a rule means and what to do.
func explain(id string) sarif.Rule {
	if id == ruleUnknown {
		return sarif.Rule{ID: id, Tool: "sluice", Name: "A licence that cannot be told",
			Why: "What nobody has licensed may not be shipped, and what is licensed by a text that is not known may be under any terms.",
			Fix: "read the text; then write an exception that says who has read it, or do without the module. A licence by an SPDX identifier can be listed in gates.licenses.allow or deny"}
	}
	return sarif.Rule{ID: id, Tool: "sluice", Name: "A licence that is not let through: " + strings.TrimPrefix(id, ruleDenied+"/"),
		Why: "Its terms hold for the whole program, or forbid uses of it: by shipping it one agrees to them.",
		Fix: "do without the module, or have its owner license it otherwise; if the terms are agreed to, list the licence in gates.licenses.allow, or write an exception for the module",
		URI: "https://spdx.org/licenses/"}
}

// Rules implements scan.Catalogue.
func (Scanner) Rules() map[string][]sarif.Rule {
	return map[string][]sarif.Rule{Stage: {explain(ruleDenied + "/*"), explain(ruleUnknown)}}
}
