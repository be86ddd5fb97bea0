package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// MaxException is how long an exception may last, in days.
const MaxException = 366

// Exception lets a finding be, for a while, for a reason that somebody owns.
type Exception struct {
	// ID is what is let be: a finding's fingerprint, an advisory by any of its
	// names (GO, CVE, GHSA), or a rule.
	ID     string `json:"id"`
	Reason string `json:"reason"`
	Owner  string `json:"owner"`
	// Expires is the last day on which it holds, in UTC.
	Expires time.Time `json:"expires"`
	Path    string    `json:"path,omitempty"`    // a file, or a folder and all below; "" is any
	Package string    `json:"package,omitempty"` // a module, with or without @version; "" is any
}

// Exceptions are those of a configuration.
type Exceptions []Exception

// Holds tells whether the exception is still good on the day of a time.
func (x Exception) Holds(now time.Time) bool { return now.UTC().Before(x.Expires.AddDate(0, 0, 1)) }

// Covers tells whether the exception is about a finding, expired or not.
func (x Exception) Covers(f sarif.Finding) bool {
	return len(Exceptions{x}.byName().about(f)) > 0 && x.covers(f)
}

// covers tells whether a finding that the exception names is within its scope,
// expired or not.
func (x Exception) covers(f sarif.Finding) bool {
	return inPath(x.Path, f.Location.Path) && ofPackage(x.Package, f.Module)
}

// byName is where the exceptions are that name something, in small letters.
type byName map[string][]int

func (xs Exceptions) byName() byName {
	at := byName{}
	for i, x := range xs {
		at[strings.ToLower(x.ID)] = append(at[strings.ToLower(x.ID)], i)
	}
	return at
}

// about are the exceptions that name a finding, by any of its names.
func (at byName) about(f sarif.Finding) (found []int) {
	if len(at) == 0 {
		return nil
	}
	for _, name := range append([]string{f.Fingerprint(), f.Rule}, f.Aliases...) {
		found = append(found, at[strings.ToLower(name)]...)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func inPath(scope, path string) bool {
	return scope == "" || path == scope || strings.HasPrefix(path, strings.TrimSuffix(scope, "/")+"/")
}

func ofPackage(scope, module string) bool {
	path, _, _ := strings.Cut(module, "@")
	return scope == "" || scope == module || scope == path
}

// mark gives the findings that an exception lets be on a day their suppression.
// What an expired exception covers counts, and is told.
func (xs Exceptions) mark(findings []sarif.Finding, now time.Time) (warnings []string) {
	used, expired := map[int]int{}, map[int]int{}
	at := xs.byName()
	for i, f := range findings {
		findings[i].Suppression = nil // whatever a scanner says
		if x := xs.covering(at.about(f), f, now); x >= 0 && xs[x].Holds(now) {
			findings[i].Suppression = xs[x].suppression()
			used[x]++
		} else if x >= 0 {
			expired[x]++
		}
	}
	for i, x := range xs {
		if used[i] > 0 {
			warnings = append(warnings, fmt.Sprintf("let be: %s, %d×: %v", x.ID, used[i], x.suppression()))
		}
		if expired[i] > 0 {
			warnings = append(warnings, fmt.Sprintf("the exception for %s (%s) expired on %s, and no longer covers %d", x.ID, x.Owner, x.Expires.Format(time.DateOnly), expired[i]))
		}
	}
	return warnings
}

func (x Exception) suppression() *sarif.Suppression {
	return &sarif.Suppression{Reason: x.Reason, Owner: x.Owner, Expires: x.Expires.Format(time.DateOnly)}
}

// covering is the exception for a finding, among those about it: one that
// holds, else one that expired, else -1.
func (xs Exceptions) covering(about []int, f sarif.Finding, now time.Time) int {
	found := -1
	for _, i := range about {
		if !xs[i].covers(f) {
			continue
		}
		if xs[i].Holds(now) {
			return i
		}
		found = i
	}
	return found
}

// Unused are the exceptions that are about none of the findings.
func (xs Exceptions) Unused(findings []sarif.Finding) (unused Exceptions) {
	used, at := map[int]bool{}, xs.byName()
	for _, f := range findings {
		for _, i := range at.about(f) {
			used[i] = used[i] || xs[i].covers(f)
		}
	}
	for i, x := range xs {
		if !used[i] {
			unused = append(unused, x)
		}
	}
	return unused
}
