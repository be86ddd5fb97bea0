package dast

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sluice-ci/sluice/internal/pipeline"
)

// What a hostile service can do ends in a report that does not vouch for it.
func TestHostile(t *testing.T) {
	t.Parallel()
	bomb := compressed(t, strings.Repeat("\x00", 2*maxBody))
	tests := map[string]struct {
		page   func(http.ResponseWriter, *http.Request)
		says   string // in the error or in NotRun
		before bool   // it is an error, for nothing was seen at all
	}{
		"endless body": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			for line := strings.Repeat("x", 1<<16); ; {
				if _, err := fmt.Fprint(w, line); err != nil {
					return
				}
			}
		}, "GET /: the answer is larger than 4 MiB", true},
		"compressed bomb": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write(bomb)
		}, "GET /: the answer is larger than 4 MiB", true},
		"huge header": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Large", strings.Repeat("x", maxHeader))
		}, "server response headers exceeded", true},
		"silence": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "GET /: no whole answer within 500ms", true},
		"a byte and silence": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, "<")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}, "GET /: no whole answer within 500ms", true},
		"broken off": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "GET /: EOF", true},
		"no HTTP": {func(w http.ResponseWriter, _ *http.Request) {
			conn, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				panic(err)
			}
			defer conn.Close()
			fmt.Fprint(rw, "SSH-2.0-x\r\n")
			rw.Flush()
			bufio.NewReader(conn).Peek(1)
		}, "malformed HTTP", true},
		"form of 10,000 fields": {pageOf(`<form method="post" action="/x">` + strings.Repeat(`<input name="a">`, 10_000) + `</form>`), "POST /x has more than 1000 fields", false},
		"1,000 forms":           {pageOf(`<p>` + forms(1_000)), "GET / has more than 20 forms", false},
		"10,000 links":          {pageOf(`<p>` + strings.Repeat(`<a href="/x">x</a>`, 10_000)), "or 1000 links", false},
		"form that goes away":   {once(`<form method="post" action="/x"><input type=hidden name=csrf_token value=a></form>`), "POST /x was not checked: a new session does not find it again", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var opts Options
			if strings.Contains(test.says, "within") {
				opts.Timeout = quick // the others end by themselves, however slow the machine
			}
			r, err := Check(context.Background(), serve(t, &site{page: test.page}), opts)
			got := r.NotRun
			if test.before != (err != nil) {
				t.Fatalf("error %v", err)
			}
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, test.says) {
				t.Errorf("got %q, want one that says %q", got, test.says)
			}
		})
	}
}

func compressed(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func pageOf(text string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, text)
	}
}

// once shows a text to the first who asks only.
func once(text string) func(http.ResponseWriter, *http.Request) {
	var asked atomic.Bool
	return func(w http.ResponseWriter, r *http.Request) {
		if asked.Swap(true) {
			pageOf("<p>nothing")(w, r)
			return
		}
		pageOf(text)(w, r)
	}
}

func forms(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `<form method="post" action="/x%da"></form>`, i)
	}
	return b.String()
}

// Downloads and streams are no pages, and do not stop the check.
func TestWhatIsNoPageIsNotRead(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("x", 2*maxBody)
	s := &site{extra: `<a href="/large">x</a> <a href="/stream">x</a>`, handlers: map[string]http.HandlerFunc{
		"GET /large": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/pdf")
			fmt.Fprint(w, large)
		},
		"GET /stream": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
	}}
	expect(t, run(t, s))
}

func TestRedirectsAreFollowedToABound(t *testing.T) {
	t.Parallel()
	for n, want := range map[int][]string{maxRedirects: nil, maxRedirects + 1: {"dast-redirect-loop GET /r/{id}"}} {
		left := func(r *http.Request) int {
			i, _ := strconv.Atoi(r.PathValue("n"))
			return i
		}
		s := &site{extra: fmt.Sprintf(`<a href="/r/%d">x</a>`, n), handlers: map[string]http.HandlerFunc{"GET /r/{n}": func(w http.ResponseWriter, r *http.Request) {
			if i := left(r); i > 0 {
				http.Redirect(w, r, fmt.Sprintf("/r/%d", i-1), http.StatusFound)
				return
			}
			pageOf("<p>there")(w, r)
		}}}
		expect(t, run(t, s), want...)
	}
}

