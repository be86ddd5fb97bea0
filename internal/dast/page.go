package dast

import (
	"bytes"
	"net/url"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// page is what of an HTML answer matters to the check.
type page struct {
	url   *url.URL // where it was got
	base  *url.URL // what its references are relative to
	links []link
	forms []*form
	blank bool // a browser would show nothing
	many  bool // there are more links or forms than are looked at
}

type link struct{ href, text string }

// contents are the elements that show or do something without text of their own.
var contents = map[atom.Atom]bool{
	atom.Img: true, atom.Svg: true, atom.Input: true, atom.Button: true, atom.Select: true, atom.Textarea: true, atom.Script: true,
	atom.Canvas: true, atom.Iframe: true, atom.Video: true, atom.Audio: true, atom.Object: true, atom.Embed: true, atom.Math: true,
}

// reader collects a page from its tokens. Tokens, not a tree: a form's fields
// are those between its tags, as in a browser's parser, and the time is linear
// in the page's length whatever the page is.
type reader struct {
	page
	baseRef  string
	form     *form    // that is open
	choice   *choices // of the select that is open
	text     *string  // of the element that is open, and wanted
	template int      // how many templates are open; what is in them is not on the page
	head     bool
	byID     map[string]*form
	loose    map[string][]field // fields outside their forms, by the form's id
}

// parsePage reads an HTML answer. Every text is a page; there are no errors.
func parsePage(u *url.URL, body []byte) page {
	r := &reader{page: page{url: u, base: u, blank: true}, byID: map[string]*form{}, loose: map[string][]field{}}
	z := html.NewTokenizer(bytes.NewReader(body))
	for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
		r.token(z.Token())
	}
	for id, fields := range r.loose {
		if f := r.byID[id]; f != nil {
			f.add(fields...)
		}
	}
	return r.finish()
}

// finish applies what concerns the page as a whole.
func (r *reader) finish() page {
	if base, err := url.Parse(r.baseRef); err == nil && r.baseRef != "" {
		r.base = r.url.ResolveReference(base)
	}
	for _, f := range r.forms {
		r.forms = append(r.forms, f.variants()...)
	}
	if len(r.forms) > maxForms {
		r.forms, r.many = r.forms[:maxForms], true
	}
	return r.page
}

func (r *reader) token(t html.Token) {
	switch t.Type {
	case html.TextToken:
		r.addText(t.Data)
	case html.StartTagToken, html.SelfClosingTagToken:
		r.open(t)
	case html.EndTagToken:
		r.close(t)
	}
}

// maxText bounds a text that is kept, in bytes.
const maxText = 1000

func (r *reader) addText(s string) {
	s = strings.TrimSpace(s)
	if s == "" || r.head || r.template > 0 {
		return
	}
	r.blank = false
	if r.text != nil && len(*r.text) < maxText {
		*r.text = strings.TrimSpace(*r.text + " " + s[:min(len(s), maxText)])
	}
}

func (r *reader) open(t html.Token) {
	if t.DataAtom == atom.Template {
		r.template++
	}
	if r.template > 0 {
		return
	}
	r.blank = r.blank && !contents[t.DataAtom]
	at := attributes(t)
	switch t.DataAtom {
	case atom.Title, atom.Style:
		r.head = true
	case atom.Base:
		if href, ok := at["href"]; ok && r.baseRef == "" {
			r.baseRef = href
		}
	case atom.A, atom.Area:
		r.openLink(at)
	case atom.Form:
		r.openForm(at)
	case atom.Input, atom.Button, atom.Select, atom.Textarea:
		r.openField(t.DataAtom, at)
	case atom.Option:
		r.openOption(at)
	}
}

func (r *reader) close(t html.Token) {
	switch t.DataAtom {
	case atom.Template:
		r.template = max(0, r.template-1)
	case atom.Title, atom.Style:
		r.head = false
	case atom.A, atom.Option:
		r.text = nil
	case atom.Form:
		r.form = nil
	case atom.Select:
		r.choice, r.text = nil, nil
	}
}

func (r *reader) openLink(at map[string]string) {
	href, ok := at["href"]
	if _, download := at["download"]; !ok || download {
		return
	}
	if len(r.links) == maxLinks {
		r.many = true
		return
	}
	r.links = append(r.links, link{href: href})
	r.text = &r.links[len(r.links)-1].text
}

func (r *reader) openForm(at map[string]string) {
	if r.form != nil {
		return // forms are not nested: the inner tag is ignored
	}
	r.form = &form{method: strings.ToUpper(at["method"]), action: at["action"], multipart: at["enctype"] == "multipart/form-data"}
	if len(r.forms) == maxForms {
		r.many = true
		return // its fields go to a form that is not looked at
	}
	r.forms = append(r.forms, r.form)
	if id := at["id"]; id != "" && r.byID[id] == nil {
		r.byID[id] = r.form
	}
}

// openField adds a control to its form, which is the one that it names or the
// one that is open.
func (r *reader) openField(kind atom.Atom, at map[string]string) {
	f := newField(kind, at)
	if kind == atom.Select {
		r.choice = f.choices
	}
	switch id, named := at["form"]; {
	case named && len(r.loose[id]) <= maxFields && len(r.loose) <= maxForms:
		r.loose[id] = append(r.loose[id], f)
	case named:
	case r.form != nil:
		r.form.add(f)
	}
}

func (r *reader) openOption(at map[string]string) {
	if r.choice == nil || len(*r.choice) == maxFields {
		return
	}
	o := option{}
	_, o.selected = at["selected"]
	_, o.disabled = at["disabled"]
	value, named := at["value"]
	o.value = value
	*r.choice = append(*r.choice, o)
	r.text = nil
	if !named {
		r.text = &(*r.choice)[len(*r.choice)-1].value
	}
}

// attributes are a tag's, the first of each name.
func attributes(t html.Token) map[string]string {
	at := make(map[string]string, len(t.Attr))
	for _, a := range t.Attr {
		if _, ok := at[a.Key]; !ok {
			at[a.Key] = a.Val
		}
	}
	return at
}
