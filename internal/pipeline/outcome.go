package pipeline

import (
	"time"

	"github.com/sluice-ci/sluice/internal/cache"
	"github.com/sluice-ci/sluice/internal/sandbox"
	"github.com/sluice-ci/sluice/internal/sarif"
)

// Outcome is how a stage ended. There are four, and silence is not "passed".
type Outcome string

// The outcomes.
const (
	Passed        Outcome = "passed"
	Failed        Outcome = "failed"
	NotRun        Outcome = "not_run"
	NotApplicable Outcome = "not_applicable"
)

func (o Outcome) String() string {
	switch o {
	case NotRun:
		return "not run"
	case NotApplicable:
		return "not applicable"
	default:
		return string(o)
	}
}

// Result is what came of one stage in one run.
type Result struct {
	Stage string `json:"stage"`
	Job   string `json:"job"`
	// Jobs are those that answered a part of it each, where there are several.
	Jobs    []string `json:"jobs,omitempty"`
	Check   bool     `json:"check,omitempty"` // it passes only with a self-test and a census
	Outcome Outcome  `json:"outcome"`
	Reason  string   `json:"reason,omitempty"` // of an outcome other than passed; of failed, why there may be more
	Remedy  string   `json:"remedy,omitempty"`
	// Blocking are those of the report's findings for which the gate is shut.
	Blocking []sarif.Finding `json:"-"`
	Blocked  int             `json:"blocked,omitempty"` // how many
	Findings int             `json:"findings"`
	Warnings []string        `json:"warnings,omitempty"`

	Cached   bool          `json:"cached"`
	Key      string        `json:"key,omitempty"` // the cache's key: the hash of the inputs
	Inputs   []cache.Part  `json:"-"`             // the parts of Key
	Start    time.Duration `json:"start"`         // since the run's start, nanoseconds
	Elapsed  time.Duration `json:"elapsed"`       // nanoseconds
	Cost     time.Duration `json:"cost"`          // what it took when it was last done, nanoseconds
	Report   Report        `json:"-"`
	Tools    []Tool        `json:"tools,omitempty"`
	Examined []Count       `json:"examined,omitempty"`
	SelfTest *SelfTest     `json:"selfTest,omitempty"`
	Notes    []string      `json:"notes,omitempty"`
	Access   Access        `json:"access"`
	// Enforced is how strictly Access was.
	Enforced sandbox.Enforced `json:"enforced"`
}

// Verdict is what a gate makes of a report.
type Verdict struct {
	Blocking []sarif.Finding
	// Findings are the report's, with a suppression where one is let be; nil
	// is the report's as they are.
	Findings []sarif.Finding
	Warnings []string
	// NotRun is why the report does not count ("vulnerability data is 97 days
	// old"); "" when it does.
	NotRun string
	Remedy string
}

// Judge decides on a report. It is a pure function of it.
type Judge func(Report) Verdict

// Decide turns a report and its gate's verdict into a result. Anything that
// does not show that work was done is "not run"; a check must show besides that
// it works and that it saw everything. What was found shuts the gate in any case,
// and then the reason says why there may be more.
func Decide(report Report, verdict Verdict, check bool) Result {
	if verdict.Findings != nil {
		report.Findings = verdict.Findings
	}
	r := Result{Stage: report.Stage, Check: check, Outcome: Passed, Report: report, Findings: len(report.Findings), Blocking: verdict.Blocking, Blocked: len(verdict.Blocking),
		Warnings: verdict.Warnings, Tools: report.Tools, Examined: report.Examined, SelfTest: report.SelfTest, Notes: report.Notes}
	if report.NotApplicable != "" {
		r.Outcome, r.Reason = NotApplicable, report.NotApplicable
		return r
	}
	switch {
	case report.NotRun != "":
		r.Reason, r.Remedy = report.NotRun, report.Remedy
	case verdict.NotRun != "":
		r.Reason, r.Remedy = verdict.NotRun, verdict.Remedy
	case !report.looked():
		r.Reason = "it gave no proof that it looked at anything"
	case check:
		r.Reason = report.unproven()
	}
	if r.Reason != "" {
		r.Outcome = NotRun
	}
	if len(verdict.Blocking) > 0 {
		r.Outcome = Failed
	}
	return r
}

// Unseen is why a result does not say all: of a check that was not run, or that
// failed and did not look at everything. Of others it is "".
func (r Result) Unseen() string {
	if r.Outcome == NotRun || r.Outcome == Failed {
		return r.Reason
	}
	return ""
}
