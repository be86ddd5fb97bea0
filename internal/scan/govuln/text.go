package govuln

import (
	"strings"
	"unicode"
)

// clean makes one line of a text from outside: no control characters, one
// space between words, and at most max bytes.
func clean(text string, max int) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if len(text) <= max {
		return text
	}
	return strings.ToValidUTF8(text[:max], "") + "…"
}
