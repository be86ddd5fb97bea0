package dast

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/sluice-ci/sluice/internal/pipeline"
)

// site is a small service as it should be: lists by session, masked tokens as
// gorilla/csrf makes them, headers. Tests spoil one thing of it.
type site struct {
	field    string                                            // name of the token's field
	accepts  func(s *site, session, token string) bool         // nil: the session's own
	get      bool                                              // actions work by GET too
	header   func(http.Header)                                 // spoils the headers
	cookie   func(*http.Cookie)                                // spoils the cookie
	page     func(w http.ResponseWriter, r *http.Request)      // serves / instead
	extra    string                                            // HTML on the page
	handlers map[string]http.HandlerFunc                       // more of them
	refusal  int                                               // status for a wrong token; 0 is 403
	after    func(w http.ResponseWriter, r *http.Request) bool // answers a good POST instead

	mu     sync.Mutex
	tokens map[string][]byte   // by session
	items  map[string][]string // by session
}

var sitePage = template.Must(template.New("").Parse(`<!DOCTYPE html><title>To do</title><h1>To do</h1>
<form method="post" action="/add"><input type="hidden" name="{{.Field}}" value="{{.Token}}"><input name="name" required maxlength="200"><button>Add</button></form>
{{range $i, $item := .Items}}<form method="post" action="/complete/{{$i}}"><input type="hidden" name="{{$.Field}}" value="{{$.Token}}">{{$item}} <button>Done</button></form>{{end}}
{{.Extra}}`))

func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.protect(w.Header())
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.list)
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("POST /add", s.guarded(func(id string, r *http.Request) { s.items[id] = append(s.items[id], r.PostFormValue("name")) }))
	mux.HandleFunc("POST /complete/{n}", s.guarded(func(id string, r *http.Request) {
		if n, err := strconv.Atoi(r.PathValue("n")); err == nil && n < len(s.items[id]) {
			s.items[id] = s.items[id][:n]
		}
	}))
	if s.get {
		mux.HandleFunc("GET /add", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) })
	}
	for pattern, handler := range s.handlers {
		mux.HandleFunc(pattern, handler)
	}
	mux.ServeHTTP(w, r)
}

func (s *site) protect(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'self'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	if s.header != nil {
		s.header(h)
	}
}

func (s *site) list(w http.ResponseWriter, r *http.Request) {
	if s.page != nil {
		s.page(w, r)
		return
	}
	id := s.session(w, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	mask := make([]byte, 32)
	rand.Read(mask)
	masked := append(mask, make([]byte, 32)...)
	subtle.XORBytes(masked[32:], mask, s.tokens[id])
	data := map[string]any{"Field": orElse(s.field, "gorilla.csrf.Token"), "Token": base64.StdEncoding.EncodeToString(masked), "Items": s.items[id], "Extra": template.HTML(s.extra)}
	if err := sitePage.Execute(w, data); err != nil {
		panic(err)
	}
}

func (s *site) session(w http.ResponseWriter, r *http.Request) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, err := r.Cookie("sid"); err == nil && s.tokens[c.Value] != nil {
		return c.Value
	}
	if s.tokens == nil {
		s.tokens, s.items = map[string][]byte{}, map[string][]string{}
	}
	id, token := rand.Text(), make([]byte, 32)
	rand.Read(token)
	s.tokens[id] = token
	c := &http.Cookie{Name: "sid", Value: id, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil}
	if s.cookie != nil {
		s.cookie(c)
	}
	http.SetCookie(w, c)
	return id
}

func (s *site) guarded(do func(string, *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := s.session(w, r)
		s.mu.Lock()
		defer s.mu.Unlock()
		accepts := own
		if s.accepts != nil {
			accepts = s.accepts
		}
		if !accepts(s, id, r.PostFormValue(orElse(s.field, "gorilla.csrf.Token"))) {
			http.Error(w, "token missing or invalid", max(s.refusal, 403))
			return
		}
		if s.after != nil && s.after(w, r) {
			return
		}
		do(id, r)
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}
}

// unmask is the token that a field's value stands for.
func unmask(value string) []byte {
	b, err := base64.StdEncoding.DecodeString(value)
	if err != nil || len(b) != 64 {
		return nil
	}
	subtle.XORBytes(b[32:], b[:32], b[32:])
	return b[32:]
}

func own(s *site, session, token string) bool { return bytes.Equal(unmask(token), s.tokens[session]) }

func anySession(s *site, _, token string) bool {
	for session := range s.tokens {
		if own(s, session, token) {
			return true
		}
	}
	return false
}

// serve runs a handler and returns its address.
func serve(t *testing.T, h http.Handler) *url.URL {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return parse(t, server.URL)
}

func parse(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// run checks a handler and ends the test when that is not possible.
func run(t *testing.T, h http.Handler) pipeline.Report {
	t.Helper()
	r, err := Check(context.Background(), serve(t, h), Options{Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// rulesAt are the findings as "rule place", in order of being found.
func rulesAt(r pipeline.Report) []string {
	var all []string
	for _, f := range r.Findings {
		all = append(all, f.Rule+" "+f.Location.Path)
	}
	return all
}

func expect(t *testing.T, r pipeline.Report, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, rulesAt(r)); diff != "" {
		t.Errorf("findings: %s", diff)
		for _, f := range r.Findings {
			t.Logf("%s: %s", f.Location.Path, f.Message)
		}
	}
	if r.NotRun != "" {
		t.Errorf("not run: %s", r.NotRun)
	}
}

func count(r pipeline.Report, what string) int {
	for _, c := range r.Examined {
		if c.What == what {
			return c.N
		}
	}
	return -1
}

// quick is short enough to wait for an answer that never comes.
const quick = 500 * time.Millisecond

func hasText(texts []string, part string) bool {
	for _, s := range texts {
		if strings.Contains(s, part) {
			return true
		}
	}
	return false
}
