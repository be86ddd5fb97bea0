package web_test

import (
	"bytes"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	todo "github.com/sluice-ci/sluice/app"
	"github.com/sluice-ci/sluice/app/store"
	"github.com/sluice-ci/sluice/app/web"
)

// site is the service under test, over real HTTP and a real database.
type site struct {
	*httptest.Server
	store   *store.Store
	log     *lines
	metrics *prometheus.Registry
	clock   *clock
	keys    web.Keys
}

// newSite starts a service; change may alter its options.
func newSite(t testing.TB, change func(*web.Options)) *site {
	t.Helper()
	s := &site{log: &lines{}, metrics: prometheus.NewRegistry(), clock: &clock{now: time.Now().Truncate(time.Second)}, keys: newKeys(t)}
	lists, err := store.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "todo.db"), store.Options{Limit: time.Minute, MaxItems: 150})
	if err != nil {
		t.Fatal(err)
	}
	s.store = lists
	t.Cleanup(func() { _ = lists.Close() })
	o := web.Options{Lists: lists, Keys: s.keys, Log: slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})), Now: s.clock.time, Metrics: s.metrics}
	if change != nil {
		change(&o)
	}
	handler, err := web.New(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s
}

func newKeys(t testing.TB) web.Keys {
	t.Helper()
	keys, err := web.ParseKeys(web.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// clock is a time that tests can move on.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// lines is a log that can be written and read at once.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// visitor is a browser as far as cookies go. Redirects are not followed.
type visitor struct {
	t    testing.TB
	site *site
	http *http.Client
}

func (s *site) visitor(t testing.TB) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := *s.Client()
	client.Jar = jar
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &visitor{t: t, site: s, http: &client}
}

// answer is a response that was read to its end.
type answer struct {
	*http.Response
	body string
}

func (v *visitor) do(r *http.Request) answer {
	v.t.Helper()
	response, err := v.http.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer response.Body.Close() //nolint:errcheck // read to its end
	body, err := io.ReadAll(response.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return answer{Response: response, body: string(body)}
}

func (v *visitor) request(method, path, body string) *http.Request {
	v.t.Helper()
	r, err := http.NewRequestWithContext(v.t.Context(), method, v.site.URL+path, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return r
}

func (v *visitor) get(path string) answer {
	v.t.Helper()
	return v.do(v.request(http.MethodGet, path, ""))
}

// post sends a form of names and values in turn.
func (v *visitor) post(path string, fields ...string) answer {
	v.t.Helper()
	form := url.Values{}
	for pair := range slices.Chunk(fields, 2) {
		form.Add(pair[0], pair[1])
	}
	return v.do(v.request(http.MethodPost, path, form.Encode()))
}

var tokenInput = regexp.MustCompile(`<input type="hidden" name="csrf_token" value="([^"]+)">`)

// token visits the list and returns the token in its form.
func (v *visitor) token() string {
	v.t.Helper()
	found := tokenInput.FindStringSubmatch(v.get("/").body)
	if found == nil {
		v.t.Fatal("the page has no token")
	}
	return html.UnescapeString(found[1])
}

// add puts an item on the visitor's list, as a browser would.
func (v *visitor) add(text string) {
	v.t.Helper()
	if got := v.post("/add", "name", text, "csrf_token", v.token()); got.StatusCode != http.StatusSeeOther {
		v.t.Fatalf("adding %q: status %d", text, got.StatusCode)
	}
}

// cookie is the one that the visitor's browser has.
func (v *visitor) cookie() *http.Cookie {
	v.t.Helper()
	at, err := url.Parse(v.site.URL)
	if err != nil {
		v.t.Fatal(err)
	}
	cookies := v.http.Jar.Cookies(at)
	if len(cookies) != 1 {
		v.t.Fatalf("the visitor has the cookies %v, want one", cookies)
	}
	return cookies[0]
}

// list is what the database has of the visitor's list.
func (v *visitor) list() []todo.Item {
	v.t.Helper()
	id, _, _ := strings.Cut(v.cookie().Value, ".")
	page, err := v.site.store.Page(v.t.Context(), todo.ListID(id), todo.Query{})
	if err != nil {
		v.t.Fatal(err)
	}
	return page.Items
}
