package web_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluice-ci/sluice/app/internal/memory"
	"github.com/sluice-ci/sluice/app/web"
)

// ask sends a request straight to a handler, from an address, with headers.
func ask(t *testing.T, h http.Handler, from, method, path string, headers ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	r.RemoteAddr = from
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Add(pair[0], pair[1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func newHandler(t *testing.T, o web.Options) http.Handler {
	t.Helper()
	o.Lists, o.Keys = &memory.Lists{}, newKeys(t)
	handler, err := web.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

func TestHTTPIsRedirectedToHTTPS(t *testing.T) {
	t.Parallel()
	trusting := newHandler(t, web.Options{Proxy: web.Proxy{Proto: true}})
	for path, want := range map[string]string{"/": "https://example.com/", "/?show=open&before=3": "https://example.com/?show=open&before=3", "/add": "https://example.com/add"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			got := ask(t, trusting, "10.0.0.1:1", method, path, "X-Forwarded-Proto", "http")
			if got.StatusCode != http.StatusPermanentRedirect || got.Header.Get("Location") != want || len(got.Cookies()) != 0 {
				t.Errorf("%s %s: status %d to %q, want 308 to %s", method, path, got.StatusCode, got.Header.Get("Location"), want)
			}
		}
	}
	tests := map[string]struct {
		handler http.Handler
		path    string
		headers []string
		hsts    bool
	}{
		"HTTPS":            {trusting, "/", []string{"X-Forwarded-Proto", "https"}, true},
		"health":           {trusting, "/health", []string{"X-Forwarded-Proto", "http"}, false},
		"not by the proxy": {trusting, "/", nil, false},
		"not told to":      {newHandler(t, web.Options{}), "/", []string{"X-Forwarded-Proto", "http"}, false},
	}
	for name, tt := range tests {
		got := ask(t, tt.handler, "10.0.0.1:1", http.MethodGet, tt.path, tt.headers...)
		if got.StatusCode != http.StatusOK || (got.Header.Get("Strict-Transport-Security") != "") != tt.hsts {
			t.Errorf("%s: status %d, HSTS %q", name, got.StatusCode, got.Header.Get("Strict-Transport-Security"))
		}
	}
	got := ask(t, trusting, "10.0.0.1:1", http.MethodGet, "//evil.example/", "X-Forwarded-Proto", "http")
	if to := got.Header.Get("Location"); !strings.HasPrefix(to, "https://example.com/") {
		t.Errorf("a path like a host leads to %q", to)
	}
}

// TestRateLimit asks as one client until it is refused.
func TestRateLimit(t *testing.T) {
	t.Parallel()
	clock := &clock{now: time.Now()}
	const perSecond = 5
	handler := newHandler(t, web.Options{RateLimit: perSecond, Now: clock.time, Proxy: web.Proxy{Hops: 2}})
	status := func(from string, headers ...string) int {
		return ask(t, handler, from, http.MethodGet, "/", headers...).StatusCode
	}
	n := 0
	for status("192.0.2.1:1000") == http.StatusOK {
		if n++; n > 1000 {
			t.Fatal("a client may ask without end")
		}
	}
	if n != 4*perSecond {
		t.Errorf("a client was refused after %d requests, want %d", n, 4*perSecond)
	}
	refused := ask(t, handler, "192.0.2.1:2000", http.MethodGet, "/")
	if refused.StatusCode != http.StatusTooManyRequests || refused.Header.Get("Retry-After") != "1" {
		t.Errorf("from another port: status %d, Retry-After %q", refused.StatusCode, refused.Header.Get("Retry-After"))
	}
	if got := ask(t, handler, "192.0.2.1:1", http.MethodGet, "/health/ready").StatusCode; got != http.StatusOK {
		t.Errorf("health: status %d", got)
	}
	same := []string{"X-Forwarded-For", "198.51.100.1, 192.0.2.1, 10.0.0.1"}
	others := map[string][]string{
		"another":             {},
		"forwarded":           {"X-Forwarded-For", "192.0.2.1, 198.51.100.7, 10.0.0.1"},
		"forwarded, in lines": {"X-Forwarded-For", "192.0.2.1", "X-Forwarded-For", "198.51.100.8", "X-Forwarded-For", "10.0.0.1"},
	}
	if got := status("10.9.9.9:1", same...); got != http.StatusTooManyRequests {
		t.Errorf("the client through the proxies: status %d, want 429", got)
	}
	for name, headers := range others {
		if got := status("10.9.9.9:1", headers...); got != http.StatusOK {
			t.Errorf("%s: status %d, want 200", name, got)
		}
	}
	clock.advance(time.Second)
	if got := status("192.0.2.1:1"); got != http.StatusOK {
		t.Errorf("a second later: status %d, want 200", got)
	}
}

// TestOneNetworkIsOneClient holds for IPv6, where addresses cost nothing.
func TestOneNetworkIsOneClient(t *testing.T) {
	t.Parallel()
	handler := newHandler(t, web.Options{RateLimit: 1})
	for i, from := range []string{"[2001:db8::1]:1", "[2001:db8::2]:1", "[2001:db8::ffff:3]:1", "[2001:db8::4]:9"} {
		if got := ask(t, handler, from, http.MethodGet, "/").StatusCode; got != http.StatusOK {
			t.Fatalf("request %d: status %d", i, got)
		}
	}
	if got := ask(t, handler, "[2001:db8::5]:1", http.MethodGet, "/").StatusCode; got != http.StatusTooManyRequests {
		t.Errorf("the same network: status %d, want 429", got)
	}
	if got := ask(t, handler, "[2001:db8:0:1::1]:1", http.MethodGet, "/").StatusCode; got != http.StatusOK {
		t.Errorf("another network: status %d, want 200", got)
	}
	if got := ask(t, handler, "[::ffff:192.0.2.9]:1", http.MethodGet, "/").StatusCode; got != http.StatusOK {
		t.Errorf("IPv4 written as IPv6: status %d, want 200", got)
	}
}

func TestForwardedForIsNotBelievedUnasked(t *testing.T) {
	t.Parallel()
	handler := newHandler(t, web.Options{RateLimit: 1})
	refused := false
	for i := range 10 {
		refused = refused || ask(t, handler, "192.0.2.1:1", http.MethodGet, "/", "X-Forwarded-For", "198.51.100."+itoa(int64(i))).StatusCode == http.StatusTooManyRequests
	}
	if !refused {
		t.Error("a client names itself anew with each request")
	}
}
