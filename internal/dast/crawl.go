package dast

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// visit is a page to be read.
type visit struct {
	url   *url.URL
	from  *url.URL
	depth int // links away from the first page
}

// visit reads the page at u, and queues what it leads to.
func (c *checker) visit(s *session, u *url.URL, depth int) error {
	u = c.base.ResolveReference(u)
	c.queued[u.String()] = true
	return c.read(s, visit{url: u, depth: depth})
}

// crawl reads the pages that the first one leads to.
func (c *checker) crawl() error {
	s := c.newSession()
	for len(c.queue) > 0 {
		next := c.queue[0]
		c.queue = c.queue[1:]
		if c.pages == maxPages {
			c.note("only the first %d pages were read", maxPages)
			return nil
		}
		c.opts.Progress("reading " + place(http.MethodGet, next.url))
		if err := c.read(s, next); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) read(s *session, v visit) error {
	a, err := c.get(s, v.url, v.from)
	if errors.Is(err, errRedirects) {
		c.find(redirectLoop, a.place(), a.place(), fmt.Sprintf("asking for it ends in %v", err))
		return nil
	}
	if err != nil {
		return err
	}
	if v.depth == 0 {
		c.judgeRoot(a)
	}
	if a.html && a.ok() {
		c.readPage(a, v.depth, nil)
	}
	return nil
}

// judgeRoot holds the first page to being there.
func (c *checker) judgeRoot(a answer) {
	switch {
	case a.redirect():
		c.find(rootUnavailable, a.place(), "", "/ redirects to somewhere else: "+elsewhere(a))
	case !a.ok():
		c.find(rootUnavailable, a.place(), "", fmt.Sprintf("/ answers %d in place of a page", a.status))
	case a.empty && !a.html:
		c.find(emptyPage, a.place(), a.place(), "the page is empty")
	}
}

// elsewhere is the origin that a redirect leads to.
func elsewhere(a answer) string {
	u, err := url.Parse(a.header.Get("Location"))
	if err != nil || u.Host == "" {
		return "an address that cannot be read"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host}).String()
}

// readPage takes a page's forms and links; route is how it was come to.
func (c *checker) readPage(a answer, depth int, route []target) {
	p := parsePage(a.url, a.body)
	c.pages++
	if p.blank {
		c.find(emptyPage, a.place(), a.place(), "the page is empty: a browser shows nothing")
	}
	if p.many {
		c.unproven(fmt.Sprintf("%s has more than %d forms or %d links, and was not examined as a whole", a.place(), maxForms, maxLinks))
	}
	for _, f := range p.forms {
		c.readForm(p, f, route)
	}
	if depth == maxDepth {
		return
	}
	for _, l := range p.links {
		c.follow(p, l, depth+1)
	}
}

// maxQueue bounds what is kept to be read, some of which may turn out to be no page.
const maxQueue = 10 * maxPages

func (c *checker) follow(p page, l link, depth int) {
	u, ok := c.resolve(p.base, l.href)
	if !ok || c.queued[u.String()] || len(c.queued) > maxQueue {
		return
	}
	c.queued[u.String()] = true
	if risky(u, l.text) {
		c.note("a link was not followed, for its name says that it does something: %s", place(http.MethodGet, u))
		return
	}
	c.queue = append(c.queue, visit{url: u, from: p.url, depth: depth})
}

// action are words of links that a careful visitor does not follow.
var action = regexp.MustCompile(`(?i)(^|[^a-z])(log[-_ ]?(out|off)|sign[-_ ]?(out|off)|delete|remove|destroy|erase|purge|drop|reset|revoke|cancel|unsubscribe|deactivate|disable|terminate|shutdown)([^a-z]|$)`)

// risky tells whether following a link may change something.
func risky(u *url.URL, text string) bool {
	path, err := url.PathUnescape(u.EscapedPath() + "?" + u.RawQuery)
	if err != nil {
		path = u.Path + "?" + u.RawQuery
	}
	return action.MatchString(path) || action.MatchString(strings.Join(strings.Fields(text), " "))
}
