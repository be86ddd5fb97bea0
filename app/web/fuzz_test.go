package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/app/web"
)

// strike sends a request straight to the handler, with a visitor's cookie.
// Whatever is sent, the answer is no fault of the service, and is protected.
func (v *visitor) strike(method, path, kind, body string) *http.Response {
	v.t.Helper()
	r := httptest.NewRequestWithContext(v.t.Context(), method, "/", strings.NewReader(body))
	r.URL.Path = path
	r.Header["Content-Type"] = []string{kind}
	r.AddCookie(v.cookie())
	w := httptest.NewRecorder()
	v.site.Config.Handler.ServeHTTP(w, r)
	got := w.Result()
	if got.StatusCode >= 500 {
		v.t.Errorf("%s %q: status %d", method, path, got.StatusCode)
	}
	if got.Header.Get("Content-Security-Policy") == "" || got.Header.Get("X-Content-Type-Options") != "nosniff" {
		v.t.Errorf("%s %q: no security headers", method, path)
	}
	if strings.Contains(w.Body.String(), "<script>") {
		v.t.Errorf("%s %q: what was sent became markup:\n%s", method, path, w.Body)
	}
	return got
}

// FuzzForms sends what has no right token: nothing may change.
func FuzzForms(f *testing.F) {
	const form = "application/x-www-form-urlencoded"
	f.Add("POST", "/add", form, "name=x&csrf_token=y")
	f.Add("POST", "/add", form, "name=%00%ff&name=&csrf_token=%zz")
	f.Add("POST", "/complete/1", form, "csrf_token=0.0")
	f.Add("POST", "/edit/1", form, "name=y&csrf_token=0.0&show=open&before=9")
	f.Add("POST", "/clear", form, "csrf_token=")
	f.Add("POST", "/delete/9223372036854775807", form, "csrf_token=a.b.c")
	f.Add("GET", "/complete/1", "", "")
	f.Add("POST", "/complete/../add", form, "a=b;c")
	f.Add("PUT", "/static/style.css", "multipart/form-data; boundary=", "--")
	f.Add("POST", "/complete/\x00", "text/plain;;", strings.Repeat("=&", 99))
	s := newSite(f, nil)
	v := s.visitor(f)
	v.add("unchanged")
	f.Fuzz(func(t *testing.T, method, path, kind, body string) {
		v := &visitor{t: t, site: s, http: v.http}
		if _, err := http.NewRequestWithContext(t.Context(), method, "/", nil); err != nil {
			return // no such method can be sent
		}
		v.strike(method, path, kind, body)
		if got := v.list(); len(got) != 1 || got[0].Complete {
			t.Errorf("%s %q changed the list to %v", method, path, got)
		}
	})
}

// FuzzPlaces asks for any part of a list: there is one, or it is not found.
func FuzzPlaces(f *testing.F) {
	for _, seed := range []string{"", "show=open&before=3", "edit=1", "edit=1&edit=2", "show=done&before=-1", "before=9223372036854775808", "%zz", "a;b", "edit=%00", "show=%ff"} {
		f.Add(seed)
	}
	s := newSite(f, nil)
	v := s.visitor(f)
	v.add("an item")
	f.Fuzz(func(t *testing.T, query string) {
		v := &visitor{t: t, site: s, http: v.http}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.URL.RawQuery = query
		r.AddCookie(v.cookie())
		w := httptest.NewRecorder()
		s.Config.Handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK && w.Code != http.StatusNotFound || strings.Contains(w.Body.String(), "<script>") {
			t.Errorf("%q: status %d:\n%s", query, w.Code, w.Body)
		}
	})
}

// FuzzTexts adds any text with a right token: it is added as it is shown, or
// refused in words.
func FuzzTexts(f *testing.F) {
	for _, seed := range []string{"", "x", "\x00", "\xff", "<script>alert(1)</script>", `" onfocus="x`, strings.Repeat("🪴", 201), "\u202e", "' OR 1=1 --"} {
		f.Add(seed)
	}
	s := newSite(f, nil)
	f.Fuzz(func(t *testing.T, text string) {
		v := s.visitor(t)
		body := url.Values{"name": {text}, "csrf_token": {v.token()}}.Encode()
		got := v.strike(http.MethodPost, "/add", "application/x-www-form-urlencoded", body)
		added := len(v.list())
		switch got.StatusCode {
		case http.StatusSeeOther:
			if added != 1 || !strings.Contains(text, v.list()[0].Text) {
				t.Errorf("%q became %v", text, v.list())
			}
		case http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge:
			if added != 0 {
				t.Errorf("%q was refused and added", text)
			}
		default:
			t.Errorf("%q: status %d", text, got.StatusCode)
		}
		if page := v.get("/"); page.StatusCode != http.StatusOK || strings.Contains(page.body, "<script>") {
			t.Errorf("showing %q: status %d:\n%s", text, page.StatusCode, page.body)
		}
	})
}

// FuzzCookies sends any cookie: it opens no list that somebody has.
func FuzzCookies(f *testing.F) {
	s := newSite(f, nil)
	v := s.visitor(f)
	v.add("walk the dog")
	value := v.cookie().Value
	for _, seed := range []string{"", ".", value + ".", changed(value, 0), strings.ToLower(value), web.NewKey()} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, forged string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header.Set("Cookie", "todo="+forged)
		if c, err := r.Cookie("todo"); err == nil && c.Value == value {
			return // not forged
		}
		w := httptest.NewRecorder()
		s.Config.Handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK || strings.Contains(w.Body.String(), "walk the dog") || len(w.Result().Cookies()) != 1 {
			t.Errorf("cookie %q: status %d:\n%s", forged, w.Code, w.Body)
		}
	})
}
