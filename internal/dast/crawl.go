package dast

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// visit is a page to be read.
type visit struct {
	url  *url.URL
	from *url.URL // nil for the first page
	kind string   // what pages have in common that differ in an identifier or a query
}

// visit reads the page at u, and queues what it leads to.
func (c *checker) visit(s *session, u *url.URL) error {
	u = c.base.ResolveReference(u)
	c.queued[u.String()] = true
	return c.read(s, visit{url: u, kind: place(http.MethodGet, u)})
}

// next takes the first page of a kind that was not read yet, or else the first.
func (c *checker) next() visit {
	i := max(0, slices.IndexFunc(c.queue, func(v visit) bool { return !c.kinds[v.kind] }))
	v := c.queue[i]
	c.queue = slices.Delete(c.queue, i, i+1)
	return v
}

// crawl reads the pages that the first one leads to. When there are too many,
// those are left out of whose kind one was read; any other is a gap.
func (c *checker) crawl() error {
	s := c.newSession()
	for len(c.queue) > 0 {
		v := c.next()
		if c.pages >= maxPages {
			c.note("only the first %d pages were read", maxPages)
			if !c.kinds[v.kind] {
				c.addresses = append(c.addresses, v.url.String())
				c.unproven(fmt.Sprintf("there are more than %d pages, and the rest was not read", maxPages))
			}
			continue
		}
		c.opts.Progress("reading " + v.kind)
		if err := c.read(s, v); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) read(s *session, v visit) error {
	c.addresses = append(c.addresses, v.url.String())
	a, err := c.get(s, v.url, v.from)
	if err != nil && !errors.Is(err, errRedirects) {
		return err
	}
	c.asked, c.kinds[v.kind] = append(c.asked, v.url.String()), true
	if err != nil {
		c.find(redirectLoop, a.place(), a.place(), fmt.Sprintf("asking for it ends in %v", err))
		return nil
	}
	if v.from == nil {
		c.judgeRoot(a)
	}
	if a.html && a.ok() {
		c.readPage(a, nil)
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

// readPage takes a page's forms and links; route are the forms by which it was
// come to. What such a page links to is for its user alone, and not followed.
func (c *checker) readPage(a answer, route []target) {
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
	for _, l := range p.links {
		c.follow(p, l, route != nil)
	}
}

// maxQueue bounds what is kept to be read, some of which may turn out to be no page.
const maxQueue = 10 * maxPages

func (c *checker) follow(p page, l link, behind bool) {
	u, ok := c.resolve(p.base, l.href)
	if !ok || c.queued[u.String()] {
		return
	}
	v := visit{url: u, from: p.url, kind: place(http.MethodGet, u)}
	switch {
	case behind && !c.kinds[v.kind]:
		c.note("a link was not followed, for only a submitted form brings it up: %s", v.kind)
		return
	case behind:
		return
	case len(c.queued) > maxQueue:
		if !c.queued[v.kind] {
			c.unproven(fmt.Sprintf("there are more than %d links, and the rest was not followed", maxQueue))
		}
		return
	}
	c.queued[u.String()], c.queued[v.kind] = true, true
	if risky(u, l.text) {
		c.note("a link was not followed, for its name says that it does something: %s", v.kind)
		return
	}
	c.queue = append(c.queue, v)
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
