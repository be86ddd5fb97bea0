package cloudrunlocal

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"
)

const (
	maxConnections = 2048     // of one listener; more wait
	maxHeader      = 64 << 10 // bytes of a request's header
)

// front answers on the service's port with the revision that has the traffic.
type front struct{ current atomic.Pointer[revision] }

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rev := f.current.Load()
	for rev != nil && !rev.gate.enter() {
		// It lost the traffic between the two lines above, or is being stopped.
		next := f.current.Load()
		if next == rev {
			next = nil
		}
		rev = next
	}
	if rev == nil {
		unavailable(w, "no revision has the traffic")
		return
	}
	defer rev.gate.leave()
	rev.forward(w, r)
}

// unavailable says that it may go better in a moment.
func unavailable(w http.ResponseWriter, why string) {
	w.Header().Set("Retry-After", "1")
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, "Service Unavailable: "+why, http.StatusServiceUnavailable)
}

// backend passes requests on to one process.
type backend struct {
	proxy     *httputil.ReverseProxy
	transport *transport
}

func newBackend(addr string, log *slog.Logger) *backend {
	t := newTransport()
	target := &url.URL{Scheme: "http", Host: addr}
	return &backend{transport: t, proxy: &httputil.ReverseProxy{
		Rewrite:      func(p *httputil.ProxyRequest) { rewrite(p, target) },
		Transport:    t,
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) { badGateway(w, r, err, log) },
		ErrorLog:     slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}}
}

// rewrite makes the request that the process gets. Whatever the client said
// about where the request came from is replaced by what is so.
func rewrite(p *httputil.ProxyRequest, target *url.URL) {
	for name := range p.Out.Header {
		if tellsOrigin(name) {
			delete(p.Out.Header, name)
		}
	}
	p.SetURL(target)
	p.Out.URL.RawQuery = p.In.URL.RawQuery // as it came, even where Go would not parse it
	p.Out.Host = p.In.Host
	p.SetXForwarded()
}

// tellsOrigin is true for headers that only a proxy may set, also when spelt
// with underscores, which WSGI and CGI cannot tell from hyphens.
func tellsOrigin(name string) bool {
	name = strings.ToLower(strings.ReplaceAll(name, "_", "-"))
	switch name {
	case "forwarded", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip", "x-scheme", "x-url-scheme", "front-end-https":
		return true
	}
	return strings.HasPrefix(name, "x-forwarded")
}

func badGateway(w http.ResponseWriter, r *http.Request, err error, log *slog.Logger) {
	if errors.Is(err, context.Canceled) {
		return // the client went away
	}
	log.Warn("passing a request on", "method", r.Method, "path", r.URL.Path, "error", err)
	http.Error(w, "Bad Gateway: the service broke off its answer", http.StatusBadGateway)
}

// transport keeps connections for requests that can be repeated. The others
// get a connection of their own: a kept one may be closed by the process in
// the moment the request is sent, and then nobody knows if it was acted upon.
type transport struct{ kept, fresh *http.Transport }

func newTransport() *transport {
	kept := &http.Transport{
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		DisableCompression:    true, // bodies pass as they are
		MaxIdleConnsPerHost:   64,
		IdleConnTimeout:       30 * time.Second,
		ExpectContinueTimeout: time.Second,
	}
	fresh := kept.Clone()
	fresh.DisableKeepAlives = true
	return &transport{kept: kept, fresh: fresh}
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		if r.ContentLength == 0 {
			return t.kept.RoundTrip(r)
		}
	}
	return t.fresh.RoundTrip(r)
}

func (t *transport) closeIdle() { t.kept.CloseIdleConnections() }

// serve answers on a listener until the server is closed.
func serve(l net.Listener, h http.Handler, log *slog.Logger) *http.Server {
	s := &http.Server{
		Handler: h, ReadHeaderTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	go func() {
		if err := s.Serve(netutil.LimitListener(l, maxConnections)); !errors.Is(err, http.ErrServerClosed) {
			log.Error("serving", "address", l.Addr().String(), "error", err)
		}
	}()
	return s
}
