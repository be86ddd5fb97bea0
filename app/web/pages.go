package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"strconv"

	todo "github.com/sluice-ci/sluice/app"
)

//go:embed templates
var templates embed.FS

// pages are the templates, ready to be filled.
type pages struct {
	list    *template.Template
	refusal *template.Template
}

// listPage is what the list's template shows.
type listPage struct {
	todo.Page
	Before  int64 // of the page shown; 0 for the newest items
	Token   string
	Typed   string // what the visitor wrote, when it was refused
	Problem string // why
}

// refusalPage is what is shown in place of a list.
type refusalPage struct {
	Title  string
	Advice string
}

func newPages(files assets) (pages, error) {
	layout, err := template.New("layout.html").Funcs(template.FuncMap{"asset": files.path}).ParseFS(templates, "templates/layout.html")
	if err != nil {
		return pages{}, fmt.Errorf("reading templates: %w", err)
	}
	var p pages
	for name, page := range map[string]**template.Template{"list.html": &p.list, "refusal.html": &p.refusal} {
		t, err := layout.Clone()
		if err == nil {
			*page, err = t.ParseFS(templates, "templates/"+name)
		}
		if err != nil {
			return pages{}, fmt.Errorf("reading templates: %w", err)
		}
	}
	return p, nil
}

// send fills a template and sends it, whole or not at all.
func (s *server) send(w http.ResponseWriter, r *http.Request, status int, t *template.Template, data any) {
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		s.Log.ErrorContext(r.Context(), "filling a page", "error", err.Error())
		http.Error(w, "Internal Server Error", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	if _, err := w.Write(b.Bytes()); err != nil {
		s.Log.DebugContext(r.Context(), "visitor left before the answer", "error", err.Error())
	}
}

// refuse answers with a page that says what is wrong and leads back.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, status int, title, advice string) {
	s.send(w, r, status, s.pages.refusal, refusalPage{Title: title, Advice: advice})
}
