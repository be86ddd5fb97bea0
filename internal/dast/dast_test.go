package dast

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

func TestGoodSite(t *testing.T) {
	t.Parallel()
	r := run(t, &site{})
	expect(t, r)
	if pages, forms := count(r, "pages"), count(r, "forms"); pages < 2 || forms != 2 {
		t.Errorf("%d pages, %d forms: the form that only an added item brings up was not found", pages, forms)
	}
	if diff := cmp.Diff([]pipeline.Tool{{Name: "dast", Version: "test"}}, r.Tools); diff != "" {
		t.Error(diff)
	}
}

// TestSiteThatLimits says of every third request that it came too soon.
func TestSiteThatLimits(t *testing.T) {
	t.Parallel()
	good := &site{}
	var n, refused atomic.Int64
	r := run(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.Add(1)%3 == 0 {
			refused.Add(1)
			w.Header().Set("Retry-After", "0")
			good.protect(w.Header())
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		good.ServeHTTP(w, r)
	}))
	expect(t, r)
	if forms := count(r, "forms"); forms != 2 || refused.Load() == 0 || r.NotRun != "" {
		t.Errorf("%d forms, %d requests came too soon, not run %q", forms, refused.Load(), r.NotRun)
	}
}

func TestForms(t *testing.T) {
	t.Parallel()
	const add, complete = "POST /add", "POST /complete/{id}"
	tests := map[string]struct {
		site *site
		want []string
	}{
		"no check": {&site{accepts: func(*site, string, string) bool { return true }}, []string{
			"dast-csrf-unchecked " + add, "dast-csrf-forged " + add, "dast-csrf-unbound " + add,
			"dast-csrf-unchecked " + complete, "dast-csrf-forged " + complete, "dast-csrf-unbound " + complete}},
		"presence only": {&site{accepts: func(_ *site, _, token string) bool { return token != "" }}, []string{
			"dast-csrf-forged " + add, "dast-csrf-unbound " + add, "dast-csrf-forged " + complete, "dast-csrf-unbound " + complete}},
		"length only": {&site{accepts: func(_ *site, _, token string) bool { return len(token) == 88 }}, []string{
			"dast-csrf-forged " + add, "dast-csrf-unbound " + add, "dast-csrf-forged " + complete, "dast-csrf-unbound " + complete}},
		"well formed only":    {&site{accepts: func(_ *site, _, token string) bool { return unmask(token) != nil }}, []string{"dast-csrf-forged " + add, "dast-csrf-unbound " + add, "dast-csrf-forged " + complete, "dast-csrf-unbound " + complete}},
		"any session's":       {&site{accepts: anySession}, []string{"dast-csrf-unbound " + add, "dast-csrf-unbound " + complete}},
		"checked if present":  {&site{accepts: func(s *site, id, token string) bool { return token == "" || own(s, id, token) }}, []string{"dast-csrf-unchecked " + add, "dast-csrf-unchecked " + complete}},
		"none is accepted":    {&site{accepts: func(*site, string, string) bool { return false }}, []string{"dast-form-refused " + add}},
		"refusal is a fault":  {&site{refusal: 500}, []string{"dast-server-error " + add, "dast-server-error " + complete}},
		"right is a fault":    {&site{after: answerWith(500)}, []string{"dast-server-error " + add}},
		"GET works too":       {&site{get: true}, []string{"dast-get-changes-state " + add}},
		"token by its look":   {&site{field: "x1"}, nil},
		"form without token":  {&site{extra: `<form method="POST" action="/bare"><input name="a"></form>`}, []string{"dast-csrf-missing POST /bare"}},
		"empty token":         {&site{extra: `<form method="POST" action="/bare"><input type="hidden" name="csrf_token"></form>`}, []string{"dast-csrf-missing POST /bare"}},
		"constant is none":    {&site{extra: `<form method="POST" action="/bare"><input type="hidden" name="x" value="0123456789abcdef0123456789abcdef"></form>`}, []string{"dast-csrf-missing POST /bare"}},
		"button's own action": {&site{extra: `<form action="/search"><input name="q"><button formaction="/bare" formmethod="post">x</button></form>`}, []string{"dast-csrf-missing POST /bare"}},
		"content is refused":  {&site{after: answerWith(422)}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expect(t, run(t, test.site), test.want...)
		})
	}
}

func answerWith(status int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(status)
		return true
	}
}

