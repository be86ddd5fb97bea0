package web

import (
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	todo "github.com/sluice-ci/sluice/app"
)

// A visitor's cookie says "id.made.code". It is the only thing that leads to a
// list: nothing about visitors is stored, and lists of visitors who never came
// back cost nothing.
const (
	cookieName    = "todo"
	maxCookie     = 200                  // bytes; a real one has about 80
	sessionAge    = 400 * 24 * time.Hour // the most that browsers keep (RFC 6265bis)
	sessionRenew  = 24 * time.Hour       // after this a visit starts the age again
	purposeCookie = "session"
)

// session is who a request comes from.
type session struct {
	id    string
	stale bool // its cookie should be sent again: old, or signed by an old key
}

// list is the list that a session opens.
func (s *Site) list(v session) todo.ListID {
	if s.SharedList {
		return ""
	}
	return todo.ListID(v.id)
}

// cookie names the session's cookie. Over HTTPS the prefix makes browsers
// refuse one that a neighbouring host, or a page over HTTP, has set.
func (s *Site) cookie(r *http.Request) string {
	if s.Proxy.overHTTPS(r) {
		return "__Host-" + cookieName
	}
	return cookieName
}

// session returns the session of a request that has one.
func (s *Site) session(r *http.Request) (session, bool) {
	c, err := r.Cookie(s.cookie(r))
	if err != nil {
		return session{}, false
	}
	return s.readSession(c.Value)
}

func (s *Site) readSession(value string) (session, bool) {
	if len(value) > maxCookie {
		return session{}, false
	}
	end := strings.LastIndexByte(value, '.')
	if end < 0 {
		return session{}, false
	}
	key, ok := s.Keys.signer(purposeCookie, value[:end], value[end+1:])
	if !ok {
		return session{}, false
	}
	id, when, _ := strings.Cut(value[:end], ".")
	made, ok := parseTime(when)
	now := s.Now()
	if !ok || id == "" || !within(made, now, sessionAge) {
		return session{}, false
	}
	return session{id: id, stale: key > 0 || now.Sub(made) > sessionRenew}, true
}

// visit returns the session of a request, a new one when it has none, and
// sends its cookie when the browser's is missing or stale.
func (s *Site) visit(w http.ResponseWriter, r *http.Request) session {
	v, ok := s.session(r)
	if !ok {
		v = session{id: rand.Text(), stale: true}
	}
	if v.stale {
		s.sendCookie(w, r, v.id)
	}
	return v
}

func (s *Site) sendCookie(w http.ResponseWriter, r *http.Request, id string) {
	text := id + "." + formatTime(s.Now())
	// #nosec G124 -- Secure is set wherever a browser would take it: over plain HTTP it drops such a cookie.
	http.SetCookie(w, &http.Cookie{
		Name:     s.cookie(r),
		Value:    text + "." + sign(s.Keys[0], purposeCookie, text),
		Path:     "/",
		MaxAge:   int(sessionAge.Seconds()),
		Secure:   s.Proxy.overHTTPS(r),
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	})
}
