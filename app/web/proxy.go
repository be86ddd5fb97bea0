package web

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Proxy says what to believe of the headers that the proxy in front sets. The
// zero value believes nothing. Only for a service that nobody can reach but
// through that proxy.
type Proxy struct {
	Proto bool // X-Forwarded-Proto: how the visitor speaks to the proxy

	// Hops is how many proxies append to X-Forwarded-For: the visitor's
	// address is that many from its end. 1 on Cloud Run by itself, 2 behind
	// Google's external load balancer, which appends its own too. 0 believes none.
	Hops int
}

// overHTTPS tells whether the visitor's browser speaks HTTPS, here or to the
// proxy in front.
func (p Proxy) overHTTPS(r *http.Request) bool {
	return r.TLS != nil || p.Proto && r.Header.Get("X-Forwarded-Proto") == "https"
}

// plain tells whether the proxy says that the visitor does not speak HTTPS. A
// request without the header did not come through the proxy: a health check.
func (p Proxy) plain(r *http.Request) bool {
	proto := r.Header.Get("X-Forwarded-Proto")
	return p.Proto && r.TLS == nil && proto != "" && proto != "https"
}

// client names who a request comes from: an address, or the network of one of
// IPv6, where a client has as many addresses as it likes (RFC 6177).
func (p Proxy) client(r *http.Request) netip.Prefix {
	text, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		text = r.RemoteAddr
	}
	if p.Hops > 0 {
		if forwarded, ok := fromEnd(r.Header.Values("X-Forwarded-For"), p.Hops); ok {
			text = forwarded
		}
	}
	address, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{} // all that cannot be told apart are one client
	}
	address = address.Unmap().WithZone("")
	bits := 32
	if address.Is6() {
		bits = 64
	}
	prefix, err := address.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}

// fromEnd returns the nth last element of a header that is a list (RFC 9110, 5.6.1).
func fromEnd(lines []string, n int) (string, bool) {
	for i := len(lines) - 1; i >= 0; i-- {
		rest := lines[i]
		for more := true; more; n-- {
			var last string
			if comma := strings.LastIndexByte(rest, ','); comma >= 0 {
				rest, last = rest[:comma], rest[comma+1:]
			} else {
				last, more = rest, false
			}
			if n == 1 {
				return strings.TrimSpace(last), true
			}
		}
	}
	return "", false
}

// overHTTPSOnly sends visitors who speak plain HTTP to the proxy to HTTPS
// (RFC 9110, 15.4.9: a form stays a form).
func (s *Site) overHTTPSOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.Proxy.plain(r) || isHealth(r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Location", "https://"+r.Host+r.URL.RequestURI())
		w.WriteHeader(http.StatusPermanentRedirect)
	})
}
