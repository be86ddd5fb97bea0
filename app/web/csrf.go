package web

import (
	"net/http"
	"strings"
	"time"
)

// A token says "made.code", where the code is also of the session: it is
// good for that session, until it is too old.
const (
	tokenField   = "csrf_token"
	tokenAge     = 12 * time.Hour // a page left open over the day still works
	purposeToken = "csrf"
)

func (s *Site) token(session string) string {
	made := formatTime(s.Now())
	return made + "." + sign(s.Keys[0], purposeToken, session+"."+made)
}

// checkToken returns why a token is refused, or "".
func (s *Site) checkToken(session, token string) string {
	if token == "" {
		return "no token"
	}
	when, code, _ := strings.Cut(token, ".")
	if len(token) > maxCookie {
		return "token too long"
	}
	if _, ok := s.Keys.signer(purposeToken, session+"."+when, code); !ok {
		return "token not made for this session"
	}
	made, ok := parseTime(when)
	if !ok || !within(made, s.Now(), tokenAge) {
		return "token too old"
	}
	return ""
}

// csrfFailure logs that a form was refused.
func (s *Site) csrfFailure(r *http.Request, reason string) {
	s.metrics.csrf.Inc()
	s.Log.WarnContext(r.Context(), "CSRF failure: "+reason, "method", r.Method, "path", r.URL.Path)
}
