package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sluice-ci/sluice/app/web"
)

const csrfMessage = "Bad Request: CSRF token missing or invalid"

// changed is a text with one character replaced.
func changed(s string, at int) string {
	c := byte('A')
	if s[at] == c {
		c = 'B'
	}
	return s[:at] + string(c) + s[at+1:]
}

func TestTokensThatAreRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	other := s.visitor(t).token()
	tests := map[string]func(token string) []string{
		"missing":           func(string) []string { return nil },
		"empty":             func(string) []string { return []string{"csrf_token", ""} },
		"first changed":     func(k string) []string { return []string{"csrf_token", changed(k, 0)} },
		"last changed":      func(k string) []string { return []string{"csrf_token", changed(k, len(k)-1)} },
		"code changed":      func(k string) []string { return []string{"csrf_token", changed(k, strings.Index(k, ".")+1)} },
		"cut":               func(k string) []string { return []string{"csrf_token", k[:len(k)-1]} },
		"longer":            func(k string) []string { return []string{"csrf_token", k + "A"} },
		"very long":         func(k string) []string { return []string{"csrf_token", strings.Repeat(k, 100)} },
		"code alone":        func(k string) []string { return []string{"csrf_token", k[strings.Index(k, ".")+1:]} },
		"another's":         func(string) []string { return []string{"csrf_token", other} },
		"a wrong one first": func(k string) []string { return []string{"csrf_token", "x", "csrf_token", k} },
		"in another field":  func(k string) []string { return []string{"token", k} },
	}
	for name, fields := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := s.visitor(t)
			v.add("x")
			token := v.token()
			for _, path := range []string{"/add", "/complete/" + itoa(v.list()[0].ID)} {
				got := v.post(path, append(fields(token), "name", "forged")...)
				if got.StatusCode != http.StatusBadRequest || !strings.Contains(got.body, csrfMessage) {
					t.Errorf("POST %s: status %d:\n%s", path, got.StatusCode, got.body)
				}
			}
			if got := v.list(); len(got) != 1 || got[0].Complete {
				t.Errorf("the list has become %v", got)
			}
		})
	}
	t.Cleanup(func() {
		if !strings.Contains(s.log.String(), `level=WARN msg="CSRF failure: token not made for this session"`) {
			t.Errorf("the log does not tell:\n%s", s.log)
		}
	})
}

func TestTokenInTheAddressIsNoToken(t *testing.T) {
	t.Parallel()
	v := newSite(t, nil).visitor(t)
	got := v.post("/add?name=x&csrf_token="+url.QueryEscape(v.token()), "name", "x")
	if got.StatusCode != http.StatusBadRequest {
		t.Errorf("status %d, want 400", got.StatusCode)
	}
}

func TestTokenGrowsOld(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	v := s.visitor(t)
	token := v.token()
	for _, step := range []struct {
		after time.Duration
		want  int
	}{{12 * time.Hour, http.StatusSeeOther}, {2 * time.Second, http.StatusBadRequest}} {
		s.clock.advance(step.after)
		if got := v.post("/add", "name", "x", "csrf_token", token); got.StatusCode != step.want {
			t.Errorf("%v later: status %d, want %d", step.after, got.StatusCode, step.want)
		}
	}
	v.add("a new page has a new token")
	s.clock.advance(-time.Hour) // a clock set back makes tokens of the future
	token = v.token()
	s.clock.advance(-time.Hour)
	if got := v.post("/add", "name", "x", "csrf_token", token); got.StatusCode != http.StatusBadRequest {
		t.Errorf("token of the future: status %d, want 400", got.StatusCode)
	}
}

func TestFormWithoutSession(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	token := s.visitor(t).token()
	stranger := s.visitor(t)
	got := stranger.post("/add", "name", "x", "csrf_token", token)
	if got.StatusCode != http.StatusBadRequest || len(got.Cookies()) != 0 {
		t.Errorf("status %d, cookies %v, want 400 and none", got.StatusCode, got.Cookies())
	}
}

