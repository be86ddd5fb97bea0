package report

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
)

// Summary is what a run came to, with what is needed to explain it.
type Summary struct {
	Record   pipeline.Record
	Blocking []sarif.Finding // merged, those that shut a gate
	Rules    []sarif.Rule
	Folder   string // of the run, as the user may open it
	Serving  string // where the service answers; "" when it was not deployed
	Hints    []string
}

// maxNote is how much of a note is written, in characters; run.json has all.
const maxNote = 200

// maxShown is how many findings are written in full.
const maxShown = 50

// Write writes the end of a run: what blocked it, what could not be run, and
// what it cost.
func (s Style) Write(w io.Writer, sum Summary) {
	s.findings(w, sum)
	s.unproven(w, sum.Record.Results)
	s.warnings(w, sum.Record.Results, sum.Record.Notes)
	if sum.Serving != "" {
		fmt.Fprintf(w, "\n%s is serving at %s\n", sum.Record.Service, s.paint(bold, sum.Serving))
	}
	s.close(w, sum)
}

func (s Style) findings(w io.Writer, sum Summary) {
	if len(sum.Blocking) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", s.paint(red, count(len(sum.Blocking), "findings")+" shut a gate:"))
	for _, f := range sum.Blocking[:min(maxShown, len(sum.Blocking))] {
		s.Finding(w, f, sum.Rules)
	}
	if more := len(sum.Blocking) - maxShown; more > 0 {
		fmt.Fprintf(w, "\n  and %d more: sluice findings\n", more)
	}
}

// Finding writes one finding: where, which rule, why it matters, what to do.
func (s Style) Finding(w io.Writer, f sarif.Finding, rules []sarif.Rule) {
	rule := ruleOf(f, rules)
	fmt.Fprintf(w, "\n%s  %s\n", s.paint(bold, oneLine(f.Location.String())), oneLine(f.Message))
	about := []string{f.Stage, f.Severity.String(), f.Tool + " " + f.Rule}
	for _, n := range f.CWE {
		about = append(about, fmt.Sprintf("CWE-%d", n))
	}
	if f.Reach != "" {
		about = append(about, string(f.Reach))
	}
	about = append(about, f.Aliases...)
	if len(f.AlsoSeenBy) > 0 {
		about = append(about, "also seen by "+strings.Join(f.AlsoSeenBy, " and "))
	}
	fmt.Fprintln(w, "  "+s.paint(dim, plain(strings.Join(append(about, f.ID()), ", "))))
	if f.Baseline == sarif.Unchanged {
		fmt.Fprintf(w, "  %s%s\n", s.paint(dim, "let be  "), "it was there before")
	}
	if f.Suppression != nil {
		fmt.Fprintf(w, "  %s%s\n", s.paint(dim, "let be  "), oneLine(f.Suppression.String()))
	}
	for _, part := range []struct{ head, text string }{
		{"why  ", cmp.Or(f.Why, rule.Why)}, {"fix  ", cmp.Or(f.Fix, rule.Fix)}, {"call ", trace(f)}, {"see  ", rule.URI},
	} {
		if part.text != "" {
			var b strings.Builder
			indent(&b, "       ", part.text)
			fmt.Fprint(w, "  "+s.paint(dim, part.head)+strings.TrimPrefix(b.String(), "       "))
		}
	}
}

func ruleOf(f sarif.Finding, rules []sarif.Rule) sarif.Rule {
	i := slices.IndexFunc(rules, func(r sarif.Rule) bool { return r.ID == f.Rule && r.Tool == f.Tool })
	if i < 0 {
		return sarif.Rule{}
	}
	return rules[i]
}

// trace is the way to a vulnerable symbol, on one line a step.
func trace(f sarif.Finding) string {
	var steps []string
	for _, l := range f.Trace {
		steps = append(steps, strings.TrimSpace(l.String()+"  "+l.Note))
	}
	return strings.Join(steps, "\n")
}

// unproven tells what was not run, wholly or in part.
func (s Style) unproven(w io.Writer, results []pipeline.Result) {
	missing := slices.DeleteFunc(slices.Clone(results), func(r pipeline.Result) bool { return r.Unseen() == "" })
	if len(missing) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", s.paint(yellow, "not run:"))
	for _, r := range missing {
		indented := strings.ReplaceAll(strings.TrimSpace(plain(r.Reason)), "\n", "\n    ")
		fmt.Fprintf(w, "  %s: %s\n", r.Stage, indented)
		if r.Remedy != "" {
			fmt.Fprintf(w, "    %s %s\n", s.paint(dim, "remedy:"), plain(r.Remedy))
		}
	}
}

func (s Style) warnings(w io.Writer, results []pipeline.Result, notes []string) {
	var lines []string
	for _, r := range results {
		for _, text := range slices.Concat(r.Warnings, r.Notes) {
			lines = append(lines, r.Stage+": "+clip(oneLine(text), maxNote))
		}
	}
	lines = append(unique(lines), notes...)
	if len(lines) == 0 {
		return
	}
	fmt.Fprintln(w, "\nto know:")
	for _, l := range lines {
		fmt.Fprintln(w, "  "+l)
	}
}

func unique(lines []string) (kept []string) {
	for _, l := range lines {
		if !slices.Contains(kept, l) {
			kept = append(kept, l)
		}
	}
	return kept
}

func (s Style) close(w io.Writer, sum Summary) {
	r := sum.Record
	cached, done := 0, 0
	for _, res := range r.Results {
		if res.Cached {
			cached++
		}
		if res.Cached || res.Elapsed > 0 {
			done++
		}
	}
	text := string(r.Outcome)
	switch {
	case r.State == pipeline.Interrupted:
		text = "interrupted"
	case r.Outcome == pipeline.NotRun:
		text = "incomplete: something could not be run"
	}
	fmt.Fprintf(w, "\n%s in %s", s.paint(outcomeColours[r.Outcome], text), seconds(r.Wall))
	if len(r.CriticalPath) > 0 {
		fmt.Fprintf(w, ", of which the longest chain is %s", s.path(r))
	}
	fmt.Fprintf(w, "\n%d of %s from the cache; all of it in %s\n", cached, count(done, "stages"), filepath.ToSlash(sum.Folder))
	for _, h := range sum.Hints {
		fmt.Fprintln(w, h)
	}
}

// path is the critical path with what each job took.
func (s Style) path(r pipeline.Record) string {
	var steps []string
	for _, job := range r.CriticalPath {
		i := slices.IndexFunc(r.Results, func(res pipeline.Result) bool { return res.Job == job })
		if i >= 0 && r.Results[i].Elapsed > 0 {
			steps = append(steps, job+" "+seconds(r.Results[i].Elapsed))
		}
	}
	return strings.Join(steps, " → ")
}
