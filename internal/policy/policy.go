// Package policy decides what a stage's findings mean: whether its gate opens.
// It is pure: the same findings, gates and day give the same decision.
package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// Gate is what a stage's findings are held to. The zero value lets nothing
// through: it shuts for any finding.
type Gate struct {
	// Fail is the least severity for which the gate shuts; 0 is any.
	Fail sarif.Severity `json:"fail,omitempty"`
	// Never keeps the gate open whatever is found.
	Never bool `json:"never,omitempty"`
	// Reach is, for findings about vulnerable components, how near to being
	// executed they must be; it then decides in place of Fail.
	Reach sarif.Reach `json:"reach,omitempty"`
	// MaxAge is how old the data may be that the findings rest on; 0 is any age.
	MaxAge time.Duration `json:"maxAge,omitempty"` // nanoseconds
}

// Gates are the gates of stages, by name. A stage that has none of its own lets
// nothing through.
type Gates map[string]Gate

// Policy is all that decides: the gates, and what they let be.
type Policy struct {
	// Source is the commit whose configuration this is; "" is the work tree.
	Source     string     `json:"source,omitempty"`
	Gates      Gates      `json:"gates"`
	Exceptions Exceptions `json:"exceptions,omitempty"`
	Baselines  Baselines  `json:"baselines,omitempty"`
}

// Decide holds a stage's evidence to its gate, without what an exception
// covers on that day, and without what is not new. What several tools saw is
// one finding.
func (p Policy) Decide(stage string, e Evidence, now time.Time, strict bool) Decision {
	e.Findings = sarif.Merge(e.Findings)
	excepted := p.Exceptions.mark(e.Findings, now)
	compared := p.Baselines.mark(stage, e.Findings, now)
	d := p.Gates[stage].Decide(e, now, strict)
	d.Findings, d.Warnings = e.Findings, slices.Concat(excepted, compared, d.Warnings)
	if n := d.unchanged(); n > 0 {
		d.Warnings = append(d.Warnings, fmt.Sprintf("not new, and let be: %d", n))
	}
	return d
}

// Decision is what a gate makes of findings.
type Decision struct {
	Blocking []sarif.Finding
	Findings []sarif.Finding // all, those that are let be with their suppression
	Warnings []string
	// Unproven is why the absence of findings proves nothing; "" when it does.
	Unproven string
	Remedy   string
}

// unchanged counts the findings that are let be for not being new.
func (d Decision) unchanged() (n int) {
	for _, f := range d.Findings {
		if f.Baseline == sarif.Unchanged && f.Suppression == nil {
			n++
		}
	}
	return n
}

// Evidence is what a stage saw.
type Evidence struct {
	Findings []sarif.Finding
	// DataModified is the day of the newest entry in the data that the stage
	// compared with; zero for stages that use none.
	DataModified time.Time
}

// Decide holds the evidence to the gate. When strict, evidence that rests on
// old data can shut a gate but cannot open it.
func (g Gate) Decide(e Evidence, now time.Time, strict bool) Decision {
	d := Decision{Blocking: slices.DeleteFunc(slices.Clone(e.Findings), func(f sarif.Finding) bool { return !g.shutsFor(f) })}
	text := g.stale(e.DataModified, now)
	switch {
	case text == "":
	case strict:
		d.Unproven, d.Remedy = text, "make newer data reachable (the vulndb setting in sluice.yaml says from where), or raise gates.deps.max_age"
	default:
		d.Warnings = append(d.Warnings, text)
	}
	return d
}

// stale is why data of this age proves nothing; "" when it does.
func (g Gate) stale(modified, now time.Time) string {
	age := now.Sub(modified)
	switch {
	case g.MaxAge == 0 || g.Never:
		return ""
	case modified.IsZero():
		return "how old the vulnerability data is cannot be told"
	case age > g.MaxAge:
		return fmt.Sprintf("the vulnerability data is %d days old, and may be %d", days(age), days(g.MaxAge))
	}
	return ""
}

func (g Gate) shutsFor(f sarif.Finding) bool {
	switch {
	case g.Never || f.Unfixed || f.Suppression != nil || f.Baseline == sarif.Unchanged:
		return false
	case g.Reach != "" && f.Reach != "":
		return f.Reach.AtLeast(g.Reach)
	default:
		return f.Severity >= g.Fail
	}
}

// Laxer tells whether the gate lets something pass that another does not.
func (g Gate) Laxer(than Gate) bool {
	switch {
	case g.Never || than.Never:
		return g.Never && !than.Never
	case g.Fail > than.Fail || g.Reach != than.Reach && g.Reach.AtLeast(than.Reach):
		return true
	}
	return than.MaxAge != 0 && (g.MaxAge == 0 || g.MaxAge > than.MaxAge)
}

func days(d time.Duration) int { return int(d / (24 * time.Hour)) }
