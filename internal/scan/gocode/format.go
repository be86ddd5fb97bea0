package gocode

import (
	"bytes"
	"go/format"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// checkFormat compares a file with what gofmt makes of it, and tells of the
// first line that differs. A file that does not parse is left to the compiler.
func checkFormat(path string, text []byte) *sarif.Finding {
	formatted, err := format.Source(text)
	if err != nil || bytes.Equal(formatted, text) {
		return nil
	}
	return &sarif.Finding{
		Rule: gofmtTool, Tool: gofmtTool, Stage: lintStage, Severity: sarif.Medium,
		Message:  "this line is not formatted as gofmt formats it",
		Location: sarif.Location{Path: path, Line: firstDifference(text, formatted)},
	}
}

// firstDifference is the number of the first line, from 1, that differs.
func firstDifference(a, b []byte) int {
	line := 1
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return line
		}
		if a[i] == '\n' {
			line++
		}
	}
	return line
}
