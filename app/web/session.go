package web

import (
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	todo "github.com/sluice-ci/sluice/app"
)

// A visitor's cookie says "list.made.code". It is the only thing that leads to
// a list: nothing about visitors is stored, and lists of visitors who never
// came back cost nothing.
const (
	cookieName    = "todo"
	maxCookie     = 200                  // bytes; a real one has about 80
	sessionAge    = 400 * 24 * time.Hour // the most that browsers keep (RFC 6265bis)
	sessionRenew  = 24 * time.Hour       // after this a visit starts the age again
	purposeCookie = "session"
)

// session is who a request comes from.
type session struct {
	list  todo.ListID
	stale bool // its cookie should be sent again: old, or signed by an old key
}

// cookie names the session's cookie. Over HTTPS the prefix makes browsers
// refuse one that a neighbouring host, or a page over HTTP, has set.
func (s *server) cookie(r *http.Request) string {
	if s.overHTTPS(r) {
		return "__Host-" + cookieName
	}
	return cookieName
}

// session returns the session of a request that has one.
func (s *server) session(r *http.Request) (session, bool) {
	c, err := r.Cookie(s.cookie(r))
	if err != nil {
		return session{}, false
	}
	return s.readSession(c.Value)
}

func (s *server) readSession(value string) (session, bool) {
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
	list, when, _ := strings.Cut(value[:end], ".")
	made, ok := parseTime(when)
	now := s.Now()
	if !ok || list == "" || !within(made, now, sessionAge) {
		return session{}, false
	}
	return session{list: todo.ListID(list), stale: key > 0 || now.Sub(made) > sessionRenew}, true
}

// visit returns the session of a request, a new one when it has none, and
// sends its cookie when the browser's is missing or stale.
func (s *server) visit(w http.ResponseWriter, r *http.Request) session {
	v, ok := s.session(r)
	if !ok {
		v = session{list: todo.ListID(rand.Text()), stale: true}
	}
	if v.stale {
		s.sendCookie(w, r, v.list)
	}
	return v
}

func (s *server) sendCookie(w http.ResponseWriter, r *http.Request, list todo.ListID) {
	text := string(list) + "." + formatTime(s.Now())
	// #nosec G124 -- Secure is set wherever a browser would take it: over plain HTTP it drops such a cookie.
	http.SetCookie(w, &http.Cookie{
		Name:     s.cookie(r),
		Value:    text + "." + sign(s.Keys[0], purposeCookie, text),
		Path:     "/",
		MaxAge:   int(sessionAge.Seconds()),
		Secure:   s.overHTTPS(r),
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	})
}
