package sarif

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Fingerprint names a finding's defect independently of the place in the file:
// the same value means the same defect. It is written as the partial
// fingerprint "sluice/v1" (SARIF 2.1.0, 3.27.17).
func (f Finding) Fingerprint() string {
	what := f.Class
	if what == "" {
		what = f.Rule
	}
	identity := f.Identity
	if identity == "" {
		identity = f.Location.Path + "\x00" + f.Message
	}
	sum := sha256.Sum256([]byte(what + "\x00" + identity))
	return hex.EncodeToString(sum[:16])
}

// ID is a short name of the finding, to type.
func (f Finding) ID() string { return f.Fingerprint()[:8] }

// Merge makes one finding of those that are the same defect seen by several
// tools or stages. The first stays, and says who else saw it.
func Merge(findings []Finding) []Finding {
	var merged []Finding
	at := map[string]int{} // name of a defect → index in merged
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
		module, _, _ := strings.Cut(f.Module, "@")
		for _, alias := range append([]string{f.Rule}, f.Aliases...) {
			names = append(names, "advisory "+alias+" "+module)
		}
		return names
	}
	place := fmt.Sprintf("%s:%d %s ", f.Location.Path, f.Location.Line, f.Location.Commit)
	names = append(names, fmt.Sprintf("%s%d %s %s %s", place, f.Location.Column, f.Tool, f.Rule, f.Message))
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
	if other.Suppression == nil {
		f.Suppression = nil // one that is not let be counts
	}
	return f
}
