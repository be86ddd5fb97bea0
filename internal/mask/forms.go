package mask

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strconv"
	"strings"
)

// maxPart is the longest text that is looked for as one, bytes. What is longer
// is masked piece by piece.
const maxPart = 4 << 10

// parts are what a secret is masked by: the whole, and each of its lines, since
// a key may be shown line by line. The frame of a key is no secret.
func parts(secret string) (all []string) {
	add := func(s string) {
		for len(s) > maxPart {
			all = append(all, s[:maxPart])
			s = s[min(maxPart, len(s)-maxPart):] // the last piece is a whole one: no short rest
		}
		if len(s) >= Shortest {
			all = append(all, s)
		}
	}
	add(secret)
	add(strings.TrimSpace(secret))
	for line := range strings.SplitSeq(strings.ReplaceAll(secret, `\n`, "\n"), "\n") {
		if line = strings.TrimSpace(line); !strings.Contains(line, "-----") {
			add(line)
		}
	}
	return all
}

// plainForms are how a text is written that has to be escaped.
func plainForms(s string) []string {
	forms := []string{s, strings.ReplaceAll(s, "\n", "\r\n"), html.EscapeString(s),
		strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;").Replace(s),
		strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#x22;", "'", "&#x27;").Replace(s),
		strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s),
		decimals(s, " "), decimals(s, ", "), decimals(s, ",")}
	for _, quoted := range []string{strconv.Quote(s), strconv.QuoteToASCII(s), escaped(s, true), escaped(s, false)} {
		inside := quoted[1 : len(quoted)-1]
		forms = append(forms, inside, strings.ReplaceAll(inside, "/", `\/`), strings.ReplaceAll(inside, `\u00`, `\x`),
			strings.NewReplacer(`\u003c`, `\u003C`, `\u003e`, `\u003E`).Replace(inside))
	}
	for _, text := range append(base64Of(s, base64.StdEncoding), s) {
		for _, percent := range []string{url.QueryEscape(text), url.PathEscape(text), strings.ReplaceAll(url.QueryEscape(text), "+", "%20")} {
			forms = append(forms, percent, lowerPercent(percent))
		}
	}
	return forms
}

// escaped is a text as JSON, with or without <, > and & as they are in HTML.
func escaped(s string, forHTML bool) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(forHTML)
	if err := enc.Encode(s); err != nil {
		return `""` // cannot be: every string can be written
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// decimals are a text's bytes as fmt prints a []byte.
func decimals(s, between string) string {
	var b strings.Builder
	for i := range len(s) {
		if i > 0 {
			b.WriteString(between)
		}
		fmt.Fprint(&b, s[i])
	}
	return b.String()
}

// lowerPercent makes the digits of percent encodings lower-case.
func lowerPercent(s string) string {
	b := []byte(s)
	for i := 0; i+2 < len(b); i++ {
		if b[i] == '%' {
			copy(b[i+1:i+3], strings.ToLower(s[i+1:i+3]))
		}
	}
	return string(b)
}

// base64Forms are what foldBase64 makes of a text's encodings, and of the text
// when its lines are broken elsewhere.
func base64Forms(s string) []string {
	forms := base64Of(s, base64.StdEncoding)
	if folded, _ := foldBase64([]byte(s)); len(folded) >= minFolded {
		forms = append(forms, string(folded))
	}
	return forms
}

// minFolded is the least length of a text that is looked for with its spaces
// left out, bytes.
const minFolded = 16

// base64Of is what every encoding of a text that has s in it has in it: three
// texts, since three bytes are four characters and s may begin at any of them.
func base64Of(s string, enc *base64.Encoding) (forms []string) {
	for before := range 3 {
		all := enc.WithPadding(base64.NoPadding).EncodeToString(append(make([]byte, before), s...))
		from, to := (before*8+5)/6, (before+len(s))*8/6 // the characters that are of s alone
		forms = append(forms, all[from:to])
	}
	return forms
}

// hexForms are what foldHex makes of a text's digits: 6162, and 0x61, 0x62.
func hexForms(s string) []string {
	var short, long strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&short, "0%x", s[i])
		fmt.Fprintf(&long, "0%02x", s[i])
	}
	return []string{hex.EncodeToString([]byte(s)), short.String(), long.String()}
}
