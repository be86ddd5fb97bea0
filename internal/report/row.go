package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/pipeline"
)

// stageWidth is the width of the column of stages' names.
const stageWidth = 11

// row is the line of a stage that has ended.
func (s Style) row(r pipeline.Result, width int) string {
	took := seconds(r.Elapsed)
	if r.Cached {
		took = "cached"
	}
	if r.Outcome == pipeline.NotApplicable || r.Outcome == pipeline.NotRun && r.Elapsed == 0 {
		took = ""
	}
	head := fmt.Sprintf("  %-*s  %-14s  %9s  ", stageWidth, r.Stage, r.Outcome, took)
	rest := clip(oneLine(remark(r)), width-len(head))
	painted := fmt.Sprintf("  %-*s  %s  %9s  ", stageWidth, r.Stage, s.paint(outcomeColours[r.Outcome], fmt.Sprintf("%-14s", r.Outcome)), took)
	return strings.TrimRight(painted+s.paint(dim, rest), " ")
}

// Rows writes the lines of stages that have ended.
func (s Style) Rows(w io.Writer, results []pipeline.Result) {
	for _, r := range results {
		fmt.Fprintln(w, s.row(r, 0))
	}
}

// remark is what is worth saying of a stage on its line.
func remark(r pipeline.Result) string {
	var parts []string
	if r.Reason != "" && r.Outcome != pipeline.Failed { // what was found comes first
		parts = append(parts, r.Reason)
	}
	if r.Blocked > 0 {
		parts = append(parts, count(r.Blocked, "findings"))
	} else if r.Findings > 0 {
		parts = append(parts, count(r.Findings, "findings")+" that the gate lets pass")
	}
	for _, c := range r.Examined {
		if c.N > 0 {
			parts = append(parts, count(c.N, c.What))
		}
	}
	if !slices.Contains([]pipeline.Outcome{pipeline.Passed, pipeline.Failed}, r.Outcome) {
		parts = parts[:min(1, len(parts))]
	}
	return strings.Join(append(parts, r.Warnings...), ", ")
}
