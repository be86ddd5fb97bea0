package web

import (
	"bytes"
	"html/template"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	todo "github.com/sluice-ci/sluice/app"
)

func testPages(t testing.TB) *pages {
	t.Helper()
	files, err := newAssets()
	if err != nil {
		t.Fatal(err)
	}
	p, err := newPages(files)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// plainly is what html/template makes of a page by itself.
func plainly(t testing.TB, p *pages, l listPage) string {
	t.Helper()
	var rows, page bytes.Buffer
	for _, i := range l.Items {
		v := itemView{ID: digits(i.ID), Text: i.Text, Complete: i.Complete}
		if l.Show != "" {
			v.Rest += template.URL("&show=" + l.Show) // #nosec G203 -- compared only
		}
		if l.Before != 0 {
			v.Rest += template.URL("&before=" + digits(l.Before)) // #nosec G203 -- compared only
		}
		if err := p.item.ExecuteTemplate(&rows, "item.html", v); err != nil {
			t.Fatal(err)
		}
	}
	v := l.view()
	v.Rows = template.HTML(rows.String()) // #nosec G203 -- the output of a template
	if err := p.layouts["list.html"].Execute(&page, v); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(page.String(), "&#43;", "+") // the two escape a plus sign differently
}

// FuzzCut compares every shape of a page with what html/template makes of it.
func FuzzCut(f *testing.F) {
	f.Add("water the plants", "x", int64(1), int64(7), int64(3))
	f.Add(`"><script>alert(1)</script>`, "' onclick='x", int64(9), int64(0), int64(0))
	f.Add(markText, markRows+markID, int64(918273645546372811), int64(918273645546372822), int64(1))
	f.Add("\x00\xff{{.}}+%s", "\u202e🪴", int64(-1), int64(1), int64(101))
	p := testPages(f)
	f.Fuzz(func(t *testing.T, one, two string, id, before, older int64) {
		for n := range 96 {
			l := listPage{token: "t.o-k_en", shared: n&1 != 0} // #nosec G101 -- no token
			l.Show = []todo.Show{todo.ShowAll, todo.ShowOpen, todo.ShowDone}[n%3]
			if n&2 != 0 {
				l.Before = before
			}
			if n&4 != 0 {
				l.Older = older
			}
			if n&8 != 0 {
				l.Items = []todo.Item{{ID: id, Text: one}, {ID: 2, Text: two, Complete: true}}
			}
			if n&16 != 0 {
				l.Counts = todo.Counts{Open: int(id & 0xff), Done: int(older & 0xff)}
			}
			var got bytes.Buffer
			if err := p.list(&got, l); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(plainly(t, p, l), got.String()); diff != "" {
				t.Errorf("shape %+v (-html/template +cut):\n%s", shapeOf(l), diff)
			}
		}
	})
}

// TestMarksInWrongPlaces are noticed: filling them in would not be safe there.
func TestMarksInWrongPlaces(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"script": `<script>let x = {{.}}</script>`, "link": `<a href="{{.}}">`, "query": `<a href="/?q={{.}}">`,
		"bare attribute": `<a title={{.}}>`, "style": `<p style="color: {{.}}">`, "missing": `<p></p>`,
	} {
		var b strings.Builder
		if err := template.Must(template.New("").Parse(text)).Execute(&b, markText); err != nil {
			continue // html/template refuses by itself
		}
		if _, err := newCut(b.String(), []string{escaped(markText)}, []bool{true}); err == nil {
			t.Errorf("%s: a text may be filled in: %s", name, b.String())
		}
	}
}
