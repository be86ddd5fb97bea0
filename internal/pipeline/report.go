package pipeline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// Report is what a worker saw for one stage, before any gate has judged it. It
// is what the cache keeps.
type Report struct {
	Stage    string          `json:"stage"`
	Findings []sarif.Finding `json:"findings,omitempty"`
	Rules    []sarif.Rule    `json:"rules,omitempty"` // those of Findings
	Tools    []Tool          `json:"tools,omitempty"` // who looked
	// NotRun is why the stage could not answer; "" when it did. Findings made
	// before it broke off are kept.
	NotRun string `json:"notRun,omitempty"`
	Remedy string `json:"remedy,omitempty"` // what to do about NotRun
	// NotApplicable is why the question does not arise for this service.
	NotApplicable string `json:"notApplicable,omitempty"`
	// Examined counts what was looked at: {"packages", 12, 12}. A report that
	// examined nothing proves nothing, and does not pass.
	Examined []Count `json:"examined,omitempty"`
	// SelfTest is what was planted for the scanner to find, and what it found.
	// The silence of a check that has none proves nothing.
	SelfTest *SelfTest `json:"selfTest,omitempty"`
	// InSource are findings that a comment in the code switches off ("#nosec").
	// They are told, and not judged.
	InSource []sarif.Finding `json:"inSource,omitempty"`
	// Notes are facts worth a line to the user: "vulnerability data is 97 days old".
	Notes []string `json:"notes,omitempty"`
	// Values are small results that later stages read: {"digest": "sha256:…"}.
	Values map[string]string `json:"values,omitempty"`
}

// DataModified names the value of a report that rests on data which ages: when
// the newest of it was changed, in RFC 3339.
const DataModified = "modified"

// NoData is the value of DataModified in a report that rests on none, although
// others of its stage do: an image in which there is nothing to look up.
const NoData = "none"

// Tool is a program or library that made a report.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// Unpinned is set when it is what the machine had, and not what Sluice's lock
	// of tools names. A strict run does not count what it says.
	Unpinned bool `json:"unpinned,omitempty"`
}

// Count is a number of things of one kind that a scanner examined.
type Count struct {
	What string `json:"what"` // plural: "packages", "commits"
	N    int    `json:"n"`
	// Of is how many there are by Sluice's own count, which makes this a
	// census; 0 when it has none.
	Of int `json:"of,omitempty"`
}

// SelfTest is what a scanner made of defects that were planted for it, under
// the configuration and with the data of its real work.
type SelfTest struct {
	Planted []string `json:"planted"` // rules, each of which has a defect
	Caught  []string `json:"caught"`  // those that the scanner found, where they are
}

// looked tells whether the report shows that something was examined.
func (r Report) looked() bool {
	for _, c := range r.Examined {
		if c.N > 0 {
			return true
		}
	}
	return len(r.Findings) > 0
}

// unproven is why a check's silence would prove nothing; "" when it would: it
// found what was planted, and it saw everything.
func (r Report) unproven() string {
	switch {
	case r.SelfTest == nil || len(r.SelfTest.Planted) == 0:
		return "it did not show by a self-test that it works"
	case len(r.SelfTest.missed()) > 0:
		return "it did not find what was planted for it: " + strings.Join(r.SelfTest.missed(), ", ")
	}
	counted := false
	for _, c := range r.Examined {
		if c.Of != 0 && c.N != c.Of {
			return fmt.Sprintf("it examined %d of %d %s", c.N, c.Of, c.What)
		}
		counted = counted || c.Of > 0
	}
	if !counted {
		return "it did not show by a census that it saw everything"
	}
	return ""
}

// Passed tells whether something was planted and all of it was found.
func (t SelfTest) Passed() bool { return len(t.Planted) > 0 && len(t.missed()) == 0 }

func (t SelfTest) missed() []string {
	return slices.DeleteFunc(slices.Clone(t.Planted), func(rule string) bool { return slices.Contains(t.Caught, rule) })
}