func TestRequestsOfOtherSites(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	own := s.URL
	tests := []struct {
		name, header, value string
		want                int
	}{
		{"other origin", "Origin", "https://evil.example", http.StatusForbidden},
		{"no origin of its own", "Origin", "null", http.StatusForbidden},
		{"cross-site", "Sec-Fetch-Site", "cross-site", http.StatusForbidden},
		{"neighbouring host", "Sec-Fetch-Site", "same-site", http.StatusForbidden},
		{"own origin", "Origin", own, http.StatusSeeOther},
		{"same-origin", "Sec-Fetch-Site", "same-origin", http.StatusSeeOther},
		{"typed by the user", "Sec-Fetch-Site", "none", http.StatusSeeOther},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			v := s.visitor(t)
			r := v.request(http.MethodPost, "/add", url.Values{"name": {"x"}, "csrf_token": {v.token()}}.Encode())
			r.Header.Set(tt.header, tt.value)
			got := v.do(r)
			if got.StatusCode != tt.want {
				t.Errorf("status %d, want %d", got.StatusCode, tt.want)
			}
			if added := len(v.list()) == 1; added != (tt.want == http.StatusSeeOther) {
				t.Errorf("added: %v", added)
			}
		})
	}
	t.Cleanup(func() {
		if !strings.Contains(s.log.String(), `msg="CSRF failure: request from another origin"`) {
			t.Errorf("the log does not tell:\n%s", s.log)
		}
	})
}

func TestFormsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	tests := map[string]struct {
		kind, body string
		want       int
	}{
		"JSON":          {"application/json", `{"name":"x"}`, http.StatusUnsupportedMediaType},
		"text":          {"text/plain", "name=x", http.StatusUnsupportedMediaType},
		"multipart":     {"multipart/form-data; boundary=b", "--b--", http.StatusUnsupportedMediaType},
		"no such type":  {";;;", "name=x", http.StatusUnsupportedMediaType},
		"no type":       {"", "name=x", http.StatusBadRequest},
		"bad escape":    {"application/x-www-form-urlencoded", "name=%zz", http.StatusBadRequest},
		"semicolons":    {"application/x-www-form-urlencoded", "name=x;y=z", http.StatusBadRequest},
		"5 MB":          {"application/x-www-form-urlencoded", "name=" + strings.Repeat("x", 5<<20), http.StatusRequestEntityTooLarge},
		"many fields":   {"application/x-www-form-urlencoded", strings.Repeat("a=&", 20000), http.StatusBadRequest},
		"other charset": {"application/x-www-form-urlencoded; charset=utf-7", "name=x", http.StatusBadRequest},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := s.visitor(t)
			v.get("/")
			r := v.request(http.MethodPost, "/add", tt.body)
			r.Header["Content-Type"] = []string{tt.kind}
			if got := v.do(r); got.StatusCode != tt.want {
				t.Errorf("status %d, want %d", got.StatusCode, tt.want)
			}
			if n := len(v.list()); n != 0 {
				t.Errorf("the list has %d items", n)
			}
		})
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	good := web.NewKey()
	tests := map[string]struct {
		in   string
		want int
	}{
		"one":       {good, 1},
		"two":       {good + ", " + web.NewKey() + "\n", 2},
		"none":      {" ,\n", 0},
		"no base64": {good + ",***", 0},
		"short":     {"c2hvcnQ=", 0},
		"many":      {strings.Repeat(good+",", 11), 0},
	}
	for name, tt := range tests {
		keys, err := web.ParseKeys(tt.in)
		if (err == nil) != (tt.want > 0) || err == nil && len(keys) != tt.want {
			t.Errorf("%s: %d keys, %v; want %d", name, len(keys), err, tt.want)
		}
		if err != nil && strings.Contains(err.Error(), good) {
			t.Errorf("%s: the error shows a key", name)
		}
	}
	if _, err := web.New(web.Options{}); err == nil {
		t.Error("a handler was made without a key")
	}
}