// A form without a token is not submitted: that could do what nobody wants.
func TestFormWithoutTokenIsNotSubmitted(t *testing.T) {
	t.Parallel()
	var submitted atomic.Int32
	s := &site{extra: `<form method="post" action="/bare"><input name="a"></form><form method="post" action="//other.example/x"></form><form action="/search"><input name="q"></form>`,
		handlers: map[string]http.HandlerFunc{"POST /bare": func(http.ResponseWriter, *http.Request) { submitted.Add(1) }}}
	r := run(t, s)
	expect(t, r, "dast-csrf-missing POST /bare")
	if n := submitted.Load(); n != 0 {
		t.Errorf("submitted %d times", n)
	}
	for _, want := range []string{"another origin was not submitted: http://other.example/x", "a form that asks by GET was not submitted: GET /search"} {
		if !hasText(r.Notes, want) {
			t.Errorf("no note says %q: %q", want, r.Notes)
		}
	}
}

func TestPasswordFormIsNotSubmittedRight(t *testing.T) {
	t.Parallel()
	const form = `<form method="post" action="/login"><input type="hidden" name="csrf_token" value="%s"><input type="password" name="p"></form>`
	var right atomic.Int32
	s := &site{}
	s.handlers = map[string]http.HandlerFunc{"POST /login": func(w http.ResponseWriter, r *http.Request) {
		if c, err := r.Cookie("sid"); err == nil && r.PostFormValue("csrf_token") == "token-of-"+c.Value {
			right.Add(1)
		}
		w.WriteHeader(http.StatusForbidden)
	}}
	s.page = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, form, "token-of-"+s.session(w, r))
	}
	r := run(t, s)
	expect(t, r)
	if right.Load() != 0 || !hasText(r.Notes, "POST /login asks for a password") || count(r, "forms") != 1 {
		t.Errorf("submitted %d times; notes %q; %v", right.Load(), r.Notes, r.Examined)
	}
}

func TestFindingsAreWhole(t *testing.T) {
	t.Parallel()
	r := run(t, &site{extra: `<form method="post" action="/bare"></form>`})
	want := []sarif.Finding{{Rule: "dast-csrf-missing", Tool: "dast", Stage: "dast", Message: "the form has no token, and was not submitted", Severity: sarif.High,
		Location: sarif.Location{Path: "POST /bare"}, CWE: []int{352}, Identity: "dast-csrf-missing POST /bare"}}
	if diff := cmp.Diff(want, r.Findings); diff != "" {
		t.Error(diff)
	}
	if len(r.Rules) != 1 || r.Rules[0].ID != "dast-csrf-missing" || r.Rules[0].Why == "" || r.Rules[0].Fix == "" {
		t.Errorf("rules %+v", r.Rules)
	}
}

// What decides must be the token, not where the request seems to come from: so
// all requests come from the service's own pages.
func TestRequestsComeFromTheService(t *testing.T) {
	t.Parallel()
	s := &site{}
	r := run(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		own := "http://" + r.Host
		if r.Method == http.MethodPost && (r.Header.Get("Origin") != own || r.Header.Get("Referer") != own+"/" || r.Header.Get("Sec-Fetch-Site") != "same-origin") {
			http.Error(w, "this comes from elsewhere", http.StatusForbidden)
			return
		}
		s.ServeHTTP(w, r)
	}))
	expect(t, r)
}

// Forms that only other forms bring up are checked, to a depth.
func TestFormsBehindForms(t *testing.T) {
	t.Parallel()
	const steps = "abcdef"
	progress := map[string]int{}
	s := &site{}
	s.page = func(w http.ResponseWriter, r *http.Request) {
		id := s.session(w, r)
		s.mu.Lock()
		defer s.mu.Unlock()
		pageOf(fmt.Sprintf(`<form method=post action="/step-%c"><input type=hidden name=csrf_token value="token-of-%s"></form>`, steps[progress[id]], id))(w, r)
	}
	s.handlers = map[string]http.HandlerFunc{"POST /{step}": func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		c, err := r.Cookie("sid")
		if err != nil || r.PostFormValue("csrf_token") != "token-of-"+c.Value {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		progress[c.Value]++
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}}
	r := run(t, s)
	expect(t, r)
	if n := count(r, "forms"); n != maxRoute+1 {
		t.Errorf("%d forms", n)
	}
}

