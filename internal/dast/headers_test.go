package dast

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func newRequest(t *testing.T, body []byte, content string) (*http.Request, error) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
	r.Header.Set("Content-Type", content)
	return r, r.ParseMultipartForm(1 << 20)
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	const csp, strict = "Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'"
	tests := map[string]struct {
		name, value string // of the header that is set; no value removes it
		want        []string
	}{
		"no policy":            {csp, "", []string{"csp-missing", "framing"}},
		"report only":          {"Content-Security-Policy-Report-Only", strict, nil},
		"unsafe-inline":        {csp, "default-src 'self' 'unsafe-inline'; frame-ancestors 'none'", []string{"csp-scripts"}},
		"for scripts alone":    {csp, "default-src 'self'; SCRIPT-SRC 'unsafe-inline'; frame-ancestors 'none'", []string{"csp-scripts"}},
		"for elements alone":   {csp, "script-src 'self'; script-src-elem 'unsafe-inline'; frame-ancestors 'none'", []string{"csp-scripts"}},
		"for styles alone":     {csp, "default-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'", nil},
		"beside a nonce":       {csp, "script-src 'nonce-abc' 'unsafe-inline'; frame-ancestors 'none'", nil},
		"strict-dynamic":       {csp, "script-src 'nonce-abc' 'strict-dynamic' https: 'unsafe-inline'; frame-ancestors 'none'", nil},
		"from anywhere":        {csp, "script-src *; frame-ancestors 'none'", []string{"csp-scripts"}},
		"from any https":       {csp, "script-src https:; frame-ancestors 'none'", []string{"csp-scripts"}},
		"no script directive":  {csp, "img-src 'self'; frame-ancestors 'none'", []string{"csp-scripts"}},
		"a second policy":      {csp, "img-src 'self', default-src 'none'; frame-ancestors 'none'", nil},
		"the first counts":     {csp, "script-src *; script-src 'none'; frame-ancestors 'none'", []string{"csp-scripts"}},
		"framed by anyone":     {csp, "default-src 'self'; frame-ancestors *", []string{"framing"}},
		"framed by default":    {csp, "default-src 'none'", []string{"framing"}},
		"sniffing":             {"X-Content-Type-Options", "", []string{"nosniff-missing"}},
		"sniffing misspelt":    {"X-Content-Type-Options", "no-sniff", []string{"nosniff-missing"}},
		"no referrer policy":   {"Referrer-Policy", "", []string{"referrer-policy"}},
		"unsafe-url":           {"Referrer-Policy", "unsafe-url", []string{"referrer-policy"}},
		"unknown policy":       {"Referrer-Policy", "whatever", []string{"referrer-policy"}},
		"fallback policy":      {"Referrer-Policy", "no-referrer, unsafe-url", []string{"referrer-policy"}},
		"newer policy":         {"Referrer-Policy", "no-referrer, strict-origin-when-cross-origin, newer", nil},
		"server's version":     {"Server", "nginx/1.25.3", []string{"version-disclosed"}},
		"server's name":        {"Server", "gunicorn", nil},
		"framework's version":  {"X-Powered-By", "PHP/8", []string{"version-disclosed"}},
		"harmful filter":       {"X-XSS-Protection", "1; mode=block", []string{"xss-protection"}},
		"filter switched off":  {"X-XSS-Protection", "0", nil},
		"hsts, for HTTP alone": {"Strict-Transport-Security", "", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := run(t, &site{header: func(h http.Header) {
				h.Del(test.name)
				if test.value != "" {
					h.Set(test.name, test.value)
				}
			}})
			if diff := cmp.Diff(test.want, shortRules(rulesAt(r))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// shortRules are the rules' names without what they have in common.
func shortRules(found []string) []string {
	var all []string
	for _, f := range found {
		id, _, _ := strings.Cut(strings.TrimPrefix(f, "dast-"), " ")
		all = append(all, id)
	}
	return all
}

func TestFrameOptionsWillDo(t *testing.T) {
	t.Parallel()
	for value, want := range map[string][]string{"DENY": nil, "sameorigin": nil, "ALLOW-FROM https://x.example": {"framing"}} {
		r := run(t, &site{header: func(h http.Header) {
			h.Set("Content-Security-Policy", "default-src 'self'")
			h.Set("X-Frame-Options", value)
		}})
		if diff := cmp.Diff(want, shortRules(rulesAt(r))); diff != "" {
			t.Errorf("%s: %s", value, diff)
		}
	}
}

// A refusal is a page too.
func TestErrorPagesAreInspected(t *testing.T) {
	t.Parallel()
	r := run(t, &site{accepts: func(s *site, id, token string) bool { return own(s, id, token) }, handlers: map[string]http.HandlerFunc{
		"GET /gone": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Del("Content-Security-Policy")
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte("<p>gone"))
		}}, extra: `<a href="/gone">x</a>`})
	expect(t, r, "dast-csp-missing GET /gone", "dast-framing GET /gone")
}

func TestCookies(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		spoil func(*http.Cookie)
		want  []string
	}{
		"readable":        {func(c *http.Cookie) { c.HttpOnly = false }, []string{"cookie-httponly"}},
		"no SameSite":     {func(c *http.Cookie) { c.SameSite = 0 }, []string{"cookie-samesite"}},
		"SameSite=None":   {func(c *http.Cookie) { c.SameSite = http.SameSiteNoneMode }, []string{"cookie-samesite"}},
		"SameSite=Strict": {func(c *http.Cookie) { c.SameSite = http.SameSiteStrictMode }, nil},
		"not Secure":      {func(c *http.Cookie) { c.Secure = false }, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, shortRules(rulesAt(run(t, &site{cookie: test.spoil})))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCookiesThatMayBe(t *testing.T) {
	t.Parallel()
	r := run(t, &site{header: func(h http.Header) {
		h.Add("Set-Cookie", "gone=; Max-Age=0")
		h.Add("Set-Cookie", "csrftoken=abc; SameSite=Lax")
	}})
	expect(t, r)
}

func TestHTTPS(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		site *site
		want []string
	}{
		"neither": {&site{cookie: func(c *http.Cookie) { c.Secure = false }}, []string{"hsts-missing", "cookie-secure"}},
		"both":    {&site{header: func(h http.Header) { h.Set("Strict-Transport-Security", `max-age="31536000"; includeSubDomains`) }}, nil},
		"off":     {&site{header: func(h http.Header) { h.Set("Strict-Transport-Security", "max-age=0") }}, []string{"hsts-missing"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewTLSServer(test.site)
			t.Cleanup(server.Close)
			c := newChecker(context.Background(), parse(t, server.URL+"/"), Options{}.withDefaults())
			c.transport = server.Client().Transport.(*http.Transport)
			if err := c.answers(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, shortRules(rulesAt(c.report())), sorted); diff != "" {
				t.Error(diff)
			}
		})
	}
}

var sorted = cmp.Transformer("sorted", func(in []string) map[string]bool {
	set := map[string]bool{}
	for _, s := range in {
		set[s] = true
	}
	return set
})

func TestTokenField(t *testing.T) {
	t.Parallel()
	hidden := func(name, value string) *form {
		return &form{fields: []field{{kind: "text", name: "text"}, {kind: "hidden", name: name, value: value}}}
	}
	const a, b = "k3J9x0QmZr7Tn2Vw", "p8LsYd4GhB1cXe6U"
	tests := map[string]struct {
		f, other *form
		want     string
	}{
		"flask": {hidden("csrf_token", "x"), hidden("csrf_token", "x"), "csrf_token"}, "spring": {hidden("_csrf", "x"), hidden("_csrf", "x"), "_csrf"},
		"django": {hidden("csrfmiddlewaretoken", "x"), hidden("", ""), "csrfmiddlewaretoken"}, "rails": {hidden("authenticity_token", "x"), hidden("", ""), "authenticity_token"},
		"gorilla": {hidden("gorilla.csrf.Token", "x"), hidden("", ""), "gorilla.csrf.Token"}, "asp.net": {hidden("__RequestVerificationToken", "x"), hidden("", ""), "__RequestVerificationToken"},
		"laravel": {hidden("_token", "x"), hidden("", ""), "_token"}, "symfony": {hidden("task[_token]", "x"), hidden("", ""), "task[_token]"},
		"by value": {hidden("x", a), hidden("x", b), "x"}, "constant": {hidden("x", a), hidden("x", a), ""}, "short": {hidden("x", a[:15]), hidden("x", b[:15]), ""},
		"time": {hidden("x", "1111111111111111"), hidden("x", "1111111111111112"), ""}, "other name": {hidden("x", a), hidden("y", b), ""}, "no fields": {&form{}, &form{}, ""},
	}
	for name, test := range tests {
		if got := tokenField(test.f, test.other); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

func TestForged(t *testing.T) {
	t.Parallel()
	for _, token := range []string{"0123456789abcdef", "zZ9fF", "a", "Zm9vYmFyYmF6cXV4", "----", "1700000000.c2lnbmF0dXJl", ""} {
		got := forged(token)
		if got == token || strings.ContainsFunc(got, func(r rune) bool { return r > 'z' }) {
			t.Errorf("%q becomes %q", token, got)
		}
	}
	if got, want := forged("00ff99AZaz"), "00ff90BAba"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
