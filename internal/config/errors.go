package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxErrors is how many errors of one file are told.
const maxErrors = 20

// Error is one thing that is wrong in a file.
type Error struct {
	File    string // as it is shown: "sluice.yaml"
	Line    int    // from 1; 0 when it is the file as a whole
	Column  int    // from 1, in characters; 0 when unknown
	Message string
}

func (e Error) Error() string {
	where := e.File
	if e.Line > 0 {
		where = fmt.Sprintf("%s:%d:%d", e.File, e.Line, max(e.Column, 1))
	}
	return where + ": " + e.Message
}

// Errors are all that is wrong in a file, in the order of their places.
type Errors []Error

// Error has one error a line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, one := range e {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// arrange puts errors in order and cuts them to what a reader takes in. What is
// cut is counted, at the place of the first that is not shown.
func arrange(errs Errors) Errors {
	slices.SortStableFunc(errs, func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	errs = slices.Compact(errs)
	if rest := len(errs) - maxErrors; rest > 0 {
		errs = errs[:maxErrors+1]
		errs[maxErrors].Message = fmt.Sprintf("%d more errors from here on", rest)
	}
	return errs
}
