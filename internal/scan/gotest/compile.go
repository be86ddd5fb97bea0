package gotest

import (
	"strconv"
	"strings"
)

// compileError is an error as compilers print it, with the indented lines that
// follow it.
type compileError struct {
	file         string
	line, column int
	text         string
}

func compileErrors(output string) (list []compileError) {
	for line := range strings.Lines(output) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "\t") && len(list) > 0 {
			last := &list[len(list)-1]
			last.text = firstLines(last.text+"\n"+line, messageLines)
			continue
		}
		if e, ok := compileErrorIn(line); ok {
			list = append(list, e)
		}
	}
	return list
}

func compileErrorIn(line string) (compileError, bool) {
	m := mention.FindStringSubmatchIndex(line)
	if m == nil || strings.HasPrefix(line, "#") {
		return compileError{}, false
	}
	n, err := strconv.Atoi(line[m[4]:m[5]])
	if err != nil {
		return compileError{}, false
	}
	e := compileError{file: line[m[2]:m[3]], line: n, text: firstLines(strings.TrimPrefix(line[m[1]:], ":"), 1)}
	if m[6] >= 0 {
		e.column, _ = strconv.Atoi(line[m[6]:m[7]]) // 0, for none, when it is no number
	}
	return e, e.text != ""
}

// withoutTitles drops the "# package" lines.
func withoutTitles(output string) string {
	var b strings.Builder
	for line := range strings.Lines(output) {
		if !strings.HasPrefix(line, "# ") {
			b.WriteString(line)
		}
	}
	return b.String()
}
