package pipeline

import "github.com/sluice-ci/sluice/internal/sarif"

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
	// Examined counts what was looked at: {"packages", 12}. A report that
	// examined nothing proves nothing, and does not pass.
	Examined []Count `json:"examined,omitempty"`
	// Notes are facts worth a line to the user: "vulnerability data is 97 days old".
	Notes []string `json:"notes,omitempty"`
	// Values are small results that later stages read: {"digest": "sha256:…"}.
	Values map[string]string `json:"values,omitempty"`
}

// DataModified names the value of a report that rests on data which ages: when
// the newest of it was changed, in RFC 3339.
const DataModified = "modified"

// Tool is a program or library that made a report.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Count is a number of things of one kind.
type Count struct {
	What string `json:"what"` // plural: "packages", "commits"
	N    int    `json:"n"`
}
