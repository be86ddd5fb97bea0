//go:build infra

package terraform

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// filter is the part of the Logging query language that log-filters.tf uses:
// comparisons with AND between. Whatever else the language has is an error.
//
// https://cloud.google.com/logging/docs/view/logging-query-language
type filter []comparison

type comparison struct {
	field string
	value *regexp.Regexp
}

func parseFilter(text string) (filter, error) {
	form := regexp.MustCompile(`^([a-zA-Z_]+(?:\.[a-zA-Z_]+)*)(=~|=)(?:"([^"\\]*)"|([A-Z0-9]+))$`)
	var f filter
	for part := range strings.SplitSeq(text, " AND ") {
		m := form.FindStringSubmatch(part)
		if m == nil {
			return nil, fmt.Errorf("%q is not understood", part)
		}
		pattern := "^" + regexp.QuoteMeta(m[3]+m[4]) + "$"
		if m[2] == "=~" {
			pattern = m[3] // RE2, not anchored, as Go's own
		}
		value, err := regexp.Compile(pattern)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", part, err)
		}
		f = append(f, comparison{m[1], value})
	}
	return f, nil
}

// matches tells whether an entry has all that is asked for. A field that it has
// not is no match.
func (f filter) matches(entry map[string]string) bool {
	for _, c := range f {
		if value, ok := entry[c.field]; !ok || !c.value.MatchString(value) {
			return false
		}
	}
	return true
}

func TestFilter(t *testing.T) {
	t.Parallel()
	entry := map[string]string{"severity": "INFO", "jsonPayload.message": "Task added: 7"}
	for _, test := range []struct {
		text       string
		want, fail bool
	}{
		{text: `severity=INFO`, want: true},
		{text: `severity=WARNING`},
		{text: `severity="INFO" AND jsonPayload.message=~"^Task added: "`, want: true},
		{text: `severity=INFO AND jsonPayload.message=~"^added"`},
		{text: `jsonPayload.message="Task added"`},
		{text: `textPayload=~"Task added"`},
		{text: ``, fail: true},
		{text: `severity>=INFO`, fail: true},
		{text: `severity=INFO OR severity=WARNING`, fail: true},
		{text: `NOT severity=INFO`, fail: true},
		{text: `(severity=INFO)`, fail: true},
		{text: `jsonPayload.message:"Task"`, fail: true},
		{text: `jsonPayload.message=~"("`, fail: true},
	} {
		t.Run(test.text, func(t *testing.T) {
			t.Parallel()
			f, err := parseFilter(test.text)
			if (err != nil) != test.fail || err == nil && f.matches(entry) != test.want {
				t.Errorf("matches: %v, %v; want %v", f.matches(entry), err, test.want)
			}
		})
	}
}
