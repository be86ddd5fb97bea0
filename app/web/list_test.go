package web_test

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	todo "github.com/sluice-ci/sluice/app"
	"github.com/sluice-ci/sluice/app/web"
)

func TestAddAndComplete(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	v := s.visitor(t)
	if page := v.get("/"); !strings.Contains(page.body, "Nothing to do.") {
		t.Errorf("the first visit does not show an empty list:\n%s", page.body)
	}
	got := v.post("/add", "name", "  water <b>the</b> plants ", "csrf_token", v.token())
	if got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != "/" {
		t.Fatalf("adding: status %d to %q", got.StatusCode, got.Header.Get("Location"))
	}
	page := v.get("/").body
	if !strings.Contains(page, ">water &lt;b&gt;the&lt;/b&gt; plants</span>") {
		t.Errorf("the item is not shown as text:\n%s", page)
	}
	id := v.list()[0].ID
	action := fmt.Sprintf("/complete/%d", id)
	if !strings.Contains(page, `formaction="`+action+`"`) {
		t.Errorf("the page has no form for %s", action)
	}
	if got := v.post(action, "csrf_token", v.token()); got.StatusCode != http.StatusSeeOther || got.Header.Get("Location") != "/#item-"+itoa(id) {
		t.Fatalf("completing: status %d to %q", got.StatusCode, got.Header.Get("Location"))
	}
	if page := v.get("/").body; strings.Contains(page, action) || !strings.Contains(page, `class="done"`) {
		t.Errorf("the item is not shown as done:\n%s", page)
	}
	want := []todo.Item{{ID: id, Text: "water <b>the</b> plants", Complete: true}}
	if diff := cmp.Diff(want, v.list()); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	for _, line := range []string{fmt.Sprintf(`level=INFO msg="Task added: item %d"`, id), fmt.Sprintf(`level=INFO msg="Task completed: item %d"`, id)} {
		if !strings.Contains(s.log.String(), line) {
			t.Errorf("the log lacks %q:\n%s", line, s.log)
		}
	}
	if strings.Contains(s.log.String(), "plants") {
		t.Errorf("the log has what the visitor wrote:\n%s", s.log)
	}
}

func TestRefusedTexts(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	long := strings.Repeat("🪴", todo.MaxText) + "!"
	tests := map[string]struct{ typed, problem string }{
		"empty":         {"", "Write something to do first."},
		"blank":         {" \t ", "Write something to do first."},
		"too long":      {long, "That is too long: an item has at most 200 characters."},
		"NUL":           {"a\x00b", "That has characters that cannot be shown."},
		"invalid UTF-8": {"a\xff", "That has characters that cannot be shown."},
		"markup":        {`"><script>alert(1)</script>` + long, "That is too long"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := s.visitor(t)
			v.add("here before")
			got := v.post("/add", "name", tt.typed, "csrf_token", v.token())
			if got.StatusCode != http.StatusUnprocessableEntity {
				t.Errorf("status %d, want 422", got.StatusCode)
			}
			for _, want := range []string{
				`role="alert">` + tt.problem, `aria-invalid="true" aria-describedby="problem"`,
				`value="` + html.EscapeString(strings.NewReplacer("\x00", "\uFFFD", "\xff", "\uFFFD").Replace(tt.typed)), "here before",
			} {
				if !strings.Contains(strings.ReplaceAll(got.body, "&#xFFFD;", "\uFFFD"), want) {
					t.Errorf("the page lacks %q:\n%s", want, got.body)
				}
			}
			if strings.Contains(got.body, "<script>") {
				t.Error("what was typed became markup")
			}
			if n := len(v.list()); n != 1 {
				t.Errorf("the list has %d items, want 1", n)
			}
		})
	}
}

func TestAcceptedTexts(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	for _, text := range []string{
		strings.Repeat("x", todo.MaxText), strings.Repeat("🪴", todo.MaxText), "'; DROP TABLE todos; --",
		"{{.Token}}", "לקנות חלב", "\u202eoverridden", "a+b & c=d%20",
	} {
		v := s.visitor(t)
		v.add(text)
		if got := v.list(); len(got) != 1 || got[0].Text != text {
			t.Errorf("the list has %v, want %q", got, text)
		}
		if got := v.get("/"); got.StatusCode != http.StatusOK {
			t.Errorf("showing %q: status %d", text, got.StatusCode)
		}
	}
}

func TestFullList(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	v := s.visitor(t)
	v.get("/")
	id, _, _ := strings.Cut(v.cookie().Value, ".")
	for i := range 150 {
		if _, err := s.store.Add(t.Context(), todo.ListID(id), fmt.Sprintf("item-%d-", i)); err != nil {
			t.Fatal(err)
		}
	}
	got := v.post("/add", "name", "one more", "csrf_token", v.token())
	if got.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(got.body, "This list is full.") || !strings.Contains(got.body, `value="one more"`) {
		t.Errorf("adding to a full list: status %d:\n%s", got.StatusCode, got.body)
	}
	page := v.get("/").body
	if !strings.Contains(page, "item-50-") || strings.Contains(page, "item-49-") {
		t.Error("the first page does not have the newest 100 items")
	}
	oldest := v.list()[99].ID
	older := fmt.Sprintf("/?before=%d", oldest)
	if !strings.Contains(page, `href="`+older+`"`) {
		t.Fatalf("the page has no link to %s", older)
	}
	page = v.get(older).body
	if !strings.Contains(page, "item-49-") || !strings.Contains(page, "item-0-") || strings.Contains(page, "item-50-") || strings.Contains(page, "Older items") {
		t.Errorf("the second page does not have the 50 oldest items:\n%s", page)
	}
	if page := v.get("/?before=1").body; !strings.Contains(page, "No older items.") {
		t.Errorf("the page past the end does not say so:\n%s", page)
	}
}

