package dast

import (
	"math"
	"net/url"
	"regexp"
	"strings"
)

// tokenName is how frameworks call the field of their tokens: Flask, Rails,
// Django, gorilla, ASP.NET, Laravel, Spring, Symfony, Yii.
var tokenName = regexp.MustCompile(`(?i)^(_?csrf|_?csrf_?-?token|csrfmiddlewaretoken|authenticity_token|gorilla\.csrf\.Token|__RequestVerificationToken|_?token|_?xsrf|_?xsrf_?-?token|nosurf|.*\[_token\])$`)

// What makes the value of a field of any name a token: it is of another session
// when the session is another, and not to be guessed.
const (
	tokenLength  = 16
	tokenEntropy = 2.5 // bits for a character; hexadecimal has almost 4
)

// tokenField is the name of the field that holds a form's token, or "". The
// same form of another session tells fields that differ.
func tokenField(f, other *form) string {
	for _, d := range f.fields {
		if d.kind == "hidden" && tokenName.MatchString(d.name) {
			return d.name
		}
	}
	for i, d := range f.fields {
		if d.kind != "hidden" || d.name == "" || i >= len(other.fields) || other.fields[i].name != d.name {
			continue
		}
		if d.value != other.fields[i].value && len(d.value) >= tokenLength && entropy(d.value) >= tokenEntropy {
			return d.name
		}
	}
	return ""
}

// entropy is Shannon's, in bits for a byte, of the text's own frequencies.
func entropy(s string) float64 {
	var counts [256]int
	for i := range len(s) {
		counts[s[i]]++
	}
	bits := 0.0
	for _, n := range counts {
		if n > 0 {
			p := float64(n) / float64(len(s))
			bits -= p * math.Log2(p)
		}
	}
	return bits
}

// forged is a token of the same length and alphabet that is another in every
// letter and digit of its second half, where codes and signatures are. A change
// of the last character alone can be lost in base64's unused bits.
func forged(token string) string {
	half := len(token) / 2
	other := token[:half] + strings.Map(next, token[half:])
	if other == token {
		other += "x"
	}
	return other
}

// next is the letter or digit after r, which is also one of base64 and, for
// hexadecimal digits, of hexadecimal.
func next(r rune) rune {
	switch {
	case r == '9':
		return '0'
	case r == 'f' || r == 'z':
		return 'a'
	case r == 'F' || r == 'Z':
		return 'A'
	case r >= '0' && r < '9', r >= 'a' && r < 'z', r >= 'A' && r < 'Z':
		return r + 1
	}
	return r
}

// with is values with another token; "" is none at all.
func with(v url.Values, field, token string) url.Values {
	changed := url.Values{}
	for name, values := range v {
		changed[name] = values
	}
	changed.Del(field)
	if token != "" {
		changed.Set(field, token)
	}
	return changed
}