// One defect is one finding, however many answers show it.
func TestOneFindingForADefect(t *testing.T) {
	t.Parallel()
	r := run(t, &site{header: func(h http.Header) { h.Del("X-Content-Type-Options") }, handlers: map[string]http.HandlerFunc{"GET /a": pageOf("<p>a"), "GET /b": pageOf("<p>b")},
		page: pageOf(`<a href="/a">a</a> <a href="/b">b</a>`)})
	expect(t, r, "dast-nosniff-missing GET /")
	if got, want := r.Findings[0].Message, "the page has no X-Content-Type-Options: nosniff (and 2 answers more)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A form that is sent to the page which it is on is shown by GET, rightly.
func TestFormOfItsOwnPage(t *testing.T) {
	t.Parallel()
	s := &site{}
	s.page = pageOf(`<a href="/contact">write to us</a>`)
	s.handlers = map[string]http.HandlerFunc{
		"GET /contact": func(w http.ResponseWriter, r *http.Request) {
			pageOf(fmt.Sprintf(`<form method=post><input type=hidden name=csrf_token value="token-of-%s"><input name=text></form>`, s.session(w, r)))(w, r)
		},
		"POST /contact": func(w http.ResponseWriter, r *http.Request) {
			if c, err := r.Cookie("sid"); err != nil || r.PostFormValue("csrf_token") != "token-of-"+c.Value || r.PostFormValue("text") == "" {
				w.WriteHeader(http.StatusForbidden)
			}
		},
	}
	r := run(t, s)
	expect(t, r)
	if n := count(r, "forms"); n != 1 {
		t.Errorf("%d forms", n)
	}
}

func TestRulesAreWhole(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, r := range allRules() {
		if !strings.HasPrefix(r.id, "dast-") || seen[r.id] || r.severity == 0 || r.why == "" || r.fix == "" || r.name == "" {
			t.Errorf("rule %+v", r)
		}
		seen[r.id] = true
	}
	if len(seen) < 20 {
		t.Errorf("%d rules", len(seen))
	}
}

func TestAvailability(t *testing.T) {
	t.Parallel()
	status := func(n int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(n) }
	}
	html := func(text string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, text)
		}
	}
	redirect := func(to string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
	}
	tests := map[string]struct {
		site   http.Handler
		want   []string
		notRun string
	}{
		"empty page":           {&site{page: html("")}, []string{"dast-empty-page GET /"}, ""},
		"page of white space":  {&site{page: html("<!DOCTYPE html><html><head><title>x</title><style>a{}</style></head><body> \n<div></div></body></html>")}, []string{"dast-empty-page GET /"}, ""},
		"page in a template":   {&site{page: html("<template>hello</template>")}, []string{"dast-empty-page GET /"}, ""},
		"page made by scripts": {&site{page: html(`<div id="root"></div><script src="/app.js"></script>`)}, nil, ""},
		"nothing at all":       {&site{page: status(200)}, []string{"dast-empty-page GET /"}, "no page was found"},
		"no content":           {&site{page: status(204)}, []string{"dast-empty-page GET /"}, "no page was found"},
		"empty JSON":           {&site{page: func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "application/json") }}, []string{"dast-empty-page GET /"}, "no page was found"},
		"not found":            {&site{page: http.NotFound}, []string{"dast-root-unavailable GET /"}, "no page was found"},
		"fault":                {&site{page: status(503)}, []string{"dast-server-error GET /", "dast-root-unavailable GET /"}, "no page was found"},
		"no HTML":              {&site{page: func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "plain") }}, nil, "no page was found"},
		"redirect within":      {&site{page: redirect("/home"), handlers: map[string]http.HandlerFunc{"GET /home": html("<p>hello")}}, nil, ""},
		"redirect elsewhere":   {&site{page: redirect("http://other.example/")}, []string{"dast-root-unavailable GET /"}, "no page was found"},
		"redirect nowhere":     {&site{page: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(302) }}, []string{"dast-root-unavailable GET /"}, "no page was found"},
		"redirect to itself":   {&site{page: redirect("/")}, []string{"dast-redirect-loop GET /"}, "no page was found"},
		"a page without forms": {&site{page: html("<p>hello")}, nil, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := run(t, test.site)
			if diff := cmp.Diff(test.want, rulesAt(r)); diff != "" {
				t.Error(diff)
			}
			if (r.NotRun == "") != (test.notRun == "") || !strings.Contains(r.NotRun, test.notRun) {
				t.Errorf("not run: %q", r.NotRun)
			}
			if r.NotRun != "" && r.Remedy == "" {
				t.Error("no remedy")
			}
		})
	}
}

func TestRedirectElsewhereIsNamed(t *testing.T) {
	t.Parallel()
	r := run(t, &site{page: func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://u:p@other.example/x?token=y", http.StatusFound)
	}})
	if len(r.Findings) != 1 || r.Findings[0].Message != "/ redirects to somewhere else: http://other.example" {
		t.Errorf("got %+v", r.Findings)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		(&site{}).ServeHTTP(w, r)
	})
	r := run(t, h)
	if got := rulesAt(r); len(got) == 0 || got[0] != "dast-health-unavailable GET /health" {
		t.Errorf("got %q", got)
	}
}

