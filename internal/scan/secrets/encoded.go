package secrets

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
)

// The library decodes what looks encoded and runs its rules on the result. To
// find it takes the library ten times as long as all the rules together, so
// it is given only the places where there is something that it could decode.
// The functions here find those places, and rather too many than too few: they
// look at the beginning of what the library would decode as a whole.

// The least lengths of what the library takes for base64 and hexadecimal, characters.
const (
	minBase64 = 16
	minHex    = 32
)

// encoded returns the places in parts of a text that the library could decode.
func encoded(text string, parts []span) []span {
	var found []span
	for _, p := range parts {
		// What is encoded may have begun before.
		for p.from > 0 && base64Char[text[p.from-1]] {
			p.from--
		}
		for at := p.from; at < p.to; {
			n, ok := token(text[at:])
			if ok {
				found = append(found, span{at, at + n})
			}
			at += n
		}
	}
	return found
}

// token returns the length of what a text begins with, a run of base64
// characters, an escape or anything else, and whether it could be decoded.
func token(text string) (length int, ok bool) {
	if n := escape(text); n > 0 {
		return n, true
	}
	n := 0
	for n < len(text) && base64Char[text[n]] {
		n++
	}
	if n == 0 {
		return 1, false
	}
	// "U+0041" is an escape within a run, before which there may be anything.
	return n, decodable(text[:n]) || strings.Contains(text[:n], "U+")
}

// escape returns the length of a percent or Unicode escape that s begins with.
func escape(s string) int {
	digits := func(from, n int) int {
		if len(s) < from+n || strings.Trim(s[from:from+n], "0123456789abcdefABCDEF") != "" {
			return 0
		}
		return from + n
	}
	switch {
	case s[0] == '%':
		return digits(1, 2)
	case strings.HasPrefix(s, `\u`), strings.HasPrefix(s, `\U`), strings.HasPrefix(s, "U+"):
		return digits(2, 4)
	}
	return 0
}

// base64Char are the characters of both base64 alphabets.
var base64Char = characters("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_")

func characters(of string) (set [256]bool) {
	for i := range len(of) {
		set[of[i]] = true
	}
	return set
}

// decodable tells whether a run of base64 characters begins like encoded ASCII.
// What follows hexadecimal digits in a run the library does not decode.
func decodable(run string) bool {
	if len(run) >= minHex {
		if plain, err := hex.DecodeString(run[:minHex]); err == nil && printable(plain) {
			return true
		}
	}
	return isBase64(run)
}

func isBase64(run string) bool {
	if len(run) < minBase64 {
		return false
	}
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
		if plain, err := e.DecodeString(run[:minBase64]); err == nil && printable(plain) {
			return true
		}
	}
	return false
}

// printable tells whether bytes are ASCII text as the library understands it.
func printable(b []byte) bool {
	for _, c := range b {
		if c <= 0x08 || c >= 0x7f {
			return false
		}
	}
	return true
}
