// Package sarif holds what scanners find, in the terms of SARIF 2.1.0, and
// reads and writes the part of that format that Sluice uses.
//
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
package sarif

import (
	"fmt"
	"strings"
)

// Severity orders findings by how much they matter. It is the scale that gates
// are set on, and the source of GitHub's "security-severity" property.
type Severity int

// The severities, least first.
const (
	Low Severity = iota + 1
	Medium
	High
	Critical
)

var severityNames = map[Severity]string{Low: "low", Medium: "medium", High: "high", Critical: "critical"}

func (s Severity) String() string {
	if n, ok := severityNames[s]; ok {
		return n
	}
	return "unknown"
}

// ParseSeverity reads a severity by its name, in any case.
func ParseSeverity(name string) (Severity, error) {
	for s, n := range severityNames {
		if strings.EqualFold(n, name) {
			return s, nil
		}
	}
	return 0, fmt.Errorf("unknown severity %q (want low, medium, high or critical)", name)
}

// MarshalText writes the severity's name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads the severity's name.
func (s *Severity) UnmarshalText(b []byte) error {
	v, err := ParseSeverity(string(b))
	if err == nil {
		*s = v
	}
	return err
}

// Reach says how near a vulnerable component is to being executed.
type Reach string

// The kinds of reach, from the weakest claim to the strongest.
const (
	Required  Reach = "required"  // the module is in the build list
	Imported  Reach = "imported"  // the vulnerable package is linked in
	Reachable Reach = "reachable" // a vulnerable symbol is called
)

// reachOrder is from the weakest claim to the strongest.
var reachOrder = map[Reach]int{Required: 1, Imported: 2, Reachable: 3}

// AtLeast tells whether r is as strong a claim as least, or stronger.
func (r Reach) AtLeast(least Reach) bool { return reachOrder[r] >= reachOrder[least] }

// Location is a place in a file of the repository.
type Location struct {
	// Path is relative to the project's root, the folder of its sluice.yaml,
	// with slashes; what lies beside that begins with "../". For something inside
	// an image it is "image:/path".
	Path      string `json:"path"`
	Line      int    `json:"line,omitempty"` // from 1; 0 when the finding is of the whole file
	Column    int    `json:"column,omitempty"`
	EndLine   int    `json:"endLine,omitempty"`
	EndColumn int    `json:"endColumn,omitempty"`
	// Commit is the revision in which Path is meant, when not the work tree.
	Commit string `json:"commit,omitempty"`
	Note   string `json:"note,omitempty"` // what happens here, in a trace
}

func (l Location) String() string {
	s := l.Path
	if l.Line > 0 {
		s += fmt.Sprintf(":%d", l.Line)
		if l.Column > 0 {
			s += fmt.Sprintf(":%d", l.Column)
		}
	}
	if len(l.Commit) > 12 {
		s += " (commit " + l.Commit[:12] + ")"
	}
	return s
}

// Finding is one defect that a scanner saw: SARIF's "result".
type Finding struct {
	Rule     string   `json:"rule"`  // SARIF ruleId: "SA1019", "G201", "GO-2024-2687"
	Tool     string   `json:"tool"`  // who saw it: "staticcheck"
	Stage    string   `json:"stage"` // which question it answers: "lint"
	Message  string   `json:"message"`
	Severity Severity `json:"severity"`
	Location Location `json:"location"`
	CWE      []int    `json:"cwe,omitempty"`

	// Class names the defect where several tools have rules of their own for
	// it: findings at one line with one class are one finding.
	Class string `json:"class,omitempty"`
	// Aliases are the other names of an advisory: CVE, GHSA. Findings that
	// share a name of an advisory, in one module, are one finding.
	Aliases []string `json:"aliases,omitempty"`
	Module  string   `json:"module,omitempty"` // the vulnerable component: "example.com/m@v1.2.3"
	Reach   Reach    `json:"reach,omitempty"`
	// Unfixed is set for a vulnerability of which no version is known that has it
	// not: no gate shuts for what nobody can repair yet.
	Unfixed bool `json:"unfixed,omitempty"`
	// Trace is the way from the user's code to the defect, when there is one.
	Trace []Location `json:"trace,omitempty"`
	// Why and Fix are of this finding, when the rule's own do not say enough.
	Why string `json:"why,omitempty"`
	Fix string `json:"fix,omitempty"`

	// Identity is what makes this the same defect when the file around it
	// moves. Adapters set it to something that does not depend on the place
	// (an advisory and a module, a test's name, the flagged line's text).
	Identity string `json:"identity,omitempty"`
	// AlsoSeenBy are "tool rule" pairs of other findings merged into this one.
	AlsoSeenBy []string `json:"alsoSeenBy,omitempty"`
	// Suppression is why the finding is let be; nil when it is not. Only the
	// policy sets it, but for findings that a comment in the code switches off.
	Suppression *Suppression `json:"suppression,omitempty"`
	// Baseline is whether the finding was there before; "" where nothing is
	// known of before. Only the policy sets it.
	Baseline BaselineState `json:"baseline,omitempty"`
}

// BaselineState compares a finding with those of an earlier state of the code
// (SARIF 2.1.0, 3.27.24).
type BaselineState string

// The states that Sluice uses.
const (
	New       BaselineState = "new"
	Unchanged BaselineState = "unchanged"
)

// Suppression is why a finding is let be (SARIF 2.1.0, 3.35): an accepted
// exception, or a comment in the code.
type Suppression struct {
	Reason  string `json:"reason"`
	Owner   string `json:"owner,omitempty"`   // of an exception
	Expires string `json:"expires,omitempty"` // the last day of an exception, as 2027-01-31
	// InSource is set for a comment in the code.
	InSource bool `json:"inSource,omitempty"`
}

func (s Suppression) String() string {
	if s.InSource {
		return s.Reason
	}
	return s.Reason + " (" + s.Owner + ", until " + s.Expires + ")"
}

// Rule explains a kind of finding: SARIF's "reportingDescriptor".
type Rule struct {
	ID   string `json:"id"`
	Tool string `json:"tool"`
	Name string `json:"name,omitempty"`
	Why  string `json:"why,omitempty"` // why it matters, a sentence or two
	Fix  string `json:"fix,omitempty"` // what to do, in the imperative
	URI  string `json:"uri,omitempty"`
	CWE  []int  `json:"cwe,omitempty"`
}
