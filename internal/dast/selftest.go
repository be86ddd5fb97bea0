package dast

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
)

// flaw is one of the site of the self-test.
type flaw struct {
	rule rule
	at   string
}

// planted are all kinds that a site without TLS can have and still be a site.
func planted() []flaw {
	return []flaw{
		{healthUnavailable, "GET /health"}, {emptyPage, "GET /empty"}, {redirectLoop, "GET /loop"}, {serverError, "GET /fault"},
		{cspMissing, "GET /"}, {cspScripts, "GET /scripts"}, {noSniff, "GET /"}, {framing, "GET /"}, {referrer, "GET /"},
		{versionDisclosed, "GET /"}, {xssProtection, "GET /"}, {cookieHTTPOnly, "GET /"}, {cookieSameSite, "GET /"},
		{csrfMissing, "POST /bare"}, {csrfUnchecked, "POST /change"}, {csrfForged, "POST /change"}, {csrfUnbound, "POST /change"},
		{formRefused, "POST /refused"}, {getChangesState, "POST /change"},
	}
}

// prove does the self-test. Where there is a folder to keep it, one that was
// passed by the same Sluice is good for every run.
func (o Options) prove(ctx context.Context) (t pipeline.SelfTest, err error) {
	if o.Cache == "" {
		t, err = selfTest(ctx)
	} else {
		t, err = scan.Proofs{Dir: o.Cache}.Once(map[string]string{"sluice": o.Version}, func() (pipeline.SelfTest, error) { return selfTest(ctx) })
	}
	if err == nil && !t.Passed() {
		err = fmt.Errorf("of the planted flaws %s it finds %s", strings.Join(t.Planted, ", "), strings.Join(t.Caught, ", "))
	}
	return t, err
}

// selfTest runs the check on a site with flaws.
func selfTest(ctx context.Context) (pipeline.SelfTest, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return pipeline.SelfTest{}, fmt.Errorf("opening a port for a site with flaws: %w", err)
	}
	server := &http.Server{Handler: flawed(), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t, err := findsPlanted(ctx, &url.URL{Scheme: "http", Host: listener.Addr().String(), Path: "/"})
	closed := server.Close()
	if serving := <-served; !errors.Is(serving, http.ErrServerClosed) {
		err = errors.Join(err, serving)
	}
	return t, errors.Join(err, closed)
}

// findsPlanted is an error when the check finds what was not planted.
func findsPlanted(ctx context.Context, base *url.URL) (t pipeline.SelfTest, err error) {
	r, err := check(ctx, base, Options{}.withDefaults())
	if err != nil {
		return t, err
	}
	if r.NotRun != "" {
		return t, errors.New(r.NotRun)
	}
	for _, f := range planted() {
		t.Planted = append(t.Planted, f.rule.id)
	}
	for _, f := range r.Findings {
		if !slices.ContainsFunc(planted(), func(p flaw) bool { return p.rule.id == f.Rule && p.at == f.Location.Path }) {
			return t, fmt.Errorf("it finds %s at %s, which was not planted", f.Rule, f.Location)
		}
		t.Caught = append(t.Caught, f.Rule)
	}
	return t, nil
}

// flawed is a site with a form that has no token, one whose token decides
// nothing and one that takes none, without any header that protects a browser.
func flawed() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		// #nosec G124 -- the flaws that the check must find
		http.SetCookie(w, &http.Cookie{Name: "session", Value: rand.Text(), SameSite: http.SameSiteLaxMode})
		// #nosec G124 -- likewise
		http.SetCookie(w, &http.Cookie{Name: "visit", Value: rand.Text(), HttpOnly: true})
		w.Header().Set("Server", "planted/1.0")
		w.Header().Set("X-XSS-Protection", "1")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<form method="post" action="/change"><input type="hidden" name="csrf_token" value="%s"><input name="name"></form>
<form method="post" action="/refused"><input type="hidden" name="csrf_token" value="%s"></form>
<form method="post" action="/bare"><input name="name"></form>
<a href="/fault">fault</a> <a href="/empty">empty</a> <a href="/loop">loop</a> <a href="/scripts">scripts</a>`, rand.Text(), rand.Text())
	})
	mux.HandleFunc("POST /change", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusSeeOther) })
	mux.HandleFunc("GET /change", status(http.StatusNoContent))
	mux.HandleFunc("POST /refused", status(http.StatusForbidden))
	mux.HandleFunc("GET /fault", status(http.StatusInternalServerError))
	mux.HandleFunc("GET /empty", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "text/html") })
	mux.HandleFunc("GET /loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	mux.HandleFunc("GET /scripts", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", "script-src 'unsafe-inline'")
		fmt.Fprint(w, "<!DOCTYPE html><p>any script runs here")
	})
	return mux
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}
