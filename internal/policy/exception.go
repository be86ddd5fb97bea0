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
	return x.names(f) && inPath(x.Path, f.Location.Path) && ofPackage(x.Package, f.Module)
}

// names tells whether the exception names the finding, or another that was
// merged into it.
func (x Exception) names(f sarif.Finding) bool {
	if strings.EqualFold(x.ID, f.Fingerprint()) || strings.EqualFold(x.ID, f.Rule) {
		return true
	}
	return slices.ContainsFunc(f.Aliases, func(alias string) bool { return strings.EqualFold(x.ID, alias) })
}

func inPath(scope, path string) bool {
	return scope == "" || path == scope || strings.HasPrefix(path, strings.TrimSuffix(scope, "/")+"/")
}

func ofPackage(scope, module string) bool {
	path, _, _ := strings.Cut(module, "@")
	return scope == "" || scope == module || scope == path
}

// Apply returns the findings, those that an exception lets be on a day with
// their suppression. What an expired exception covers counts, and is told.
func (xs Exceptions) Apply(findings []sarif.Finding, now time.Time) (judged []sarif.Finding, warnings []string) {
	used, expired := map[int]int{}, map[int]int{}
	for _, f := range findings {
		f.Suppression = nil // whatever a scanner says
		if i := xs.covering(f, now); i >= 0 && xs[i].Holds(now) {
			f.Suppression = xs[i].suppression()
			used[i]++
		} else if i >= 0 {
			expired[i]++
		}
		judged = append(judged, f)
	}
	for i, x := range xs {
		if used[i] > 0 {
			warnings = append(warnings, fmt.Sprintf("let be: %s, %d×: %v", x.ID, used[i], x.suppression()))
		}
		if expired[i] > 0 {
			warnings = append(warnings, fmt.Sprintf("the exception for %s (%s) expired on %s, and no longer covers %d", x.ID, x.Owner, x.Expires.Format(time.DateOnly), expired[i]))
		}
	}
	return judged, warnings
}

func (x Exception) suppression() *sarif.Suppression {
	return &sarif.Suppression{Reason: x.Reason, Owner: x.Owner, Expires: x.Expires.Format(time.DateOnly)}
}

// covering is the exception for a finding: one that holds, else one that
// expired, else -1.
func (xs Exceptions) covering(f sarif.Finding, now time.Time) int {
	found := -1
	for i, x := range xs {
		if x.Covers(f) && (found < 0 || x.Holds(now)) {
			if found = i; x.Holds(now) {
				break
			}
		}
	}
	return found
}

// Unused are the exceptions that are about none of the findings.
func (xs Exceptions) Unused(findings []sarif.Finding) (unused Exceptions) {
	for _, x := range xs {
		if !slices.ContainsFunc(findings, x.Covers) {
			unused = append(unused, x)
		}
	}
	return unused
}
