package secrets

import (
	"strings"
)

// genericRule is the rule for what is assigned to a name that sounds secret.
// Its keywords are in all programs, so that it alone takes five times as long
// as the others together. It is only run near what could satisfy it; the
// functions here find those places, and rather too many than too few. A test
// holds them to the rule's expression.
const genericRule = "generic-api-key"

// genericNames are the words that the rule's expression begins with, in lower case.
var genericNames = []string{"access", "auth", "api", "credential", "creds", "key", "password", "passwd", "secret", "token"}

// genericInitial are their first letters, in both cases.
var genericInitial = characters("acpstkACPSTK")

// Character classes of the expression. Bytes outside ASCII are in the first, as
// some letters there are equal to ASCII ones when case is ignored.
var (
	genericTail     = orBeyondASCII(characters("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.- \t\n\v\f\r'\""))
	genericOperator = characters("=>:|?,")
	genericOpening  = characters("=>:|?,`'\" \t\n\v\f\r")
	genericValue    = orBeyondASCII(characters("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.=+/-"))
)

func orBeyondASCII(set [256]bool) [256]bool {
	for c := 0x80; c < 256; c++ {
		set[c] = true
	}
	return set
}

// Lengths in the expression, characters.
const (
	maxGenericTail    = 23 // between the name and the operator
	maxGenericOpening = 9  // of the operator, and the space and quotes after it
	minGenericValue   = 10
)

// assignments returns the places in parts of a text that the generic rule
// could find something at.
func assignments(text string, parts []span) []span {
	var found []span
	for _, p := range parts {
		for at := p.from; at < p.to; at++ {
			if !genericInitial[text[at]] {
				continue
			}
			name := genericName(text[at:])
			if name == 0 {
				continue
			}
			if n := assigned(text[at+name:]); n > 0 {
				found = append(found, span{at, at + name + n})
			}
			at += name - 1
		}
	}
	return found
}

// genericName returns the length of the secret-sounding word that s begins with.
func genericName(s string) int {
	for _, name := range genericNames {
		if len(s) >= len(name) && strings.EqualFold(s[:len(name)], name) {
			return len(name)
		}
	}
	return 0
}

// assigned returns how far an assignment goes of something like a secret, when
// s is what follows the name; or 0. A value of letters alone is on the rule's
// list of what is none.
func assigned(s string) int {
	at := 0
	for at < len(s) && at <= maxGenericTail && genericTail[s[at]] {
		at++
	}
	if at == len(s) || !genericOperator[s[at]] {
		return 0
	}
	opening := at
	for at < len(s) && genericOpening[s[at]] {
		at++
	}
	if at-opening > maxGenericOpening && strings.Contains(s[opening:at], "=") {
		return at // the value may begin with what looks like the operator
	}
	value := at
	for at < len(s) && genericValue[s[at]] {
		at++
	}
	if at-value < minGenericValue || !strings.ContainsAny(s[value:at], "0123456789=+/") {
		return 0
	}
	return at
}
