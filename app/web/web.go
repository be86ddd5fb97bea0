// Package web is the service's face: pages, forms and health over HTTP.
package web

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	todo "github.com/sluice-ci/sluice/app"
)

// Options are what the handler needs and what it is told. Lists and Keys must
// be given.
type Options struct {
	Lists todo.Lists
	Keys  Keys // sign cookies and tokens
	Log   *slog.Logger
	Now   func() time.Time // the clock; time.Now when nil

	SharedList  bool    // one list for everybody, in place of one for each visitor
	LogItemText bool    // write what people wrote into the log
	RateLimit   float64 // requests a second that a client may make; 0 means any number

	Proxy   Proxy
	Metrics prometheus.Registerer // where to register metrics; nil for nowhere
}

// Site is the service's handler.
type Site struct {
	Options
	handler http.Handler
	pages   *pages
	ready   readiness
	limit   *limiter
	metrics *metrics
}

// New returns the service's handler.
func New(o Options) (*Site, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Metrics == nil {
		o.Metrics = prometheus.NewRegistry()
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
	metrics, err := newMetrics(o.Metrics)
	if err != nil {
		return nil, err
	}
	s := &Site{Options: o, pages: pages, metrics: metrics, limit: newLimiter(o.RateLimit)}
	s.ready = readiness{ping: o.Lists.Ping, now: o.Now, tell: s.probed}
	s.handler = s.observe(s.secure(s.overHTTPSOnly(s.limited(s.sameOrigin(s.routes(files))))))
	return s, nil
}

// ServeHTTP implements [http.Handler].
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Watch looks after the lists until the context ends, so that metrics tell
// whether they are within reach also while nobody asks.
func (s *Site) Watch(ctx context.Context) {
	const interval = 5 * time.Second
	ticks := time.NewTicker(interval)
	defer ticks.Stop()
	for {
		_ = s.ready.check(ctx) // it is told to the metrics
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
	}
}

// probed notes the result of a probe of the lists, and logs when it changes.
func (s *Site) probed(err, before error) {
	s.metrics.reachable(err)
	switch {
	case err != nil && before == nil:
		s.Log.Error("not ready", "error", err.Error())
	case err == nil && before != nil:
		s.Log.Info("ready again")
	}
}

// route is what is at a path, by one method.
type route struct {
	method, path string
	handler      http.HandlerFunc
}

func (s *Site) routes(files assets) http.Handler {
	routes := []route{
		{http.MethodGet, "/{$}", s.showList},
		{http.MethodPost, "/add", s.metrics.timeAdd(s.withForm(s.add))},
		{http.MethodPost, "/complete/{id}", s.change(actionComplete, s.Lists.Complete)},
		{http.MethodPost, "/reopen/{id}", s.change(actionReopen, s.Lists.Reopen)},
		{http.MethodPost, "/edit/{id}", s.withForm(s.edit)},
		{http.MethodPost, "/delete/{id}", s.change(actionDelete, s.Lists.Delete)},
		{http.MethodPost, "/clear", s.withForm(s.clear)},
		{http.MethodGet, "/health", s.health},
		{http.MethodGet, "/health/ready", s.health},
		{http.MethodGet, "/health/live", s.live},
		{http.MethodGet, "/static/{file}", files.ServeHTTP},
	}
	mux := http.NewServeMux()
	for _, r := range routes {
		mux.HandleFunc(r.method+" "+r.path, r.handler)
		mux.HandleFunc(r.path, s.wrongMethod(r.method))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.notFound(w, r, "") })
	return mux
}

// wrongMethod answers what the method of a path is not (RFC 9110, 15.5.6).
func (s *Site) wrongMethod(allowed string) http.HandlerFunc {
	if allowed == http.MethodGet {
		allowed = "GET, HEAD"
	}
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", allowed)
		s.refuse(w, r, http.StatusMethodNotAllowed, "Method Not Allowed", "")
	}
}

func (s *Site) notFound(w http.ResponseWriter, r *http.Request, advice string) {
	s.refuse(w, r, http.StatusNotFound, "Not Found", advice)
}

// sameOrigin refuses what a browser says was sent by another site's page. A
// client that is no browser says nothing and is let through to the token.
func (s *Site) sameOrigin(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.csrfFailure(r, "request from another origin")
		s.refuse(w, r, http.StatusForbidden, "Forbidden: request from another site", "")
	}))
	return protection.Handler(next)
}

// limited refuses a client that asks too often. Who asks for health is not
// counted: a busy service must not look like a broken one.
func (s *Site) limited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isHealth(r.URL.Path) || s.limit.allow(s.Proxy.client(r), s.Now()) {
			next.ServeHTTP(w, r)
			return
		}
		s.metrics.limited.Inc()
		w.Header().Set("Retry-After", "1")
		s.refuse(w, r, http.StatusTooManyRequests, "Too Many Requests", "Please wait a moment and try again.")
	})
}
