package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"sync"

	todo "github.com/sluice-ci/sluice/app"
)

//go:embed templates
var templates embed.FS

// maxKept is how large a buffer may be that is kept for the next page, in bytes.
const maxKept = 256 << 10

// pages are the templates, and what has been cut from them.
type pages struct {
	layouts map[string]*template.Template // the whole page, by the name of its file
	item    *template.Template
	shapes  sync.Map  // of shape to *cuts
	buffers sync.Pool // of *bytes.Buffer
}

// listPage is what a list's page is made of.
type listPage struct {
	todo.Page
	place
	token   string
	shared  bool   // everybody sees this list
	editing int64  // the item that is being edited; 0 for none
	typed   string // what the visitor wrote, when it was refused
	problem string // why
}

func (p *listPage) has(item int64) bool {
	for _, i := range p.Items {
		if i.ID == item {
			return true
		}
	}
	return false
}

// listView is what the list's template is filled with.
type listView struct {
	Token          string
	Show           todo.Show
	Before, Older  string // ids; "" for none
	All            string // counts
	Open, Done     string
	HasDone        bool
	Shared         bool
	Rows           template.HTML // filled item templates; "" for none
	Typed, Problem string
	Edit           string // the id of the item that is being edited
	EditProblem    string
}

// itemView is what an item's template is filled with.
type itemView struct {
	ID, Text string
	Complete bool
	Rest     template.URL // the query of the place, to be added to another
	Edit     bool
	Back     template.URL // the place
	Problem  string
}

// refusalPage is what is shown in place of a list.
type refusalPage struct {
	Title  string
	Advice string
}

func newPages(files assets) (*pages, error) {
	p := &pages{layouts: map[string]*template.Template{}}
	layout, err := template.New("layout.html").Funcs(template.FuncMap{"asset": files.path}).ParseFS(templates, "templates/layout.html")
	if err != nil {
		return nil, fmt.Errorf("reading templates: %w", err)
	}
	for _, name := range []string{"list.html", "refusal.html"} {
		t, err := layout.Clone()
		if err == nil {
			t, err = t.ParseFS(templates, "templates/"+name)
		}
		if err != nil {
			return nil, fmt.Errorf("reading templates: %w", err)
		}
		p.layouts[name] = t
	}
	if p.item, err = template.ParseFS(templates, "templates/item.html"); err != nil {
		return nil, fmt.Errorf("reading templates: %w", err)
	}
	_, err = p.cuts(shape{}) // so that a template that cannot be cut shows at once
	return p, err
}

// list writes the page of a list.
func (p *pages) list(b *bytes.Buffer, l listPage) error {
	cuts, err := p.cuts(shapeOf(l))
	if err != nil {
		return err
	}
	v := l.view()
	if l.problem != "" || l.editing != 0 {
		return p.rareList(b, cuts, l, v)
	}
	values := []string{v.Token, v.Before, v.Older, v.All, v.Open, v.Done}
	cuts.head.fillTo(b, values...)
	if err := p.rows(b, cuts, l, v.Before); err != nil {
		return err
	}
	cuts.tail.fillTo(b, values...)
	return nil
}

// rareList writes a page whose shape is not worth keeping.
func (p *pages) rareList(b *bytes.Buffer, c *cuts, l listPage, v listView) error {
	var rows bytes.Buffer
	if err := p.rows(&rows, c, l, v.Before); err != nil {
		return err
	}
	v.Rows = template.HTML(rows.String()) // #nosec G203 -- the output of a template
	return p.layouts["list.html"].Execute(b, v)
}

// buffer returns an empty buffer, to be given back by keep.
func (p *pages) buffer() *bytes.Buffer {
	if b, ok := p.buffers.Get().(*bytes.Buffer); ok {
		b.Reset()
		return b
	}
	return new(bytes.Buffer)
}

func (p *pages) keep(b *bytes.Buffer) {
	if b.Cap() <= maxKept {
		p.buffers.Put(b)
	}
}

func (l *listPage) view() listView {
	v := listView{
		Token: l.token, Show: l.Show, Before: digits(l.Before), Older: digits(l.Older), HasDone: l.Counts.Done > 0, Shared: l.shared,
		All:  count(l.Counts.Open+l.Counts.Done, l.Counts.Open > todo.PageSize || l.Counts.Done > todo.PageSize),
		Open: count(l.Counts.Open, l.Counts.Open > todo.PageSize), Done: count(l.Counts.Done, l.Counts.Done > todo.PageSize),
	}
	if l.editing != 0 {
		v.Edit, v.EditProblem = digits(l.editing), l.problem
	} else {
		v.Typed, v.Problem = l.typed, l.problem
	}
	return v
}

// rows writes the items, the one that is being edited as a form.
func (p *pages) rows(b *bytes.Buffer, c *cuts, l listPage, before string) error {
	for _, i := range l.Items {
		switch {
		case i.ID == l.editing:
			if err := p.item.ExecuteTemplate(b, "item.html", l.editView(i)); err != nil {
				return err
			}
		case i.Complete:
			c.done.fillTo(b, digits(i.ID), before, template.HTMLEscapeString(i.Text))
		default:
			c.open.fillTo(b, digits(i.ID), before, template.HTMLEscapeString(i.Text))
		}
	}
	return nil
}

func (l *listPage) editView(i todo.Item) itemView {
	v := itemView{ID: digits(i.ID), Text: i.Text, Complete: i.Complete, Edit: true, Problem: l.problem, Back: template.URL(l.path(i.ID))} // #nosec G203 -- made of numbers and known words
	if l.problem != "" {
		v.Text = l.typed
	}
	return v
}

// digits writes an id; 0 is none.
func digits(id int64) string {
	if id == 0 {
		return ""
	}
	return strconv.FormatInt(id, 10)
}

// count writes a count, which may be no more than a lower bound.
func count(n int, more bool) string {
	if more {
		return strconv.Itoa(todo.PageSize) + "+"
	}
	return strconv.Itoa(n)
}

// sendHTML sends a page, whole.
func (s *Site) sendHTML(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		s.Log.DebugContext(r.Context(), "visitor left before the answer", "error", err.Error())
	}
}

// refuse answers with a page that says what is wrong and leads back.
func (s *Site) refuse(w http.ResponseWriter, r *http.Request, status int, title, advice string) {
	var b bytes.Buffer
	if err := s.pages.layouts["refusal.html"].Execute(&b, refusalPage{Title: title, Advice: advice}); err != nil {
		s.Log.ErrorContext(r.Context(), "filling a page", "error", err.Error())
		http.Error(w, title, status)
		return
	}
	s.sendHTML(w, r, status, b.Bytes())
}
