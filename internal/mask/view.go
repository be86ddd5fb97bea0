package mask

// view is a way to read a text, and the forms that are looked for in it.
type view struct {
	fold  folder
	forms index
}

// folder makes of a text the one that is searched: what does not count is left
// out, and what means the same is made the same. at has, for each byte of it,
// its place in the text; nil is the same place.
type folder func(text []byte) (folded []byte, at []int)

func same(text []byte) ([]byte, []int) { return text, nil }

// foldBase64 leaves out what base64 is wrapped with, line breaks that a string
// literal escapes too, and makes one of its two alphabets.
func foldBase64(text []byte) (folded []byte, at []int) {
	escaped := false
	return foldBy(text, func(c byte) (byte, bool) {
		was := escaped
		escaped = c == '\\' && !was
		switch {
		case was && (c == 'n' || c == 'r' || c == 't'), c == '\\', c == '\n', c == '\r', c == '\t', c == ' ':
			return 0, false
		case c == '-':
			return '+', true
		case c == '_':
			return '/', true
		}
		return c, true
	})
}

// foldHex leaves out what stands between the digits of bytes (61:62, 61 62,
// %61%62, \x61\x62), and makes them lower-case.
func foldHex(text []byte) (folded []byte, at []int) {
	return foldBy(text, func(c byte) (byte, bool) {
		switch {
		case c >= 'A' && c <= 'F':
			return c + 'a' - 'A', true
		case c == '\n', c == '\r', c == '\t', c == ' ', c == ':', c == '%', c == '\\', c == 'x', c == ',':
			return 0, false
		}
		return c, true
	})
}

func foldBy(text []byte, fold func(byte) (byte, bool)) (folded []byte, at []int) {
	folded, at = make([]byte, 0, len(text)), make([]int, 0, len(text))
	for i, c := range text {
		if c, ok := fold(c); ok {
			folded, at = append(folded, c), append(at, i)
		}
	}
	return folded, at
}

// spans appends where the forms are in a text.
func (v view) spans(all []span, text []byte) []span {
	folded, at := v.fold(text)
	for i := range folded {
		if n := v.forms.match(folded[i:]); n > 0 {
			all = append(all, span{place(at, i), place(at, i+n-1) + 1})
		}
	}
	return all
}

// unsure is where, at the end of a text, something begins that is the beginning
// of a form.
func (v view) unsure(text []byte) int {
	end := text[max(0, len(text)-spread*v.forms.longest):]
	folded, at := v.fold(end)
	for i := max(0, len(folded)-v.forms.longest+1); i < len(folded); i++ {
		if v.forms.begins(folded[i:]) {
			return len(text) - len(end) + place(at, i)
		}
	}
	return len(text)
}

// spread is how many times as long as a form its text may be, with what is
// folded away.
const spread = 4

func place(at []int, i int) int {
	if at == nil {
		return i
	}
	return at[i]
}
