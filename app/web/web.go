// Package web is the service's face: pages, forms and health over HTTP.
package web

import (
	"log/slog"
	"net/http"
	"time"

	todo "github.com/sluice-ci/sluice/app"
)

// Options are what the handler needs and what it is told. Lists and Keys must
// be given.
type Options struct {
	Lists todo.Lists
	Keys  Keys // sign cookies and tokens
	Log   *slog.Logger
	Now   func() time.Time // the clock; time.Now when nil

	// TrustForwardedProto believes X-Forwarded-Proto. Only for a service that
	// nobody can reach but through a proxy that sets it.
	TrustForwardedProto bool
}

// server is the handlers and what they share.
type server struct {
	Options
	pages pages
	ready readiness
}

// New returns the service's handler.
func New(o Options) (http.Handler, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := o.Keys.check(); err != nil {
		return nil, err
	}
	files, err := newAssets()
	if err != nil {
		return nil, err
	}
	pages, err := newPages(files)
	if err != nil {
		return nil, err
	}
	s := &server{Options: o, pages: pages, ready: readiness{ping: o.Lists.Ping, now: o.Now}}
	return s.secure(s.sameOrigin(s.routes(files))), nil
}

func (s *server) routes(files assets) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.showList)
	mux.HandleFunc("POST /add", s.withForm(s.add))
	mux.HandleFunc("POST /complete/{id}", s.withForm(s.complete))
	mux.HandleFunc("GET /health", s.health)
	mux.HandleFunc("GET /health/ready", s.health)
	mux.HandleFunc("GET /health/live", s.live)
	mux.Handle("GET /static/{file}", files)
	return mux
}

// sameOrigin refuses what a browser says was sent by another site's page. A
// client that is no browser says nothing and is let through to the token.
func (s *server) sameOrigin(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.csrfFailure(r, "request from another origin")
		s.refuse(w, r, http.StatusForbidden, "Forbidden: request from another site", "")
	}))
	return protection.Handler(next)
}
