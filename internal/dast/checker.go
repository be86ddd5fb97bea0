package dast

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

// checker is one check of one service.
type checker struct {
	ctx       context.Context
	base      *url.URL
	opts      Options
	transport *http.Transport

	requests int
	pages    int // that were read
	targets  []target
	shapes   map[string]bool // of the forms that were seen
	queue    []visit
	queued   map[string]bool // URLs, and their kinds
	kinds    map[string]bool // of the addresses that were asked for

	// The census: what there is to try, and what of it was tried.
	addresses, asked []string
	forms, checked   []string // by shape

	findings []sarif.Finding
	found    map[string]int // findings by identity: how many places more
	notes    []string
	gaps     []string // why the check is not whole
}

func newChecker(ctx context.Context, base *url.URL, opts Options) *checker {
	return &checker{
		ctx: ctx, base: base, opts: opts, transport: newTransport(),
		shapes: map[string]bool{}, queued: map[string]bool{}, kinds: map[string]bool{}, found: map[string]int{},
	}
}

// find notes a defect, once for a rule and what it is about: "" for the service
// as a whole. Other places of the same defect are counted.
func (c *checker) find(r rule, at, about, message string) {
	identity := r.id + " " + about
	if n, ok := c.found[identity]; ok {
		c.found[identity] = n + 1
		return
	}
	if len(c.findings) == maxFindings {
		c.note("only the first %d findings are kept", maxFindings)
		return
	}
	c.found[identity] = 0
	c.findings = append(c.findings, sarif.Finding{
		Rule: r.id, Tool: stage, Stage: stage, Message: message, Severity: r.severity, CWE: r.cwe,
		Location: sarif.Location{Path: at}, Identity: identity,
	})
}

func (c *checker) note(format string, args ...any) {
	c.notes = add(c.notes, fmt.Sprintf(format, args...))
}

// unproven notes why the check is not whole: it can then find, but not vouch.
func (c *checker) unproven(why string) { c.gaps = add(c.gaps, why) }

// add adds a text that is not there yet, up to the bound.
func add(texts []string, s string) []string {
	if slices.Contains(texts, s) || len(texts) == maxNotes {
		return texts
	}
	return append(texts, s)
}

func (c *checker) report() pipeline.Report {
	if c.pages == 0 {
		c.unproven("no page was found: the check is of HTML, and " + c.base.String() + " answers with none")
	}
	for i := range c.findings {
		f := &c.findings[i]
		if n := c.found[f.Identity]; n > 0 {
			f.Message += fmt.Sprintf(" (and %d answers more)", n)
		}
	}
	addresses, _ := scan.Census("addresses", c.addresses, c.asked) // why any was left out is among the gaps
	forms, _ := scan.Census("forms", c.forms, c.checked)           // likewise
	r := pipeline.Report{
		Stage: stage, Findings: c.findings, Rules: usedRules(c.findings), Tools: []pipeline.Tool{{Name: stage, Version: c.opts.Version}},
		Examined: []pipeline.Count{{What: "requests", N: c.requests}, {What: "pages", N: c.pages}, addresses, forms},
		Notes:    c.notes, NotRun: strings.Join(c.gaps, "; "),
	}
	if r.NotRun != "" {
		r.Remedy = "see the service's log and the log of this stage, and check again"
	}
	return r
}
