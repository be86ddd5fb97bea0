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
)

// planted are the flaws of the site of the self-test.
func planted() []rule {
	return []rule{cspMissing, noSniff, framing, referrer, cookieHTTPOnly, csrfMissing, csrfUnchecked, csrfForged, csrfUnbound, getChangesState, serverError}
}

// selfTest runs the check on a site with flaws, and is an error when it does
// not find every one of them and nothing else.
func selfTest(ctx context.Context) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("opening a port for a site with flaws: %w", err)
	}
	server := &http.Server{Handler: flawed(), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	err = findsPlanted(ctx, &url.URL{Scheme: "http", Host: listener.Addr().String(), Path: "/"})
	closed := server.Close()
	if serving := <-served; !errors.Is(serving, http.ErrServerClosed) {
		err = errors.Join(err, serving)
	}
	return errors.Join(err, closed)
}

func findsPlanted(ctx context.Context, base *url.URL) error {
	r, err := check(ctx, base, Options{}.withDefaults())
	if err != nil {
		return err
	}
	if r.NotRun != "" {
		return errors.New(r.NotRun)
	}
	var got, want []string
	for _, f := range r.Findings {
		got = append(got, f.Rule)
	}
	for _, p := range planted() {
		want = append(want, p.id)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return fmt.Errorf("of the planted flaws %s it finds %s", strings.Join(want, ", "), strings.Join(got, ", "))
	}
	return nil
}

// flawed is a site with one form that has no token and one whose token decides
// nothing, without any header that protects a browser.
func flawed() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		// #nosec G124 -- the flaw that the check must find
		http.SetCookie(w, &http.Cookie{Name: "session", Value: rand.Text(), SameSite: http.SameSiteLaxMode})
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<form method="post" action="/change"><input type="hidden" name="csrf_token" value="%s"><input name="name"></form>
<form method="post" action="/bare"><input name="name"></form>
<a href="/fault">more</a>`, rand.Text())
	})
	mux.HandleFunc("POST /change", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusSeeOther) })
	mux.HandleFunc("GET /change", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("GET /fault", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	return mux
}
