package mask

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// ways are the ways in which programs write a text.
func ways(s string) map[string]string {
	quoted, _ := json.Marshal(s)
	lines := func(s string, width int, by string) string {
		var out []string
		for len(s) > width {
			out, s = append(out, s[:width]), s[width:]
		}
		return strings.Join(append(out, s), by)
	}
	all := map[string]string{
		"as it is": s, "JSON": string(quoted), "JSON with slashes": strings.ReplaceAll(string(quoted), "/", `\/`),
		"%q": strconv.Quote(s), "%+q": strconv.QuoteToASCII(s), "JSON in %q": strconv.Quote("{" + s + "}"),
		"HTML": html.EscapeString(s), "query": url.QueryEscape(s), "path": url.PathEscape(s), "lower-case query": lowerPercent(url.QueryEscape(s)),
		"hex": hex.EncodeToString([]byte(s)), "upper-case hex": strings.ToUpper(hex.EncodeToString([]byte(s))),
		"% x": fmt.Sprintf("% x", s), "%#v": fmt.Sprintf("%#v", []byte(s)), "%v": fmt.Sprintf("%v", []byte(s)),
		"wrapped hex": lines(hex.EncodeToString([]byte(s)), 10, "\n"), "percent": "%" + lines(hex.EncodeToString([]byte(s)), 2, "%"),
	}
	for before := range 3 {
		text := []byte(strings.Repeat("<", before) + s + ">>")
		std := base64.StdEncoding.EncodeToString(text)
		all[fmt.Sprintf("base64 %d", before)] = std
		all[fmt.Sprintf("base64 %d in a query", before)] = url.QueryEscape(std)
		all[fmt.Sprintf("base64 %d for URLs", before)] = base64.RawURLEncoding.EncodeToString(text)
		all[fmt.Sprintf("base64 %d wrapped", before)] = lines(std, 7, "\r\n  ")
		all[fmt.Sprintf("base64 %d wrapped in a string", before)] = lines(std, 7, `\n`)
	}
	return all
}

func TestForms(t *testing.T) {
	t.Parallel()
	for name, secret := range map[string]string{
		"plain": "s3" + strings.Repeat("cret", 5), "special": `p&ss/w+rd"<'\é` + "\t%", "short": "a/b?=c",
		"lines": "one-line\nanother line\nlast-line",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := New([]string{secret})
			for way, text := range ways(secret) {
				got := m.String("before " + text + " after")
				// What stays may be a prefix, quotes, and base64's characters at the ends,
				// which have less than a byte of it.
				kept := strings.ReplaceAll(got, shown, "")
				if !strings.HasPrefix(got, "before ") || !strings.HasSuffix(got, " after") || !strings.Contains(got, shown) || len(kept) > len("before  after")+22 {
					t.Errorf("%s: %q became %q", way, text, got)
				}
			}
		})
	}
}

func TestMask(t *testing.T) {
	t.Parallel()
	secret, longer := strings.Repeat("s3", 10), strings.Repeat("s3", 15)
	key := "-----BEGIN X-----\n" + strings.Repeat("k", 40) + "\n-----END X-----"
	huge := strings.Repeat("0123456789", 3000) + "end"
	m := New([]string{secret, longer, key, "abcdef123", "123xyz789", "aaaaaa", huge, "ab", ""})
	for text, want := range map[string]string{
		"token=" + secret + ";": "token=***;", "longer=" + longer + ";": "longer=***;", key: shown,
		"line " + strings.Repeat("k", 40): "line ***", "-----BEGIN X-----": "-----BEGIN X-----",
		"abcdef123xyz789.": "***.", "abcdef123abcdef123": "******", strings.Repeat("a", 1<<20) + ".": "***.",
		"aaaaa": "aaaaa", "about a cab": "about a cab",
	} {
		if got := m.String(text); got != want {
			t.Errorf("%.50q became %.50q, want %q", text, got, want)
		}
	}
	if got := m.String("huge " + huge + "."); strings.ContainsAny(got, "0123456789") || !strings.HasSuffix(got, ".") {
		t.Errorf("a huge secret became %.50q", got)
	}
	if New(nil).Active() || New([]string{"ab"}).String("ab") != "ab" || (Masker{}).Has("ab") {
		t.Error("nothing to mask, and something was")
	}
}

// What is written in pieces is masked as the whole is, and a Writer keeps no
// more than what may be the beginning of a secret.
func TestWriter(t *testing.T) {
	t.Parallel()
	secret := "s3cret/" + strings.Repeat("value", 3)
	m := New([]string{secret})
	var text strings.Builder
	for _, way := range ways(secret) {
		text.WriteString("some text, " + way + "\nand a line\n")
	}
	for _, size := range []int{1, 2, 3, 7, 64, 1 << 20} {
		var out bytes.Buffer
		w := m.Writer(&out)
		most := 0
		for rest := text.String(); rest != ""; {
			n := min(size, len(rest))
			if _, err := w.Write([]byte(rest[:n])); err != nil {
				t.Fatal(err)
			}
			rest, most = rest[n:], max(most, len(w.held))
		}
		if err := w.Flush(); err != nil || w.Held() {
			t.Fatalf("held %q, %v", w.held, err)
		}
		if want := m.String(text.String()); out.String() != want {
			t.Errorf("in pieces of %d: %q, want %q", size, out.String(), want)
		}
		if most > 20*len(secret) {
			t.Errorf("in pieces of %d, %d bytes were kept back", size, most)
		}
	}
	var out bytes.Buffer
	w := m.Writer(&out)
	if _, err := w.Write([]byte("no secret here\n")); err != nil || out.String() != "no secret here\n" {
		t.Errorf("%q was written at once, %v", out.String(), err)
	}
}

func FuzzMask(f *testing.F) {
	f.Add("s3cret/value", "before ", " after", 3)
	f.Add("p&ss\n\"w<rd\"", "c3Mz", "=\\n", 1)
	f.Add("aaaaaaa", "aaa", "aaaa\\", 2)
	f.Fuzz(func(t *testing.T, secret, before, after string, size int) {
		if len(secret) < Shortest || len(secret) > 200 || strings.Contains(secret, "*") {
			return
		}
		m := New([]string{secret})
		if plain := before + after; !m.Has(plain) && m.String(plain) != plain {
			t.Errorf("%q was changed", plain)
		}
		for way, text := range ways(secret) {
			text = before + text + after
			got := m.String(text)
			if m.Has(got) || strings.Contains(got, secret) || !strings.Contains(got, shown) {
				t.Errorf("%s: %q became %q", way, text, got)
			}
			var out bytes.Buffer
			w := m.Writer(&out)
			cut := min(max(size, 0), len(text))
			_, _ = w.Write([]byte(text[:cut]))
			_, _ = w.Write([]byte(text[cut:]))
			_ = w.Flush()
			if out.String() != got {
				t.Errorf("%s: %q in two became %q, and in one %q", way, text, out.String(), got)
			}
		}
	})
}
