package web

import (
	"errors"
	"mime"
	"net/http"
)

// maxForm is the size of a form, in bytes: several times that of the longest
// text, so that one that is too long is told so in words.
const maxForm = 64 << 10

// withForm lets a request through whose form can be read and carries the token
// of its session.
func (s *Site) withForm(next func(http.ResponseWriter, *http.Request, session)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if status, message := readForm(w, r); status != 0 {
			w.Header().Set("Connection", "close") // what was not read of the body is not waited for
			s.refuse(w, r, status, message, "")
			return
		}
		v, ok := s.session(r)
		reason := "no session"
		if ok {
			reason = s.checkToken(v.id, r.PostForm.Get(tokenField))
		}
		if reason != "" {
			s.csrfFailure(r, reason)
			s.refuse(w, r, http.StatusBadRequest, "Bad Request: CSRF token missing or invalid",
				"The page was open for too long, or cookies are off. Go back to your list and try again.")
			return
		}
		next(w, r, v)
	}
}

// readForm parses the body; what it refuses has a status. A request that names
// no type is read as an empty form, and refused for want of a token.
func readForm(w http.ResponseWriter, r *http.Request) (status int, message string) {
	if header := r.Header.Get("Content-Type"); header != "" {
		kind, _, err := mime.ParseMediaType(header)
		if err != nil || kind != "application/x-www-form-urlencoded" {
			return http.StatusUnsupportedMediaType, "Unsupported Media Type: send the form as application/x-www-form-urlencoded"
		}
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	err := r.ParseForm()
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return http.StatusRequestEntityTooLarge, "Content Too Large: the form is too large"
	}
	if err != nil {
		return http.StatusBadRequest, "Bad Request: the form cannot be read"
	}
	return 0, ""
}
