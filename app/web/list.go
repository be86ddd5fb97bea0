package web

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	todo "github.com/sluice-ci/sluice/app"
)

// place is which part of a list a visitor looks at.
type place struct {
	Show   todo.Show
	Before int64 // 0 for the newest items
}

// readPlace reads a place from a query or a form.
func readPlace(get func(string) string) (p place, ok bool) {
	p.Show = todo.Show(get("show"))
	p.Before, ok = parseID(get("before"), true)
	if !ok || p.Show != todo.ShowAll && p.Show != todo.ShowOpen && p.Show != todo.ShowDone {
		return place{}, false
	}
	return p, true
}

// path leads to the place. With an item, browsers scroll to it, and who goes
// on by keyboard goes on there.
func (p place) path(item int64) string {
	to := "/"
	var query []string
	if p.Show != todo.ShowAll {
		query = append(query, "show="+string(p.Show))
	}
	if p.Before != 0 {
		query = append(query, "before="+strconv.FormatInt(p.Before, 10))
	}
	if query != nil {
		to += "?" + strings.Join(query, "&")
	}
	if item != 0 {
		to += "#item-" + strconv.FormatInt(item, 10)
	}
	return to
}

// showList is GET /.
func (s *Site) showList(w http.ResponseWriter, r *http.Request) {
	var p place
	var item int64
	if r.URL.RawQuery != "" {
		query := r.URL.Query()
		var ok, ok2 bool
		p, ok = readPlace(query.Get)
		if item, ok2 = parseID(query.Get("edit"), true); !ok || !ok2 {
			s.notFound(w, r, "")
			return
		}
	}
	s.answerList(w, r, http.StatusOK, s.visit(w, r), listPage{place: p, editing: item})
}

// add is POST /add.
func (s *Site) add(w http.ResponseWriter, r *http.Request, v session) {
	typed := r.PostForm.Get("name")
	text, err := todo.CleanText(typed)
	var item todo.Item
	if err == nil {
		item, err = s.Lists.Add(r.Context(), s.list(v), text)
	}
	if err != nil {
		s.answerProblem(w, r, v, listPage{typed: typed}, err)
		return
	}
	s.note(r.Context(), "Task added: ", actionAdd, item.ID, text)
	p, ok := readPlace(r.PostForm.Get)
	if !ok || p.Show == todo.ShowDone { // where a new item cannot be seen
		p = place{}
	}
	redirect(w, place{Show: p.Show}.path(0))
}

// edit is POST /edit/{id}.
func (s *Site) edit(w http.ResponseWriter, r *http.Request, v session) {
	id, ok := parseID(r.PathValue("id"), false)
	if !ok {
		s.answerChange(w, r, todo.ErrNotFound, 0)
		return
	}
	typed := r.PostForm.Get("name")
	text, err := todo.CleanText(typed)
	if err != nil {
		p, _ := readPlace(r.PostForm.Get)
		s.answerProblem(w, r, v, listPage{place: p, editing: id, typed: typed}, err)
		return
	}
	if err = s.Lists.Edit(r.Context(), s.list(v), id, text); err == nil {
		s.note(r.Context(), "Task edited: ", actionEdit, id, text)
	}
	s.answerChange(w, r, err, id)
}

// clear is POST /clear.
func (s *Site) clear(w http.ResponseWriter, r *http.Request, v session) {
	n, err := s.Lists.ClearCompleted(r.Context(), s.list(v))
	if err == nil {
		s.Log.InfoContext(r.Context(), "Tasks cleared: "+strconv.FormatInt(n, 10)+" items")
		s.metrics.did(actionClear, 1)
	}
	s.answerChange(w, r, err, 0)
}

// change returns the handler of a change that needs nothing but the item.
func (s *Site) change(a action, apply func(context.Context, todo.ListID, int64) error) http.HandlerFunc {
	past := map[action]string{actionComplete: "completed", actionReopen: "reopened", actionDelete: "deleted"}[a]
	return s.withForm(func(w http.ResponseWriter, r *http.Request, v session) {
		id, ok := parseID(r.PathValue("id"), false)
		err := todo.ErrNotFound
		if ok {
			err = apply(r.Context(), s.list(v), id)
		}
		if err == nil {
			s.note(r.Context(), "Task "+past+": ", a, id, "")
		}
		s.answerChange(w, r, err, id)
	})
}

// note logs and counts what a visitor did. What people write is private: the
// log has the item's number alone, unless it was asked for more.
func (s *Site) note(ctx context.Context, prefix string, a action, id int64, text string) {
	what := "item " + strconv.FormatInt(id, 10)
	if s.LogItemText && text != "" {
		what = text
	}
	s.Log.InfoContext(ctx, prefix+what)
	s.metrics.did(a, 1)
}

// answerChange leads back to the list, or says what went wrong.
func (s *Site) answerChange(w http.ResponseWriter, r *http.Request, err error, id int64) {
	switch {
	case err == nil:
		p, _ := readPlace(r.PostForm.Get)
		redirect(w, p.path(id))
	case errors.Is(err, todo.ErrNotFound):
		s.refuse(w, r, http.StatusNotFound, "Not Found: there is no such item on your list", "It may have been deleted in another window.")
	default:
		s.unavailable(w, r, err)
	}
}

// answerProblem shows the list with what is wrong beside the field.
func (s *Site) answerProblem(w http.ResponseWriter, r *http.Request, v session, p listPage, err error) {
	if p.problem = explain(err); p.problem == "" {
		s.unavailable(w, r, err)
		return
	}
	p.typed = strings.ToValidUTF8(p.typed, "\uFFFD")
	s.answerList(w, r, http.StatusUnprocessableEntity, v, p)
}

// answerList fills a page with the list of a session and sends it.
func (s *Site) answerList(w http.ResponseWriter, r *http.Request, status int, v session, p listPage) {
	page, err := s.Lists.Page(r.Context(), s.list(v), todo.Query{Show: p.Show, Before: p.Before})
	if err != nil {
		s.unavailable(w, r, err)
		return
	}
	p.Page, p.token, p.shared = page, s.token(v.id), s.SharedList
	if p.editing != 0 && !p.has(p.editing) {
		s.answerChange(w, r, todo.ErrNotFound, p.editing)
		return
	}
	b := s.pages.buffer()
	defer s.pages.keep(b)
	if err := s.pages.list(b, p); err != nil {
		s.Log.ErrorContext(r.Context(), "filling a page", "error", err.Error())
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
		return
	}
	s.sendHTML(w, r, status, b.Bytes())
}

// unavailable answers when the lists are out of reach.
func (s *Site) unavailable(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(r.Context().Err(), context.Canceled) {
		s.Log.DebugContext(r.Context(), "visitor left before the answer", "error", err.Error())
	} else {
		s.metrics.errors.Inc()
		s.Log.ErrorContext(r.Context(), "database out of reach", "error", err.Error())
	}
	w.Header().Set("Retry-After", "2")
	s.refuse(w, r, http.StatusServiceUnavailable, "Service Unavailable", "The list cannot be reached for the moment. Please try again in a few seconds.")
}

// redirect leads on after a form (RFC 9110, 15.4.4: to be fetched by GET).
func redirect(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
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
		return "This list is full. Delete or clear items to make room."
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
