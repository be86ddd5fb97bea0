package python

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// maxStatement is how many lines of a statement are looked at for a comment.
const maxStatement = 1000

// nosec tells what a comment in the issue's statement says about its rule: the
// reason for switching it off, or, when vague, not which rule or not why. Then it
// does not count.
func (i issue) nosec(line func(int) string) (reason string, vague bool) {
	at := i.Lines
	if len(at) > maxStatement {
		at = nil // of what is that long
	}
	for _, n := range append([]int{i.Line}, at...) {
		rules, why, ok := parseNosec(line(n))
		if ok && why != "" && slices.Contains(rules, i.ID) {
			return why, false
		}
		vague = vague || ok && (len(rules) == 0 || why == "" && slices.Contains(rules, i.ID))
	}
	return "", vague
}

// parseNosec reads "# nosec B104, B105 - reason", with or without a colon after
// the word.
func parseNosec(line string) (rules []string, reason string, ok bool) {
	m := regexp.MustCompile(`(?i)#\s*nosec\b:?((?:[\s,]*B\d{3}\b)*)(.*)$`).FindStringSubmatch(line)
	if m == nil {
		return nil, "", false
	}
	rules = regexp.MustCompile(`B\d{3}`).FindAllString(strings.ToUpper(m[1]), -1)
	reason = regexp.MustCompile(`(?i)#\s*(noqa|type:|pylint:|pragma:).*$`).ReplaceAllString(m[2], "")
	reason = strings.TrimFunc(reason, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) })
	return rules, reason, true
}
