package trivy

import (
	"strings"
	"unicode"
)

// maxReason bounds a text that is one reason among several, bytes.
const maxReason = 500

// clean makes a text of others' fit for one line of output: without control
// characters, and not longer than max bytes.
func clean(s string, max int) string {
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "�"))), " ")
	if len(s) > max {
		s = strings.ToValidUTF8(s[:max], "") + "…"
	}
	return s
}
