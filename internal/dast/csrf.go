package dast

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
)

// target is a form to be checked, by how a new session comes to it: the forms
// to submit before, the page that it is on, and what it looks like there.
type target struct {
	route []target
	page  *url.URL
	shape string
	place string // of its action
}

// readForm queues a form of a page, the first of its shape.
func (c *checker) readForm(p page, f *form, route []target) {
	u, shape := c.action(p, f), c.shape(p, f)
	if c.shapes[shape] {
		return
	}
	c.shapes[shape] = true
	at := place(http.MethodPost, u)
	switch {
	case f.method == "DIALOG":
	case f.method != http.MethodPost:
		c.note("a form that asks by GET was not submitted: %s", place(http.MethodGet, u))
	case !c.same(u):
		c.note("a form that is sent to another origin was not submitted: %s", u.Redacted())
	case f.tooMany:
		c.forms = append(c.forms, shape)
		c.unproven(fmt.Sprintf("the form %s has more than %d fields, and was not checked", at, maxFields))
	case len(c.targets) == maxForms:
		c.forms = append(c.forms, shape)
		c.unproven(fmt.Sprintf("there are more than %d forms, and the rest was not checked", maxForms))
	default:
		c.forms = append(c.forms, shape)
		c.targets = append(c.targets, target{route: route, page: p.url, shape: shape, place: at})
	}
}

// errGone is a form that a new session does not find again.
var errGone = errors.New("a new session does not find it again")

// reach opens a session and goes to the form.
func (c *checker) reach(t target) (visitor, error) {
	return c.reachWith(c.newSession(), t)
}

// visitor is a session that has come to a form.
type visitor struct {
	session *session
	page    page
	form    *form
}

func (c *checker) reachWith(s *session, t target) (visitor, error) {
	for _, step := range t.route {
		v, err := c.reachWith(s, target{page: step.page, shape: step.shape})
		if err != nil {
			return v, err
		}
		if _, err := c.submit(v, v.form.values(), "on the way"); err != nil {
			return v, err
		}
	}
	a, err := c.get(s, t.page, nil)
	if err != nil {
		return visitor{}, err
	}
	p := parsePage(a.url, a.body)
	for _, f := range p.forms {
		if a.html && c.shape(p, f) == t.shape {
			return visitor{s, p, f}, nil
		}
	}
	return visitor{}, errGone
}

func (c *checker) submit(v visitor, values url.Values, what string) (answer, error) {
	body, content := v.form.encode(values)
	return c.do(v.session, request{method: http.MethodPost, url: c.action(v.page, v.form), body: body, content: content, from: v.page.url, what: what})
}

// checkForms checks all forms, those too that submitting others brings up.
func (c *checker) checkForms() error {
	for i := 0; i < len(c.targets); i++ { // the list grows
		t := c.targets[i]
		c.opts.Progress("checking the form " + t.place)
		err := c.checkForm(t)
		switch {
		case errors.Is(err, errGone) || errors.Is(err, errRedirects):
			c.unproven(fmt.Sprintf("the form %s was not checked: %v", t.place, err))
		case err != nil:
			return err
		}
	}
	return nil
}

func (c *checker) checkForm(t target) error {
	first, err := c.reach(t)
	if err != nil {
		return err
	}
	other, err := c.reach(t)
	if err != nil {
		return err
	}
	field := tokenField(first.form, other.form)
	token := first.form.values().Get(field)
	switch {
	case field == "":
		c.find(csrfMissing, t.place, t.place, "the form has no token, and was not submitted")
	case token == "":
		c.find(csrfMissing, t.place, t.place, fmt.Sprintf("the form's token, %q, is empty, and it was not submitted", clip(field)))
	default:
		err = c.checkToken(t, field, token, first, other)
	}
	if err != nil {
		return err
	}
	if err := c.checkGet(t, field); err != nil {
		return err
	}
	c.checked = append(c.checked, t.shape)
	return nil
}

