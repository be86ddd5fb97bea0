package web

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	todo "github.com/sluice-ci/sluice/app"
)

// showList is GET /.
func (s *server) showList(w http.ResponseWriter, r *http.Request) {
	before, ok := parseID(r.URL.Query().Get("before"), true)
	if !ok {
		s.refuse(w, r, http.StatusNotFound, "Not Found", "")
		return
	}
	s.answerList(w, r, http.StatusOK, s.visit(w, r), listPage{Before: before})
}

// add is POST /add.
func (s *server) add(w http.ResponseWriter, r *http.Request, v session) {
	typed := r.PostForm.Get("name")
	text, err := todo.CleanText(typed)
	if err == nil {
		var item todo.Item
		if item, err = s.Lists.Add(r.Context(), v.list, text); err == nil {
			// What people write is private: the log has the number alone.
			s.Log.InfoContext(r.Context(), "Task added: item "+strconv.FormatInt(item.ID, 10))
			http.Redirect(w, r, "/", http.StatusSeeOther)
			return
		}
	}
	if problem := explain(err); problem != "" {
		s.answerList(w, r, http.StatusUnprocessableEntity, v, listPage{Typed: strings.ToValidUTF8(typed, "\uFFFD"), Problem: problem})
		return
	}
	s.unavailable(w, r, err)
}

// complete is POST /complete/{id}.
func (s *server) complete(w http.ResponseWriter, r *http.Request, v session) {
	id, ok := parseID(r.PathValue("id"), false)
	err := todo.ErrNotFound
	if ok {
		err = s.Lists.Complete(r.Context(), v.list, id)
	}
	switch {
	case err == nil:
		s.Log.InfoContext(r.Context(), "Task completed: item "+strconv.FormatInt(id, 10))
		http.Redirect(w, r, "/", http.StatusSeeOther)
	case errors.Is(err, todo.ErrNotFound):
		s.refuse(w, r, http.StatusNotFound, "Not Found: there is no such item on your list", "")
	default:
		s.unavailable(w, r, err)
	}
}

// answerList fills a page with the list of a session and sends it.
func (s *server) answerList(w http.ResponseWriter, r *http.Request, status int, v session, p listPage) {
	page, err := s.Lists.Items(r.Context(), v.list, p.Before)
	if err != nil {
		s.unavailable(w, r, err)
		return
	}
	p.Page, p.Token = page, s.token(v.list)
	s.send(w, r, status, s.pages.list, p)
}

// unavailable answers when the lists are out of reach.
func (s *server) unavailable(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(r.Context().Err(), context.Canceled) {
		s.Log.DebugContext(r.Context(), "visitor left before the answer", "error", err.Error())
	} else {
		s.Log.ErrorContext(r.Context(), "database out of reach", "error", err.Error())
	}
	w.Header().Set("Retry-After", "2")
	s.refuse(w, r, http.StatusServiceUnavailable, "Service Unavailable", "The list cannot be reached for the moment. Please try again in a few seconds.")
}

// explain says in a sentence why an item was refused; "" for what is no fault
// of the text or the list.
func explain(err error) string {
	switch {
	case errors.Is(err, todo.ErrBlank):
		return "Write something to do first."
	case errors.Is(err, todo.ErrTooLong):
		return "That is too long: an item has at most " + strconv.Itoa(todo.MaxText) + " characters."
	case errors.Is(err, todo.ErrNotText):
		return "That has characters that cannot be shown. Please write plain text."
	case errors.Is(err, todo.ErrListFull):
		return "This list is full."
	}
	return ""
}

// parseID reads an item's number, in the one way of writing it.
func parseID(s string, optional bool) (int64, bool) {
	if s == "" && optional {
		return 0, true
	}
	id, err := strconv.ParseInt(s, 10, 64)
	return id, err == nil && id > 0 && strconv.FormatInt(id, 10) == s
}
