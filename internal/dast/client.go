package dast

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// userAgent lets an operator recognise the check in the service's log.
const userAgent = "sluice-dast (+https://github.com/sluice-ci/sluice)"

var (
	errTooMany  = fmt.Errorf("the check ends after %d requests", maxRequests)
	errTooLarge = fmt.Errorf("the answer is larger than %d MiB", maxBody>>20)
)

// session is a browser that has just been opened: it has cookies of its own.
type session struct{ client *http.Client }

func (c *checker) newSession() *session {
	jar, _ := cookiejar.New(nil) // never an error
	return &session{&http.Client{
		Transport: c.transport, Jar: jar, Timeout: c.opts.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

func newTransport() *http.Transport {
	return &http.Transport{MaxResponseHeaderBytes: maxHeader, Proxy: nil, ForceAttemptHTTP2: true}
}

// request is one to the service.
type request struct {
	method  string
	url     *url.URL
	body    []byte
	content string   // type of the body
	from    *url.URL // the page that the browser would be on; nil when on none
	what    string   // for the log: "without its token"
}

// answer is what came back.
type answer struct {
	method string
	url    *url.URL
	status int
	header http.Header
	html   bool   // a browser would show it as a page
	body   []byte // whole, of a page
	empty  bool   // it has no body
}

// read reads the body of a page. One that says it is something else is left
// alone: it may be large, or a stream that says nothing for hours.
func (a *answer) read(res *http.Response) error {
	content := res.Header.Get("Content-Type")
	a.empty = res.ContentLength == 0
	if content != "" && !isHTML(content) {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	if err != nil {
		return err
	}
	a.html = isHTML(orElse(content, http.DetectContentType(body)))
	a.body, a.empty = body, len(body) == 0
	if a.html && len(body) > maxBody {
		return errTooLarge
	}
	return nil
}

// place names the answer's origin in a finding: "POST /add".
func (a answer) place() string { return place(a.method, a.url) }

func (a answer) ok() bool       { return a.status >= 200 && a.status < 300 }
func (a answer) redirect() bool { return a.status >= 300 && a.status < 400 }
func (a answer) refused() bool  { return a.status >= 400 && a.status < 500 }

// What a service may ask for that limits how often it is asked (RFC 6585, 4).
const (
	maxTooSoon = 20              // answers that say so, to one request
	maxPause   = 5 * time.Second // after each
)

// do makes one request, follows no redirect, and looks at what is to be said of
// every answer. One that came too soon is made again. Its errors are of the
// connection, never of the answer.
func (c *checker) do(s *session, r request) (answer, error) {
	for again := 0; ; again++ {
		a, err := c.once(s, r)
		if err != nil || a.status != http.StatusTooManyRequests || again == maxTooSoon {
			return a, err
		}
		if err := c.pause(a.header.Get("Retry-After")); err != nil {
			return a, err
		}
	}
}

// pause waits for as many seconds as a service asks for (RFC 9110, 10.2.3).
func (c *checker) pause(after string) error {
	d := maxPause
	if seconds, err := strconv.ParseUint(after, 10, 8); err == nil {
		d = min(d, time.Duration(seconds)*time.Second)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-c.ctx.Done():
		return c.ctx.Err()
	case <-timer.C:
		return nil
	}
}

func (c *checker) once(s *session, r request) (answer, error) {
	if c.requests >= maxRequests {
		return answer{}, errTooMany
	}
	c.requests++
	req, err := http.NewRequestWithContext(c.ctx, r.method, r.url.String(), bytes.NewReader(r.body))
	if err != nil {
		return answer{}, fmt.Errorf("%s: %w", place(r.method, r.url), err)
	}
	c.setHeader(req, r)
	res, err := s.client.Do(req)
	if err != nil {
		return answer{}, c.broken(r, err)
	}
	defer res.Body.Close()
	a := answer{method: r.method, url: r.url, status: res.StatusCode, header: res.Header}
	if err := a.read(res); err != nil {
		return answer{}, c.broken(r, err)
	}
	fmt.Fprintln(c.opts.Log, strings.TrimSpace(fmt.Sprintf("%s %s", a.place(), r.what)), a.status)
	c.inspect(a)
	return a, nil
}

// setHeader makes the request one that a browser would make from the service's
// own pages, so that it is the token that decides and not where it came from.
func (c *checker) setHeader(req *http.Request, r request) {
	req.Header.Set("User-Agent", userAgent)
	req.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	if r.from != nil {
		req.Header.Set("Referer", r.from.String())
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if r.method == http.MethodPost {
		req.Header.Set("Origin", c.base.Scheme+"://"+c.base.Host)
		req.Header.Set("Content-Type", r.content)
	}
}

// broken words the error of a connection without the URL's query, which can
// hold what nobody needs to see in a log.
func (c *checker) broken(r request, err error) error {
	if c.ctx.Err() != nil {
		return c.ctx.Err()
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var timeout interface{ Timeout() bool }
	if errors.As(err, &timeout) && timeout.Timeout() {
		err = fmt.Errorf("no whole answer within %v", c.opts.Timeout)
	}
	return fmt.Errorf("%s: %w", place(r.method, r.url), err)
}

// errRedirects is what following redirects ends with when there are too many.
var errRedirects = fmt.Errorf("more than %d redirects", maxRedirects)

// get asks for a page and follows redirects within the origin. It returns the
// last answer, with errRedirects when there were too many.
func (c *checker) get(s *session, u, from *url.URL) (answer, error) {
	for range maxRedirects + 1 {
		a, err := c.do(s, request{method: http.MethodGet, url: u, from: from})
		if err != nil || !a.redirect() {
			return a, err
		}
		next, ok := c.target(a)
		if !ok {
			return a, nil
		}
		from, u = u, next
	}
	return answer{method: http.MethodGet, url: u}, errRedirects
}

// target is where a redirect leads, when that is within the origin.
func (c *checker) target(a answer) (*url.URL, bool) {
	return c.resolve(a.url, a.header.Get("Location"))
}

// resolve makes a reference on a page absolute, without its fragment, and tells
// whether it is within the origin.
func (c *checker) resolve(page *url.URL, ref string) (*url.URL, bool) {
	rel, err := url.Parse(strings.TrimSpace(ref))
	if err != nil || ref == "" {
		return nil, false
	}
	u := page.ResolveReference(rel)
	u.Fragment, u.RawFragment = "", ""
	if u.Path == "" {
		u.Path = "/"
	}
	return u, c.same(u)
}

// same tells whether a URL is of the service's origin (RFC 6454, section 5).
func (c *checker) same(u *url.URL) bool {
	return u.User == nil && u.Scheme == c.base.Scheme && strings.EqualFold(u.Hostname(), c.base.Hostname()) && port(u) == port(c.base)
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}

// isHTML tells whether a browser shows a content type as a page.
func isHTML(content string) bool {
	kind, _, _ := mime.ParseMediaType(content)
	return kind == "text/html" || kind == "application/xhtml+xml"
}

// identifier is a part of a path that names one thing of many.
var identifier = regexp.MustCompile(`^([0-9]+|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}|[0-9a-fA-F]{16,}|[0-9A-Za-z_-]*[0-9][0-9A-Za-z_-]{19,})$`)

// maxPlace bounds a place in a finding, in bytes.
const maxPlace = 200

// place names what answers a request: "POST /complete/{id}", whatever the
// number, so that it stays the same from run to run.
func place(method string, u *url.URL) string {
	segments := strings.Split(u.EscapedPath(), "/")
	for i, s := range segments {
		if identifier.MatchString(s) {
			segments[i] = "{id}"
		}
	}
	path := strings.Join(segments, "/")
	if len(path) > maxPlace {
		path = path[:maxPlace] + "…"
	}
	return method + " " + path
}
