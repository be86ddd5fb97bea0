package web

import (
	"net/http"
	"strings"
	"time"

	todo "github.com/sluice-ci/sluice/app"
)

// A token says "made.code", where the code is also of the session's list: it
// is good for that session, until it is too old.
const (
	tokenField   = "csrf_token"
	tokenAge     = 12 * time.Hour // a page left open over the day still works
	purposeToken = "csrf"
)

func (s *server) token(list todo.ListID) string {
	made := formatTime(s.Now())
	return made + "." + sign(s.Keys[0], purposeToken, string(list)+"."+made)
}

// checkToken returns why a token is refused, or "".
func (s *server) checkToken(list todo.ListID, token string) string {
	if token == "" {
		return "no token"
	}
	when, code, _ := strings.Cut(token, ".")
	if len(token) > maxCookie {
		return "token too long"
	}
	if _, ok := s.Keys.signer(purposeToken, string(list)+"."+when, code); !ok {
		return "token not made for this session"
	}
	made, ok := parseTime(when)
	if !ok || !within(made, s.Now(), tokenAge) {
		return "token too old"
	}
	return ""
}

// csrfFailure logs that a form was refused.
func (s *server) csrfFailure(r *http.Request, reason string) {
	s.Log.WarnContext(r.Context(), "CSRF failure: "+reason, "method", r.Method, "path", r.URL.Path)
}