func TestUnreachableIsNotRun(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for text, says := range map[string]string{
		"http://" + address: "connection refused", "ftp://x": "no address of a web service", "http://": "no address of a web service",
		"http://u:p@127.0.0.1": "user name",
	} {
		r, err := Check(context.Background(), parse(t, text), Options{})
		if err == nil || !strings.Contains(err.Error(), says) || hint.Remedy(err) == "" || r.Stage != "" {
			t.Errorf("%s: %v (remedy %q), %+v", text, err, hint.Remedy(err), r)
		}
		if err != nil && strings.Contains(err.Error(), ":p@") {
			t.Errorf("a password in %q", err)
		}
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	if _, err := Check(ctx, serve(t, h), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestCancelledHalfway(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	s := &site{}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_ = r.ParseForm() // a server notices that its client has gone once the body is read
			cancel()
			<-r.Context().Done()
			return
		}
		s.ServeHTTP(w, r)
	})
	if _, err := Check(ctx, serve(t, h), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestScanner(t *testing.T) {
	t.Parallel()
	var s scan.Scanner = Scanner{}
	job, err := s.Job(scan.Service{Version: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	want := pipeline.Job{Name: "dast", Stages: []string{"dast"}, Needs: []string{"deploy"}, Check: true, Params: params{Version: "v1"}, Always: true,
		Cost: job.Cost, Limit: job.Limit, Access: pipeline.Access{Network: pipeline.Machine}}
	if diff := cmp.Diff(want, job); diff != "" || s.Name() != job.Name {
		t.Errorf("%s: %s", s.Name(), diff)
	}
	text, err := json.Marshal(job.Params)
	if err != nil {
		t.Fatal(err)
	}
	task := func(address string) pipeline.Task {
		values := map[string]string{"url": address}
		return pipeline.Task{Job: "dast", Params: text, Cache: t.TempDir(), Progress: func(string) {}, Log: &strings.Builder{},
			Needs: map[string]pipeline.Need{"deploy": {Reports: map[string]pipeline.Report{"deploy": {Values: values}}}}}
	}
	server := httptest.NewServer(&site{})
	t.Cleanup(server.Close)
	done := task(server.URL)
	a, err := s.Worker()(context.Background(), done)
	if err != nil || len(a.Reports) != 1 || a.Reports[0].Stage != "dast" || a.Reports[0].Tools[0].Version != "v1" || len(a.Reports[0].Findings) != 0 {
		t.Errorf("got %+v, %v", a, err)
	}
	if r := pipeline.Decide(a.Reports[0], pipeline.Verdict{}, true); r.Outcome != pipeline.Passed {
		t.Errorf("it is %s: %s", r.Outcome, r.Reason)
	}
	if log := done.Log.(*strings.Builder).String(); !strings.Contains(log, "POST /add without its token 403\n") {
		t.Errorf("log: %s", log)
	}
	for address, says := range map[string]string{"": "names no address", "http://127.0.0.1:1": "refused", ":": "reading the address"} {
		if a, err := s.Worker()(context.Background(), task(address)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %+v, %v", address, a, err)
		}
	}
	if _, err := s.Worker()(context.Background(), pipeline.Task{Job: "dast", Params: []byte("[]")}); err == nil {
		t.Error("parameters that are none are taken")
	}
}

// The self-test must notice a check that is blind.
func TestSelfTestFindsNothingOnAGoodSite(t *testing.T) {
	t.Parallel()
	proof, err := findsPlanted(context.Background(), &url.URL{Scheme: "http", Host: serve(t, &site{}).Host, Path: "/"})
	if err != nil || len(proof.Planted) != len(planted()) || len(proof.Caught) != 0 {
		t.Errorf("got %+v, %v", proof, err)
	}
}

// Nor is it proof to find a flaw elsewhere than where it is.
func TestSelfTestFindsWhatIsNotPlanted(t *testing.T) {
	t.Parallel()
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/empty" {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		flawed().ServeHTTP(w, r)
	})
	_, err := findsPlanted(context.Background(), &url.URL{Scheme: "http", Host: serve(t, h).Host, Path: "/"})
	if err == nil || !strings.Contains(err.Error(), "dast-server-error at GET /empty, which was not planted") {
		t.Errorf("got %v", err)
	}
}

// A self-test is done once for a version where there is a place to keep it.
func TestSelfTestIsKept(t *testing.T) {
	t.Parallel()
	o := Options{Version: "v1", Cache: t.TempDir()}
	proof, err := o.prove(t.Context())
	if err != nil || !proof.Passed() || len(proof.Planted) != len(planted()) {
		t.Fatalf("got %+v, %v", proof, err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if again, err := o.prove(gone); err != nil || !cmp.Equal(proof, again) {
		t.Errorf("again: %+v, %v", again, err)
	}
	o.Version = "v2"
	if _, err := o.prove(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("by another version: %v", err)
	}
}

// Nor may it take for proof what it could not look at.
func TestSelfTestIsWhole(t *testing.T) {
	t.Parallel()
	base := serve(t, &site{page: pageOf("<p>" + forms(maxForms+1))})
	_, err := findsPlanted(context.Background(), &url.URL{Scheme: "http", Host: base.Host, Path: "/"})
	if err == nil || !strings.Contains(err.Error(), "has more than 20 forms") {
		t.Errorf("got %v", err)
	}
}
