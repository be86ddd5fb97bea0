package web_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	todo "github.com/sluice-ci/sluice/app"
	"github.com/sluice-ci/sluice/app/web"
)

// act posts a change with a right token and wants to be led somewhere.
func (v *visitor) act(path, want string, fields ...string) {
	v.t.Helper()
	got := v.post(path, append(fields, "csrf_token", v.token())...)
	if got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != want {
		v.t.Errorf("%s: status %d to %q, want 303 to %q", path, got.StatusCode, got.Header.Get("Location"), want)
	}
}

func TestEveryAction(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	v := s.visitor(t)
	v.add("one")
	v.add("two")
	two, one := v.list()[0].ID, v.list()[1].ID
	item := func(action string, id int64) string { return fmt.Sprintf("/%s/%d", action, id) }
	place := func(id int64) string { return fmt.Sprintf("/#item-%d", id) }
	v.act(item("complete", one), place(one))
	v.act(item("complete", one), place(one)) // once more changes nothing
	v.act(item("edit", two), place(two), "name", " changed ")
	want := []todo.Item{{ID: two, Text: "changed"}, {ID: one, Text: "one", Complete: true}}
	if diff := cmp.Diff(want, v.list()); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	v.act(item("reopen", one), place(one))
	v.act(item("complete", two), place(two))
	v.act("/clear", "/")
	if diff := cmp.Diff([]todo.Item{{ID: one, Text: "one"}}, v.list()); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	v.act(item("delete", one), place(one))
	if got := v.list(); len(got) != 0 {
		t.Errorf("after the deletion the list has %v", got)
	}
	for _, line := range []string{"Task added: item ", "Task completed: item ", "Task reopened: item ", "Task edited: item ", "Task deleted: item ", "Tasks cleared: 1 items"} {
		if !strings.Contains(s.log.String(), `level=INFO msg="`+line) {
			t.Errorf("the log lacks %q", line)
		}
	}
	for _, text := range []string{"one", "two", "changed"} {
		if regexp.MustCompile(`\b` + text + `\b`).MatchString(s.log.String()) {
			t.Errorf("the log has what the visitor wrote:\n%s", s.log)
		}
	}
}

func TestLogWithTextWhenAsked(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *web.Options) { o.LogItemText = true })
	s.visitor(t).add("water the plants")
	if want := `level=INFO msg="Task added: water the plants"`; !strings.Contains(s.log.String(), want) {
		t.Errorf("the log lacks %s:\n%s", want, s.log)
	}
}

// TestNobodyChangesAnothersItem tries every action with a token of one's own.
func TestNobodyChangesAnothersItem(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	owner, stranger := s.visitor(t), s.visitor(t)
	owner.add("mine")
	before := owner.list()
	token := stranger.token()
	for _, action := range []string{"complete", "reopen", "edit", "delete"} {
		for _, id := range []string{itoa(before[0].ID), "0", "-1", "abc", "9223372036854775808"} {
			if got := stranger.post("/"+action+"/"+id, "csrf_token", token, "name", "stolen"); got.StatusCode != http.StatusNotFound {
				t.Errorf("/%s/%s: status %d, want 404", action, id, got.StatusCode)
			}
		}
	}
	if got := stranger.get("/?edit=" + itoa(before[0].ID)); got.StatusCode != http.StatusNotFound || strings.Contains(got.body, "mine") {
		t.Errorf("editing another's item: status %d", got.StatusCode)
	}
	stranger.act("/clear", "/")
	if diff := cmp.Diff(before, owner.list()); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
}

func TestEveryActionWantsAToken(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	v := s.visitor(t)
	v.add("mine")
	before := v.list()
	id := itoa(before[0].ID)
	foreign := s.visitor(t).token()
	for _, path := range []string{"/add", "/complete/" + id, "/reopen/" + id, "/edit/" + id, "/delete/" + id, "/clear"} {
		for name, token := range map[string]string{"none": "", "foreign": foreign, "edited": v.token() + "x"} {
			got := v.post(path, "name", "x", "csrf_token", token)
			if got.StatusCode != http.StatusBadRequest || !strings.Contains(got.body, "Bad Request: CSRF token missing or invalid") {
				t.Errorf("%s with token %s: status %d, want 400", path, name, got.StatusCode)
			}
		}
	}
	if diff := cmp.Diff(before, v.list()); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
}

var count = regexp.MustCompile(`(All|Open|Done) <span class="count">([^<]*)</span>`)

