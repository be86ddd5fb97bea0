package web_test

import (
	"net/http"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSecurityHeadersOnEveryAnswer(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	v := s.visitor(t)
	foreign := v.request(http.MethodPost, "/add", "")
	foreign.Header.Set("Sec-Fetch-Site", "cross-site")
	answers := []answer{
		v.get("/"), v.get("/nowhere"), v.get("/complete/1"), v.get("/health"), v.get("/health/live"), v.get("/static/style.css"),
		v.get("//"), v.post("/add"), v.post("/add", "csrf_token", v.token()), v.post("/add", "name", "x", "csrf_token", v.token()),
		v.post("/complete/1", "csrf_token", v.token()), v.do(foreign),
	}
	want := map[string]string{
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin", "Server": "", "X-Powered-By": "", "X-Xss-Protection": "", "Strict-Transport-Security": "",
	}
	for _, got := range answers {
		have := map[string]string{}
		for name := range want {
			have[name] = got.Header.Get(name)
		}
		if diff := cmp.Diff(want, have); diff != "" {
			t.Errorf("%s %s, %d (-want +got):\n%s", got.Request.Method, got.Request.URL.Path, got.StatusCode, diff)
		}
		policy := got.Header.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q", got.Request.URL.Path, policy)
		}
		if !strings.Contains(got.Header.Get("Permissions-Policy"), "geolocation=()") {
			t.Errorf("%s: no permissions policy", got.Request.URL.Path)
		}
	}
}

// TestPagesKeepTheirOwnPolicy looks for what the policy would block.
func TestPagesKeepTheirOwnPolicy(t *testing.T) {
	t.Parallel()
	v := newSite(t, nil).visitor(t)
	v.add("done")
	v.post("/complete/"+itoa(v.list()[0].ID), "csrf_token", v.token())
	v.add("open")
	inline := regexp.MustCompile(`(?i)<style|<script>|\sstyle=|\son[a-z]+=|javascript:|https?://`)
	for _, page := range []answer{v.get("/"), v.post("/add", "csrf_token", v.token()), v.post("/add")} {
		if found := inline.FindString(page.body); found != "" {
			t.Errorf("%s, %d has %q", page.Request.URL.Path, page.StatusCode, found)
		}
	}
}

func TestAssets(t *testing.T) {
	t.Parallel()
	v := newSite(t, nil).visitor(t)
	page := v.get("/")
	if got := page.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("page: Cache-Control %q", got)
	}
	links := regexp.MustCompile(`(?:href|src)="(/static/[^"]+)"`).FindAllStringSubmatch(page.body, -1)
	if len(links) != 3 {
		t.Fatalf("the page loads %v, want a style sheet, an icon and a script", links)
	}
	kinds := map[string]string{".css": "text/css; charset=utf-8", ".svg": "image/svg+xml", ".js": "text/javascript; charset=utf-8"}
	for _, link := range links {
		got := v.get(link[1])
		name, _, _ := strings.Cut(link[1], "?")
		if kind := kinds[path.Ext(name)]; got.StatusCode != http.StatusOK || got.body == "" || got.Header.Get("Content-Type") != kind {
			t.Errorf("%s: status %d, type %q, want 200 and %q", link[1], got.StatusCode, got.Header.Get("Content-Type"), kind)
		}
		if cache := got.Header.Get("Cache-Control"); !strings.Contains(cache, "immutable") {
			t.Errorf("%s: Cache-Control %q", link[1], cache)
		}
		other := v.get(name + "?v=before")
		if cache := other.Header.Get("Cache-Control"); other.body != got.body || cache != "no-cache" {
			t.Errorf("%s of another version: Cache-Control %q", name, cache)
		}
		r := v.request(http.MethodGet, name, "")
		r.Header.Set("If-None-Match", got.Header.Get("ETag"))
		if again := v.do(r); again.StatusCode != http.StatusNotModified {
			t.Errorf("%s again: status %d, want 304", name, again.StatusCode)
		}
	}
}
