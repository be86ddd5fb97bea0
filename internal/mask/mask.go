// Package mask keeps secrets out of what is shown and kept: as they are, and
// as programs usually write them. What was compressed, encrypted or cut into
// pieces is beyond it.
package mask

import (
	"bytes"
	"io"
	"slices"
	"strings"
)

// shown stands in place of a secret.
const shown = "***"

// Shortest is the length of the shortest text that is masked, bytes: shorter
// ones would blot out ordinary words.
const Shortest = 6

// Masker replaces secrets in texts. The zero value replaces nothing. It is safe
// for concurrent use.
type Masker struct{ views []view }

// New returns a masker of these secrets, in all their forms.
func New(secrets []string) Masker {
	var m Masker
	for _, v := range []view{
		{fold: same, forms: newIndex(secrets, plainForms)},
		{fold: foldBase64, forms: newIndex(secrets, base64Forms)},
		{fold: foldHex, forms: newIndex(secrets, hexForms)},
	} {
		if v.forms.longest > 0 {
			m.views = append(m.views, v)
		}
	}
	return m
}

// Active tells whether there is anything to replace.
func (m Masker) Active() bool { return len(m.views) > 0 }

// String returns the text without the secrets.
func (m Masker) String(s string) string {
	if !m.Has(s) {
		return s
	}
	var out bytes.Buffer
	w := m.Writer(&out)
	_, _ = strings.NewReader(s).WriteTo(w) // a buffer takes everything
	_ = w.Flush()
	return out.String()
}

// Has tells whether a secret is in the text.
func (m Masker) Has(s string) bool {
	return m.Active() && len(s) >= Shortest && len(m.spans([]byte(s))) > 0
}

// span is a part of a text, from its first byte to the one after its last.
type span struct{ from, to int }

// spans are the parts of a text that show a secret, in order; those that
// overlap are one.
func (m Masker) spans(text []byte) (all []span) {
	for _, v := range m.views {
		all = v.spans(all, text)
	}
	slices.SortFunc(all, func(a, b span) int { return a.from - b.from })
	merged := all[:0]
	for _, s := range all {
		if last := len(merged) - 1; last >= 0 && s.from < merged[last].to {
			merged[last].to = max(merged[last].to, s.to)
			continue
		}
		merged = append(merged, s)
	}
	return merged
}

// unsure is where the part of a text begins that may be the beginning of a
// secret, which goes on after it.
func (m Masker) unsure(text []byte) int {
	first := len(text)
	for _, v := range m.views {
		first = min(first, v.unsure(text))
	}
	return first
}

// In tells whether a secret is in what r gives.
func (m Masker) In(r io.Reader) (bool, error) {
	if !m.Active() {
		return false, nil
	}
	w := m.Writer(io.Discard)
	_, err := io.Copy(w, r)
	return w.masked || w.Flush() == nil && w.masked, err
}
