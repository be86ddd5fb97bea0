package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
)

var page = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><head><title>Guest book</title></head><body><h1>Guest book</h1>
<form method="post" action="/add"><input type="hidden" name="csrf_token" value="{{.}}"><label>Name <input name="name" required></label><button>Sign</button></form>
</body></html>`))

type handler struct{ key []byte }

func newHandler() http.Handler {
	h := &handler{key: []byte(rand.Text())}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", h.show)
	mux.HandleFunc("POST /add", h.add)
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	return headers(mux)
}

func headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'", "X-Content-Type-Options": "nosniff",
			"Referrer-Policy": "no-referrer", "Permissions-Policy": "geolocation=()", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			w.Header().Set(name, value)
		}
		next.ServeHTTP(w, r)
	})
}

func (h *handler) token(session string) string {
	mac := hmac.New(sha256.New, h.key)
	mac.Write([]byte(session))
	return hex.EncodeToString(mac.Sum(nil))
}

func (h *handler) show(w http.ResponseWriter, r *http.Request) {
	session := rand.Text()
	if c, err := r.Cookie("session"); err == nil {
		session = c.Value
	}
	// #nosec G124 -- a service that is tried over plain HTTP needs the cookie there, too
	http.SetCookie(w, &http.Cookie{Name: "session", Value: session, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: r.TLS != nil})
	if err := page.Execute(w, h.token(session)); err != nil {
		http.Error(w, "the page cannot be shown", http.StatusInternalServerError)
	}
}

func (h *handler) add(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<16)
	c, err := r.Cookie("session")
	if err != nil || !hmac.Equal([]byte(h.token(c.Value)), []byte(r.PostFormValue("csrf_token"))) {
		http.Error(w, "the token is missing or wrong", http.StatusBadRequest)
		return
	}
	if _, err := fmt.Fprintln(w, "thank you"); err != nil {
		return
	}
}