// checkToken submits the form with wrong tokens and, at last, with the right
// one: each in a session of its own, so that none is the consequence of another.
func (c *checker) checkToken(t target, field, token string, first, other visitor) error {
	without, err := c.attempt(t, csrfUnchecked, first, with(first.form.values(), field, ""), "without its token")
	if err != nil {
		return err
	}
	values := other.form.values()
	if _, err = c.attempt(t, csrfForged, other, with(values, field, forged(values.Get(field))), "with a changed token"); err != nil {
		return err
	}
	third, err := c.reach(t)
	if err != nil {
		return err
	}
	if _, err = c.attempt(t, csrfUnbound, third, with(third.form.values(), field, token), "with the token of another session"); err != nil {
		return err
	}
	if third.form.password() {
		c.note("the form %s asks for a password, and was not submitted with its own token", t.place)
		return nil
	}
	return c.checkRight(t, without)
}

// attempt submits a form that must be refused.
func (c *checker) attempt(t target, r rule, v visitor, values url.Values, what string) (answer, error) {
	a, err := c.submit(v, values, what)
	if err == nil && !a.refused() && a.status < 500 { // every 5xx is a finding already
		c.find(r, t.place, t.place, fmt.Sprintf("sent %s, the form is answered %d, not refused with a 4xx", what, a.status))
	}
	return a, err
}

// checkRight submits the form as a user would. Were it refused like the others,
// their refusals would prove nothing.
func (c *checker) checkRight(t target, wrong answer) error {
	v, err := c.reach(t)
	if err != nil {
		return err
	}
	a, err := c.submit(v, v.form.values(), "with its own token")
	if err != nil {
		return err
	}
	switch {
	case a.refused() && a.status != wrong.status:
		c.note("the form %s takes its own token, but refuses what was filled in (%d)", t.place, a.status)
	case a.refused():
		c.find(formRefused, t.place, t.place, fmt.Sprintf("sent with its own token, the form is refused (%d) as it is without", a.status))
	default:
		return c.lookAfter(t, v, a)
	}
	return nil
}

// lookAfter looks for forms that only a submitted form brings up.
func (c *checker) lookAfter(t target, v visitor, a answer) error {
	if len(t.route) == maxRoute {
		return nil
	}
	pages := []*url.URL{v.page.url}
	if next, ok := c.target(a); ok && a.redirect() && next.String() != v.page.url.String() {
		pages = append(pages, next)
	}
	for _, u := range pages {
		after, err := c.get(v.session, u, v.page.url)
		if errors.Is(err, errRedirects) {
			continue // noted when the page was read, or a page that only this user sees
		}
		if err != nil {
			return err
		}
		if after.html && after.ok() {
			c.readPage(after, append(append([]target{}, t.route...), t))
		}
	}
	return nil
}

// checkGet asks for the form's action by GET with what the form would send but
// the token. A page that shows the form is the right answer, and so is a refusal.
func (c *checker) checkGet(t target, field string) error {
	v, err := c.reach(t)
	if err != nil {
		return err
	}
	u := *c.action(v.page, v.form)
	query := with(v.form.values(), field, "")
	for name, values := range u.Query() {
		query[name] = values
	}
	u.RawQuery = query.Encode()
	a, err := c.do(v.session, request{method: http.MethodGet, url: &u, what: "in place of POST"})
	if err != nil || !a.ok() && !a.redirect() || c.shows(a, t) {
		return err
	}
	c.find(getChangesState, t.place, t.place, fmt.Sprintf("asked by GET for what the form does by POST, the service answers %d, not 405 or 404", a.status))
	return nil
}

// shows tells whether an answer is a page with the form on it.
func (c *checker) shows(a answer, t target) bool {
	if !a.html || !a.ok() {
		return false
	}
	p := parsePage(a.url, a.body)
	for _, f := range p.forms {
		if c.shape(p, f) == t.shape {
			return true
		}
	}
	return false
}

// clip shortens a text of the service for a message.
func clip(s string) string {
	if r := []rune(s); len(r) > 80 {
		return string(r[:80]) + "…"
	}
	return s
}