func TestUnknownPlaces(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	v, other := s.visitor(t), s.visitor(t)
	other.add("theirs")
	foreign := other.list()[0].ID
	token := v.token()
	for _, id := range []string{
		fmt.Sprint(foreign), fmt.Sprint(foreign + 1), "0", "-1", "01", "+1", "1.0", "abc", "%00", "9223372036854775808", strings.Repeat("9", 1000), "1%2F2",
	} {
		if got := v.post("/complete/"+id, "csrf_token", token); got.StatusCode != http.StatusNotFound {
			t.Errorf("completing %s: status %d, want 404", id, got.StatusCode)
		}
	}
	v.add("mine")
	for _, form := range []string{"0%d", "+%d", "%d.0", "%d/", "%%20%d"} {
		path := "/complete/" + fmt.Sprintf(form, v.list()[0].ID)
		if got := v.post(path, "csrf_token", token); got.StatusCode != http.StatusNotFound || v.list()[0].Complete {
			t.Errorf("POST %s: status %d, want 404", path, got.StatusCode)
		}
	}
	if other.list()[0].Complete {
		t.Error("a visitor has completed another's item")
	}
	for _, path := range []string{"/nowhere", "/metrics", "/static/", "/static/nothing.css", "/static/..%2fweb.go", "/?before=x", "/?before=-1", "/health/x", "/complete/"} {
		if got := v.get(path); got.StatusCode != http.StatusNotFound {
			t.Errorf("GET %s: status %d, want 404", path, got.StatusCode)
		}
	}
}

func TestWrongMethodsChangeNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	v := s.visitor(t)
	v.add("stays open")
	id := v.list()[0].ID
	token := url.QueryEscape(v.token())
	complete := fmt.Sprintf("/complete/%d?csrf_token=%s", id, token)
	for path, methods := range map[string][]string{
		complete:                          {"GET", "HEAD", "PUT", "DELETE", "PATCH"},
		"/add?name=x&csrf_token=" + token: {"GET", "HEAD", "PUT"},
		"/":                               {"POST", "PUT", "DELETE"},
		"/health":                         {"POST"},
		"/clear?csrf_token=" + token:      {"GET", "HEAD", "DELETE"},
		fmt.Sprintf("/delete/%d?csrf_token=%s", id, token):      {"GET", "HEAD", "DELETE"},
		fmt.Sprintf("/edit/%d?csrf_token=%s&name=x", id, token): {"GET", "HEAD", "PUT"},
	} {
		for _, method := range methods {
			got := v.do(v.request(method, path, ""))
			if got.StatusCode != http.StatusMethodNotAllowed || got.Header.Get("Allow") == "" {
				t.Errorf("%s %s: status %d, Allow %q, want 405 and what is allowed", method, path, got.StatusCode, got.Header.Get("Allow"))
			}
		}
	}
	if got := v.list(); len(got) != 1 || got[0].Complete || got[0].Text != "stays open" {
		t.Errorf("the list has become %v", got)
	}
}

// broken is a store that is out of reach, as a database that is away.
type broken struct{ todo.Lists }

var errAway = errors.New("connection refused by 10.0.0.1")

func (broken) Page(context.Context, todo.ListID, todo.Query) (todo.Page, error) {
	return todo.Page{}, errAway
}

func (broken) Add(context.Context, todo.ListID, string) (todo.Item, error) {
	return todo.Item{}, errAway
}
func (broken) Complete(context.Context, todo.ListID, int64) error     { return errAway }
func (broken) Reopen(context.Context, todo.ListID, int64) error       { return errAway }
func (broken) Delete(context.Context, todo.ListID, int64) error       { return errAway }
func (broken) Edit(context.Context, todo.ListID, int64, string) error { return errAway }
func (broken) Ping(context.Context) error                             { return errAway }
func (broken) ClearCompleted(context.Context, todo.ListID) (int64, error) {
	return 0, errAway
}

func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	healthy := newSite(t, nil)
	v := healthy.visitor(t)
	token := v.token()
	s := newSite(t, func(o *web.Options) { o.Lists, o.Keys = broken{}, healthy.keys })
	request := func(method, path, body string) answer {
		r := v.request(method, path, body)
		r.AddCookie(v.cookie())
		r.URL.Host = strings.TrimPrefix(s.URL, "http://")
		return s.visitor(t).do(r)
	}
	form := url.Values{"csrf_token": {token}, "name": {"x"}}.Encode()
	for _, got := range []answer{
		request("GET", "/", ""), request("POST", "/add", form), request("POST", "/complete/1", form),
		request("POST", "/reopen/1", form), request("POST", "/edit/1", form), request("POST", "/delete/1", form), request("POST", "/clear", form),
		request("GET", "/health", ""), request("GET", "/health/ready", ""),
	} {
		if got.StatusCode != http.StatusServiceUnavailable || got.Header.Get("Retry-After") != "2" {
			t.Errorf("%s %s: status %d, Retry-After %q, want 503 and 2", got.Request.Method, got.Request.URL.Path, got.StatusCode, got.Header.Get("Retry-After"))
		}
		if strings.Contains(got.body, "10.0.0.1") {
			t.Errorf("%s shows the database's error:\n%s", got.Request.URL.Path, got.body)
		}
	}
	if got := request("GET", "/health/live", ""); got.StatusCode != http.StatusOK {
		t.Errorf("liveness: status %d, want 200", got.StatusCode)
	}
	if !strings.Contains(s.log.String(), errAway.Error()) {
		t.Errorf("the log does not say why:\n%s", s.log)
	}
}