// A service that breaks down during the check is not vouched for, and what was
// found until then is kept.
func TestBreakdown(t *testing.T) {
	t.Parallel()
	s := &site{header: func(h http.Header) { h.Del("X-Content-Type-Options") }}
	s.handlers = map[string]http.HandlerFunc{"GET /deep": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }}
	s.extra = `<a href="/deep">more</a>`
	r := run(t, s)
	if r.NotRun != "GET /deep: EOF" || len(r.Findings) != 1 || r.Findings[0].Rule != "dast-nosniff-missing" {
		t.Errorf("not run %q, findings %q", r.NotRun, rulesAt(r))
	}
}

// Every page has new links, which lead round about, and new forms: the check ends by its own bounds.
func TestEndlessSite(t *testing.T) {
	t.Parallel()
	var requests, n atomic.Int32
	s := &site{}
	endless := func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `<!DOCTYPE html><p>page`)
		for range 30 {
			i := n.Add(1)
			fmt.Fprintf(w, `<a href="/p%da">x</a>`, i)
		}
		pageOf(fmt.Sprintf(`<form method=post action="/f%sa"><input type=hidden name=csrf_token value="token-of-%s"></form>`, strings.Trim(r.URL.Path, "/a"), s.session(w, r)))(w, r)
	}
	s.page = endless
	const before, after = "pqrs", "qrst"
	around := func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("page")
		if i := strings.IndexByte(before, name[0]); i >= 0 {
			http.Redirect(w, r, "/"+after[i:i+1]+name[1:], http.StatusFound)
			return
		}
		endless(w, r)
	}
	s.handlers = map[string]http.HandlerFunc{"GET /{page}": around, "POST /{form}": func(w http.ResponseWriter, r *http.Request) {
		if c, err := r.Cookie("sid"); err != nil || r.PostFormValue("csrf_token") != "token-of-"+c.Value {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		http.Redirect(w, r, "/", http.StatusSeeOther)
	}}
	r := run(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		s.ServeHTTP(w, r)
	}))
	if got := requests.Load(); got > maxRequests || int(got) != count(r, "requests") {
		t.Errorf("%d requests, and %d are reported", got, count(r, "requests"))
	}
	if !strings.Contains(r.NotRun, fmt.Sprintf("the check ends after %d requests", maxRequests)) || !hasText(r.Notes, fmt.Sprintf("only the first %d pages were read", maxPages)) {
		t.Errorf("not run %q, notes %q", r.NotRun, r.Notes)
	}
}

// Of many pages, one of each kind must be read; then the rest can be left out.
func TestManyPages(t *testing.T) {
	t.Parallel()
	links := func(format string) (text string) {
		for i := range maxPages {
			text += fmt.Sprintf(`<a href="`+format+`">x</a>`, i)
		}
		return text
	}
	for format, want := range map[string]string{"/item/%d": "", "/?page=%d": "", "/item-%dx": fmt.Sprintf("there are more than %d pages, and the rest was not read", maxPages)} {
		read := pageOf("<p>x")
		s := &site{page: pageOf(links(format) + `<a href="/about">x</a>`), handlers: map[string]http.HandlerFunc{"GET /{page}": read, "GET /item/{n}": read}}
		r := run(t, s)
		if r.NotRun != want || !hasText(r.Notes, "only the first") || count(r, "pages") != maxPages {
			t.Errorf("%s: not run %q, notes %q, %v", format, r.NotRun, r.Notes, r.Examined)
		}
		i := slices.IndexFunc(r.Examined, func(c pipeline.Count) bool { return c.What == "addresses" })
		if c := r.Examined[i]; (c.N == c.Of) != (want == "") || c.N < maxPages {
			t.Errorf("%s: %+v", format, c)
		}
	}
}

