package web

import (
	"bytes"
	"fmt"
	"html/template"
	"slices"
	"strings"

	todo "github.com/sluice-ci/sluice/app"
)

// html/template takes 0.4 ms for a list of 20 items, five times what reading
// them takes. So it is used once for every shape that a page can have, with
// marks in place of what differs from visitor to visitor; what lies between
// the marks is kept. The marks tell whether they stand where filling them in
// is safe: a mark for text has characters that html/template escapes in one
// way in text and quoted attributes, and in others anywhere else.
const (
	markText   = `<text '"&>`
	markToken  = `<token '"&>` // #nosec G101 -- a mark, and no token
	markAll    = `<all '"&>`
	markOpen   = `<open '"&>`
	markDone   = `<done '"&>`
	markRows   = "<rows>"             // what is put in is HTML already
	markID     = "918273645546372811" // digits are the same everywhere
	markBefore = "918273645546372822"
	markOlder  = "918273645546372833"
)

// holeRows is the place of a page's items among its marks.
const holeRows = 6

// cut is a template's output, cut at its marks.
type cut struct {
	parts []string // one more than holes
	holes []int    // which value comes between
}

// newCut cuts a template's output at marks, which are as the template escapes
// them. Each that is wanted must be there, and no other.
func newCut(text string, marks []string, wanted []bool) (c cut, err error) {
	seen := make([]bool, len(marks))
	for {
		at, which := len(text), -1
		for i, m := range marks {
			if found := strings.Index(text, m); found >= 0 && found < at {
				at, which = found, i
			}
		}
		c.parts = append(c.parts, text[:at])
		if which < 0 {
			break
		}
		c.holes, seen[which] = append(c.holes, which), true
		text = text[at+len(marks[which]):]
	}
	for i := range marks {
		if seen[i] != wanted[i] {
			return c, fmt.Errorf("cutting a template: mark %d found: %t, wanted: %t", i, seen[i], wanted[i])
		}
	}
	return c, nil
}

// escaped is a mark as it is in text and quoted attributes.
func escaped(mark string) string { return template.HTMLEscapeString(mark) }

// fillTo writes the text with values, escaped for HTML, in the places of the marks.
func (c *cut) fillTo(b *bytes.Buffer, values ...string) {
	for i, hole := range c.holes {
		b.WriteString(c.parts[i])
		b.WriteString(values[hole])
	}
	b.WriteString(c.parts[len(c.holes)])
}

// split is what comes before the first place of a mark, and after it. Without
// such a place nothing comes after.
func (c cut) split(mark int) (before, after cut) {
	at := slices.Index(c.holes, mark)
	if at < 0 {
		return c, cut{parts: []string{""}}
	}
	return cut{parts: c.parts[:at+1], holes: c.holes[:at]}, cut{parts: c.parts[at+1:], holes: c.holes[at+1:]}
}

// shape is all of a page that decides which parts of its templates are used.
type shape struct {
	show                  todo.Show
	before, older         bool
	rows, hasDone, shared bool
}

func shapeOf(l listPage) shape {
	return shape{show: l.Show, before: l.Before != 0, older: l.Older != 0, rows: len(l.Items) > 0, hasDone: l.Counts.Done > 0, shared: l.shared}
}

// cuts are the parts of a page of one shape.
type cuts struct {
	head, tail cut // of the page, around its items
	open, done cut // an item
}

// cuts returns the parts for a shape, and makes them when they are wanted for
// the first time. There are 96 shapes.
func (p *pages) cuts(s shape) (*cuts, error) {
	if c, ok := p.shapes.Load(s); ok {
		return c.(*cuts), nil
	}
	c, err := p.newCuts(s)
	if err != nil {
		return nil, err
	}
	p.shapes.Store(s, c)
	return c, nil
}

func (p *pages) newCuts(s shape) (*cuts, error) {
	var c cuts
	page, err := p.cutPage(s)
	if err != nil {
		return nil, err
	}
	c.head, c.tail = page.split(holeRows)
	if c.open, err = p.cutItem(s, false); err != nil {
		return nil, err
	}
	c.done, err = p.cutItem(s, true)
	return &c, err
}

func (p *pages) cutPage(s shape) (cut, error) {
	v := listView{Token: markToken, Show: s.show, All: markAll, Open: markOpen, Done: markDone, HasDone: s.hasDone, Shared: s.shared}
	if s.before {
		v.Before = markBefore
	}
	if s.older {
		v.Older = markOlder
	}
	if s.rows {
		v.Rows = markRows
	}
	var b strings.Builder
	if err := p.layouts["list.html"].Execute(&b, v); err != nil {
		return cut{}, err
	}
	return newCut(b.String(), []string{escaped(markToken), markBefore, markOlder, escaped(markAll), escaped(markOpen), escaped(markDone), markRows},
		[]bool{true, s.before && (s.rows || s.hasDone), s.older, true, true, true, s.rows})
}

func (p *pages) cutItem(s shape, complete bool) (cut, error) {
	v := itemView{ID: markID, Text: markText, Complete: complete}
	if s.show != todo.ShowAll {
		v.Rest += template.URL("&show=" + s.show) // #nosec G203 -- one of three words
	}
	if s.before {
		v.Rest += "&before=" + markBefore
	}
	var b strings.Builder
	if err := p.item.ExecuteTemplate(&b, "item.html", v); err != nil {
		return cut{}, err
	}
	return newCut(b.String(), []string{markID, markBefore, escaped(markText)}, []bool{true, s.before, true})
}
