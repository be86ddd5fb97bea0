// Package mask keeps secrets out of what is shown and kept.
package mask

import (
	"cmp"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
)

// shown stands in place of a secret.
const shown = "***"

// shortest is the length of the shortest text that is masked: shorter ones
// would blot out ordinary words.
const shortest = 6

// Masker replaces secrets in texts. The zero value replaces nothing.
type Masker struct{ replacer *strings.Replacer }

// New returns a masker of these secrets, as they are and as base64, URL
// encoding and JSON would show them.
func New(secrets []string) Masker {
	var forms []string
	for _, s := range secrets {
		for line := range strings.SplitSeq(s, "\n") { // a key is many lines, and may be shown one by one
			forms = append(forms, strings.TrimSpace(line))
		}
		b := []byte(s)
		forms = append(forms, s, url.QueryEscape(s), strings.ReplaceAll(s, "\n", `\n`), base64.StdEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b))
	}
	forms = slices.DeleteFunc(forms, func(s string) bool { return len(s) < shortest })
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) }) // the longest first
	forms = slices.Compact(forms)
	if len(forms) == 0 {
		return Masker{}
	}
	var pairs []string
	for _, f := range forms {
		pairs = append(pairs, f, shown)
	}
	return Masker{strings.NewReplacer(pairs...)}
}

// Active tells whether there is anything to replace.
func (m Masker) Active() bool { return m.replacer != nil }

// String returns the text without the secrets.
func (m Masker) String(s string) string {
	if m.replacer == nil {
		return s
	}
	return m.replacer.Replace(s)
}
