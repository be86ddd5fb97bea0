package sarif

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
)

// Fingerprint names a finding's defect independently of the place in the file:
// the same value means the same defect. An advisory in a module is one defect
// whatever the advisory is called, whichever version the module has, and
// wherever it was seen. It is written as the partial fingerprint "sluice/v1"
// (SARIF 2.1.0, 3.27.17).
func (f Finding) Fingerprint() string {
	if f.Module != "" {
		return digest("advisory", f.advisory(), f.component())
	}
	what := f.Class
	if what == "" {
		what = f.Rule
	}
	identity := f.Identity
	if identity == "" {
		identity = f.Location.Path + "\x00" + f.Message
	}
	return digest(what, identity)
}

func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// component is the vulnerable module or package without its version.
func (f Finding) component() string {
	path, _, _ := strings.Cut(f.Module, "@")
	return path
}

// advisory is the one name of an advisory that all scanners know it by: the
// first of its CVE ids, else of its GHSA ids, else of all.
func (f Finding) advisory() string {
	names := append([]string{f.Rule}, f.Aliases...)
	for i := range names {
		names[i] = strings.ToUpper(names[i])
	}
	slices.Sort(names)
	for _, kind := range []string{"CVE-", "GHSA-"} {
		if i := slices.IndexFunc(names, func(n string) bool { return strings.HasPrefix(n, kind) }); i >= 0 {
			return names[i]
		}
	}
	return names[0]
}

// ID is a short name of the finding, to type.
func (f Finding) ID() string { return f.Fingerprint()[:8] }

// Merge makes one finding of those that are the same defect seen by several
// tools or stages. The first stays, and says who else saw it.
func Merge(findings []Finding) []Finding {
	merged := slices.Grow([]Finding(nil), len(findings))
	at := make(map[string]int, len(findings)) // name of a defect → index in merged
	for _, f := range findings {
		names := f.names()
		i := slices.IndexFunc(names, func(n string) bool { _, ok := at[n]; return ok })
		if i < 0 {
			f.AlsoSeenBy = slices.Clone(f.AlsoSeenBy)
			merged = append(merged, f)
			for _, n := range names {
				at[n] = len(merged) - 1
			}
			continue
		}
		first := at[names[i]]
		merged[first] = merged[first].with(f)
		for _, n := range names {
			at[n] = first
		}
	}
	return merged
}

// names are all that the same defect would be called if it were seen again: an
// advisory by each of its aliases, a defect in code by its place and class.
func (f Finding) names() (names []string) {
	if f.Module != "" {
		for _, alias := range append([]string{f.Rule}, f.Aliases...) {
			names = append(names, "advisory "+strings.ToUpper(alias)+" "+f.component())
		}
		return names
	}
	place := f.Location.Path + ":" + strconv.Itoa(f.Location.Line) + " " + f.Location.Commit + " "
	names = append(names, place+strconv.Itoa(f.Location.Column)+" "+f.Tool+" "+f.Rule+" "+f.Message)
	if f.Class != "" {
		names = append(names, place+f.Class)
	}
	return names
}

// with adds to a finding what another sighting of the same defect knows.
func (f Finding) with(other Finding) Finding {
	if seen := other.Tool + " " + other.Rule; seen != f.Tool+" "+f.Rule && !slices.Contains(f.AlsoSeenBy, seen) {
		f.AlsoSeenBy = append(f.AlsoSeenBy, seen)
	}
	for _, alias := range other.Aliases {
		if alias != f.Rule && !slices.Contains(f.Aliases, alias) {
			f.Aliases = append(slices.Clone(f.Aliases), alias)
		}
	}
	if len(f.CWE) == 0 {
		f.CWE = other.CWE
	}
	f.Severity = max(f.Severity, other.Severity)
	if f.Reach != "" && other.Reach.AtLeast(f.Reach) && other.Reach != f.Reach {
		f.Reach, f.Trace = other.Reach, other.Trace // the stronger claim counts
	}
	f.Unfixed = f.Unfixed && other.Unfixed // who knows a version knows more
	if other.Suppression == nil {
		f.Suppression = nil // one that is not let be counts
	}
	if other.Baseline != Unchanged {
		f.Baseline = other.Baseline // and so does one that is new
	}
	return f
}
