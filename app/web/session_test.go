package web_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluice-ci/sluice/app/web"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func TestEveryVisitorHasAList(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	one, two := s.visitor(t), s.visitor(t)
	one.add("of one")
	if page := two.get("/").body; strings.Contains(page, "of one") {
		t.Error("a visitor sees another's item")
	}
	if page := one.get("/").body; !strings.Contains(page, "of one") {
		t.Error("a visitor does not see an item of their own")
	}
	if one.cookie().Value == two.cookie().Value {
		t.Error("two visitors have one cookie")
	}
}

func TestCookie(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *web.Options) { o.Proxy.Proto = true })
	tests := map[string]struct {
		proto, name, attributes string
		https                   bool
	}{
		"plain":          {"", "todo", "Path=/; Max-Age=34560000; HttpOnly; SameSite=Lax", false},
		"proxy over tls": {"https", "__Host-todo", "Path=/; Max-Age=34560000; HttpOnly; Secure; SameSite=Lax", true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := s.visitor(t)
			r := v.request(http.MethodGet, "/", "")
			r.Header.Set("X-Forwarded-Proto", tt.proto)
			got := v.do(r)
			if len(got.Cookies()) != 1 {
				t.Fatalf("cookies %v, want one", got.Cookies())
			}
			sent, attributes, _ := strings.Cut(got.Header.Get("Set-Cookie"), "; ")
			if cookie, _, _ := strings.Cut(sent, "="); cookie != tt.name || attributes != tt.attributes {
				t.Errorf("cookie %s with %q, want %s with %q", cookie, attributes, tt.name, tt.attributes)
			}
			if hsts := got.Header.Get("Strict-Transport-Security") != ""; hsts != tt.https {
				t.Errorf("HSTS is sent: %v, want %v", hsts, tt.https)
			}
		})
	}
}

func TestForwardedProtoIsNotBelievedUnasked(t *testing.T) {
	t.Parallel()
	v := newSite(t, nil).visitor(t)
	r := v.request(http.MethodGet, "/", "")
	r.Header.Set("X-Forwarded-Proto", "https")
	if c := v.do(r).Cookies(); len(c) != 1 || c[0].Secure || c[0].Name != "todo" {
		t.Errorf("cookies %v, want one for plain HTTP", c)
	}
}

func TestForgedCookiesOpenNoList(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	v := s.visitor(t)
	v.add("mine")
	value := v.cookie().Value
	list, rest, _ := strings.Cut(value, ".")
	made, code, _ := strings.Cut(rest, ".")
	token := v.token()
	for _, forged := range []string{
		"", ".", "..", "x", list, list + "." + made, list + "." + made + ".", changed(value, 0), changed(value, len(value)-1),
		changed(value, len(list)+1), "x" + value, value + "A", "." + made + "." + code, strings.Repeat(value, 10),
		list + "." + token, // a code that was made for another purpose
	} {
		stranger := s.visitor(t)
		r := stranger.request(http.MethodGet, "/", "")
		r.Header.Set("Cookie", "todo="+forged)
		got := stranger.do(r)
		if got.StatusCode != http.StatusOK || strings.Contains(got.body, "mine") || len(got.Cookies()) != 1 {
			t.Errorf("cookie %q: status %d, %d cookies; want a new list", forged, got.StatusCode, len(got.Cookies()))
		}
	}
}

func TestCookieAge(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	v := s.visitor(t)
	v.add("walk the dog")
	first := v.cookie().Value
	if c := v.get("/").Cookies(); len(c) != 0 {
		t.Errorf("a fresh cookie is sent again: %v", c)
	}
	s.clock.advance(25 * time.Hour)
	if c := v.get("/").Cookies(); len(c) != 1 || c[0].Value == first {
		t.Errorf("a day later the cookies are %v, want a new one", c)
	}
	s.clock.advance(399 * 24 * time.Hour)
	if page := v.get("/").body; !strings.Contains(page, "walk the dog") {
		t.Error("the list of a visitor who comes once a year is lost")
	}
	s.clock.advance(401 * 24 * time.Hour)
	if page := v.get("/").body; strings.Contains(page, "walk the dog") {
		t.Error("a cookie older than its age still opens the list")
	}
}

func TestNewKeySignsNobodyOut(t *testing.T) {
	t.Parallel()
	old := newSite(t, nil)
	v := old.visitor(t)
	v.add("walk the dog")
	token := v.token()
	before := v.cookie()
	rotated := append(newKeys(t), old.keys...)
	s := newSite(t, func(o *web.Options) { o.Keys, o.Lists = rotated, old.store })
	v.site = s // the cookie jar does not tell ports apart
	if got := v.post("/add", "name", "x", "csrf_token", token); got.StatusCode != http.StatusSeeOther {
		t.Errorf("token of the old key: status %d, want 303", got.StatusCode)
	}
	page := v.get("/")
	if !strings.Contains(page.body, "walk the dog") || len(page.Cookies()) != 1 {
		t.Errorf("cookies %v, want one signed by the new key, and the list:\n%s", page.Cookies(), page.body)
	}
	s = newSite(t, func(o *web.Options) { o.Keys, o.Lists = rotated[:1], old.store })
	v.site = s
	if page := v.get("/").body; !strings.Contains(page, "walk the dog") {
		t.Error("the new cookie does not work without the old key")
	}
	stranger := s.visitor(t)
	r := stranger.request(http.MethodGet, "/", "")
	r.AddCookie(before)
	if got := stranger.do(r); strings.Contains(got.body, "walk the dog") {
		t.Error("a cookie of a key that was withdrawn still works")
	}
}