// Links that would sign out or delete are not followed, nor are those elsewhere.
func TestLinks(t *testing.T) {
	t.Parallel()
	const links = `<a href="/one">one</a> <a href="/logout">x</a> <a href="/account/sign-out">x</a> <a href="/items/3/delete">x</a> <a href="/x?do=remove">x</a>
<a href="/innocent">Delete everything</a> <a href="//other.example/">elsewhere</a> <a href="mailto:a@example.com">mail</a> <a href="javascript:alert(1)">script</a>
<a href="/file" download>file</a> <a href="/undeleted">undeleted</a> <a href="#top">top</a> <a href="/one#part">one again</a> <a href="">here</a> <template><a href="/inert">x</a></template>`
	asked := make(chan string, maxRequests)
	s := &site{extra: links, handlers: map[string]http.HandlerFunc{
		"GET /one": pageOf(`<p><a href="/two">two</a>`), "GET /two": pageOf(`<p><a href="/three">three</a>`), "GET /undeleted": pageOf("<p>x"),
	}}
	r := run(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" && r.URL.Path != "/health" && r.Method == http.MethodGet {
			asked <- r.URL.Path
		}
		if !strings.HasPrefix(r.Header.Get("User-Agent"), "sluice-dast ") {
			t.Errorf("User-Agent %q", r.Header.Get("User-Agent"))
		}
		s.ServeHTTP(w, r)
	}))
	expect(t, r)
	close(asked)
	got := map[string]bool{}
	for path := range asked {
		got[path] = true
	}
	for path, want := range map[string]bool{"/one": true, "/two": true, "/undeleted": true, "/three": true, "/logout": false, "/account/sign-out": false,
		"/items/3/delete": false, "/x": false, "/innocent": false, "/file": false, "/inert": false} {
		if got[path] != want {
			t.Errorf("%s: asked for it: %v, want %v", path, got[path], want)
		}
	}
	if !hasText(r.Notes, "GET /logout") || !hasText(r.Notes, "GET /items/{id}/delete") {
		t.Errorf("notes %q", r.Notes)
	}
}

// Redirects out of the origin are not followed, not even by a form.
func TestStaysWithinTheOrigin(t *testing.T) {
	t.Parallel()
	var strayed atomic.Int32
	elsewhere := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strayed.Add(1) }))
	s := &site{extra: `<a href="/away">away</a>`, handlers: map[string]http.HandlerFunc{"GET /away": func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.String(), http.StatusFound)
	}}, after: func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, elsewhere.String(), http.StatusSeeOther)
		return true
	}}
	expect(t, run(t, s))
	if n := strayed.Load(); n != 0 {
		t.Errorf("%d requests elsewhere", n)
	}
}

// A service that has a thousand defects has a bounded report.
func TestFindingsAreBounded(t *testing.T) {
	t.Parallel()
	r := run(t, &site{page: func(w http.ResponseWriter, r *http.Request) {
		for i := range 1000 {
			w.Header().Add("Set-Cookie", fmt.Sprintf("c%d=x; SameSite=Lax", i))
		}
		pageOf("<p>x")(w, r)
	}})
	if len(r.Findings) != maxFindings || !hasText(r.Notes, "only the first 200 findings are kept") {
		t.Errorf("%d findings, notes %q", len(r.Findings), r.Notes)
	}
}

func TestFormsAreBounded(t *testing.T) {
	t.Parallel()
	r := run(t, &site{page: pageOf(`<a href="/more">more</a>` + forms(15)), handlers: map[string]http.HandlerFunc{
		"GET /more": pageOf(strings.ReplaceAll(forms(15), "/x", "/y"))}})
	forms := pipeline.Count{What: "forms", N: maxForms, Of: 30}
	if r.NotRun != "there are more than 20 forms, and the rest was not checked" || !slices.Contains(r.Examined, forms) {
		t.Errorf("not run %q, %v", r.NotRun, r.Examined)
	}
}
