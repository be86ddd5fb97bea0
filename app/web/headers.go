package web

import (
	"maps"
	"net/http"
)

// contentPolicy lets a page load nothing but this service's own files, run no
// script but those, send nothing elsewhere, and be shown in no frame.
const contentPolicy = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// permissionsPolicy switches off what a list has no use for.
const permissionsPolicy = "accelerometer=(), autoplay=(), camera=(), cross-origin-isolated=(), display-capture=(), " +
	"encrypted-media=(), fullscreen=(), geolocation=(), gyroscope=(), keyboard-map=(), magnetometer=(), microphone=(), midi=(), " +
	"payment=(), picture-in-picture=(), publickey-credentials-get=(), screen-wake-lock=(), sync-xhr=(), usb=(), xr-spatial-tracking=()"

// securityHeaders follow the OWASP Secure Headers Project. X-XSS-Protection is
// left out on purpose: the filters that it switched on did harm.
var securityHeaders = [...][2]string{
	{"Content-Security-Policy", contentPolicy},
	{"Cross-Origin-Embedder-Policy", "require-corp"},
	{"Cross-Origin-Opener-Policy", "same-origin"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
	{"Permissions-Policy", permissionsPolicy},
	{"Referrer-Policy", "same-origin"}, // with no-referrer, browsers send forms with "Origin: null"
	{"X-Content-Type-Options", "nosniff"},
	{"X-Frame-Options", "DENY"},
	{"X-Permitted-Cross-Domain-Policies", "none"},
}

// secure puts the security headers on every answer, and keeps answers out of
// caches unless a handler decides otherwise.
func (s *Site) secure(next http.Handler) http.Handler {
	headers := make(http.Header, len(securityHeaders))
	for _, kv := range securityHeaders {
		headers.Set(kv[0], kv[1])
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		maps.Copy(h, headers) // the values are shared, and replaced by who wants others
		h.Set("Cache-Control", "no-store")
		if s.Proxy.overHTTPS(r) {
			h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
		}
		next.ServeHTTP(w, r)
	})
}