func TestFilters(t *testing.T) {
	t.Parallel()
	v := newSite(t, nil).visitor(t)
	for i := range 3 {
		v.add(fmt.Sprintf("item-%d-", i))
	}
	done := v.list()[1]
	v.act("/complete/"+itoa(done.ID), fmt.Sprintf("/?show=open#item-%d", done.ID), "show", "open")
	tests := map[string]struct {
		path string
		want []string // items
		page string   // the filter that is marked
	}{
		"all":  {"/", []string{"item-2-", "item-1-", "item-0-"}, `href="/" aria-current="page"`},
		"open": {"/?show=open", []string{"item-2-", "item-0-"}, `href="/?show=open" aria-current="page"`},
		"done": {"/?show=done", []string{"item-1-"}, `href="/?show=done" aria-current="page"`},
	}
	for name, tt := range tests {
		page := v.get(tt.path).body
		if diff := cmp.Diff(tt.want, texts(page)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if strings.Count(page, "aria-current") != 1 || !strings.Contains(page, tt.page) {
			t.Errorf("%s: the page does not mark its filter:\n%s", name, page)
		}
		var counts []string
		for _, found := range count.FindAllStringSubmatch(page, -1) {
			counts = append(counts, found[1]+" "+found[2])
		}
		if diff := cmp.Diff([]string{"All 3", "Open 2", "Done 1"}, counts); diff != "" {
			t.Errorf("%s: counts (-want +got):\n%s", name, diff)
		}
	}
	for _, path := range []string{"/?show=none", "/?show=OPEN", "/?before=x", "/?before=-1", "/?edit=0", "/?edit=9999999", "/?show=done&edit=" + itoa(v.list()[0].ID)} {
		if got := v.get(path); got.StatusCode != http.StatusNotFound {
			t.Errorf("GET %s: status %d, want 404", path, got.StatusCode)
		}
	}
}

var itemText = regexp.MustCompile(`<span class="text" dir="auto">([^<]*)</span>`)

// texts are the items that a page shows.
func texts(page string) (items []string) {
	for _, found := range itemText.FindAllStringSubmatch(page, -1) {
		items = append(items, found[1])
	}
	return items
}

func TestEditing(t *testing.T) {
	t.Parallel()
	v := newSite(t, nil).visitor(t)
	v.add(`say "hello" & <wave>`)
	v.add("other")
	id := itoa(v.list()[1].ID)
	page := v.get("/?show=open&edit=" + id).body
	for _, want := range []string{
		`<form id="edit" method="post" action="/edit/` + id + `"`, `value="say &#34;hello&#34; &amp; &lt;wave&gt;"`,
		`<input type="hidden" name="show" value="open">`, `href="/?show=open#item-` + id + `"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %s:\n%s", want, page)
		}
	}
	if diff := cmp.Diff([]string{"other"}, texts(page)); diff != "" {
		t.Errorf("the other items (-want +got):\n%s", diff)
	}
	long := strings.Repeat("é", 201)
	got := v.post("/edit/"+id, "csrf_token", v.token(), "name", long, "show", "open")
	for _, want := range []string{`value="` + long + `"`, `<p id="edit-problem" class="problem" role="alert">That is too long`, `aria-describedby="edit-problem"`} {
		if got.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(got.body, want) {
			t.Errorf("a text that is too long: status %d, want 422 and %s", got.StatusCode, want)
		}
	}
	v.act("/edit/"+id, "/?show=open#item-"+id, "name", "short", "show", "open")
	if got := v.list()[1].Text; got != "short" {
		t.Errorf("the item is %q", got)
	}
}

// TestPlacesOfForms are not believed: a form may be sent by anyone.
func TestPlacesOfForms(t *testing.T) {
	t.Parallel()
	v := newSite(t, nil).visitor(t)
	v.act("/add", "/?show=open", "name", "x", "show", "open")
	v.act("/add", "/", "name", "x", "show", "done") // where it could not be seen
	v.act("/add", "/", "name", "x", "show", "//evil.example/")
	v.act("/clear", "/?show=done&before=7", "show", "done", "before", "7")
	for _, show := range []string{"//evil.example", "\r\nX: y", "javascript:"} {
		got := v.post("/clear", "csrf_token", v.token(), "show", show)
		if to := got.Header.Get("Location"); strings.Contains(to, "evil") || strings.Contains(to, "script") || got.Header.Get("X") != "" {
			t.Errorf("show=%q leads to %q", show, to)
		}
	}
}

func TestSharedList(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *web.Options) { o.SharedList = true })
	one, two := s.visitor(t), s.visitor(t)
	one.add("of one")
	if page := two.get("/").body; !strings.Contains(page, "of one") || !strings.Contains(page, "shared by everybody") {
		t.Errorf("the shared list is not shared:\n%s", page)
	}
	got := two.post("/add", "name", "x", "csrf_token", one.token())
	if got.StatusCode != http.StatusBadRequest {
		t.Errorf("a token of another session: status %d, want 400", got.StatusCode)
	}
	page, err := s.store.Page(t.Context(), "", todo.Query{})
	if err != nil || len(page.Items) != 1 {
		t.Errorf("the list of rows without a visitor has %v, %v", page.Items, err)
	}
}
