package dast

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// inspect looks at what is to be said of every answer.
func (c *checker) inspect(a answer) {
	if a.status >= 500 {
		c.find(serverError, a.place(), a.place(), fmt.Sprintf("%s is answered %d", a.place(), a.status))
	}
	c.inspectVersion(a)
	for _, cookie := range setCookies(a.header) {
		c.inspectCookie(a, cookie)
	}
	if c.base.Scheme == "https" && !hsts(a.header.Get("Strict-Transport-Security")) {
		c.find(hstsMissing, a.place(), "", "the answer does not tell browsers to come by HTTPS only")
	}
	if a.html && !a.redirect() && !a.empty {
		c.inspectPage(a)
	}
}

// inspectPage looks at the headers of an answer that a browser shows.
func (c *checker) inspectPage(a answer) {
	csp := parseCSP(a.header.Values("Content-Security-Policy"))
	switch why := csp.scripts(); {
	case len(csp) == 0:
		c.find(cspMissing, a.place(), "", "the page has no Content-Security-Policy")
	case why != "":
		c.find(cspScripts, a.place(), "", "the page's Content-Security-Policy "+why)
	}
	if !strings.EqualFold(strings.TrimSpace(a.header.Get("X-Content-Type-Options")), "nosniff") {
		c.find(noSniff, a.place(), "", "the page has no X-Content-Type-Options: nosniff")
	}
	if !csp.frames() && !frameOptions(a.header) {
		c.find(framing, a.place(), "", "nothing keeps other sites from laying the page in a frame")
	}
	if !referrerPolicy(a.header.Values("Referrer-Policy")) {
		c.find(referrer, a.place(), "", "the page has no Referrer-Policy that browsers know, or one that tells addresses to everybody")
	}
	if strings.HasPrefix(strings.TrimSpace(a.header.Get("X-XSS-Protection")), "1") {
		c.find(xssProtection, a.place(), "", "the page switches on a filter that does harm: X-XSS-Protection: 1")
	}
}

// version is what a version looks like in "Apache/2.4.57 (Debian)".
var version = regexp.MustCompile(`[0-9]+(\.[0-9]+)+|/v?[0-9]`)

func (c *checker) inspectVersion(a answer) {
	for _, name := range []string{"Server", "X-Powered-By", "X-AspNet-Version", "X-AspNetMvc-Version"} {
		if v := a.header.Get(name); version.MatchString(v) {
			c.find(versionDisclosed, a.place(), name, fmt.Sprintf("the header %s says what runs the service: %q", name, clip(v)))
		}
	}
}

func frameOptions(h http.Header) bool {
	v := strings.ToUpper(strings.TrimSpace(h.Get("X-Frame-Options")))
	return v == "DENY" || v == "SAMEORIGIN"
}

// referrerPolicies are those that browsers know (Referrer Policy, section 3)
// but the one that gives everything away.
var referrerPolicies = []string{"no-referrer", "no-referrer-when-downgrade", "same-origin", "origin", "strict-origin", "origin-when-cross-origin", "strict-origin-when-cross-origin"}

// referrerPolicy tells whether the policy in force, which is the last that the
// browser knows, keeps addresses from others.
func referrerPolicy(headers []string) bool {
	safe := false
	for policy := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		policy = strings.ToLower(strings.TrimSpace(policy))
		if known := slices.Contains(referrerPolicies, policy); known || policy == "unsafe-url" {
			safe = known
		}
	}
	return safe
}

// hsts tells whether a Strict-Transport-Security header has effect (RFC 6797,
// section 6.1.1).
func hsts(header string) bool {
	for directive := range strings.SplitSeq(header, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(directive), "=")
		if strings.EqualFold(name, "max-age") {
			age, err := strconv.Atoi(strings.Trim(value, `"`))
			return err == nil && age > 0
		}
	}
	return false
}

func setCookies(h http.Header) []*http.Cookie {
	return (&http.Response{Header: h}).Cookies()
}

// scriptCookie are cookies that scripts must read: the second half of a
// double-submitted token.
var scriptCookie = regexp.MustCompile(`(?i)csrf|xsrf`)

func (c *checker) inspectCookie(a answer, k *http.Cookie) {
	if k.MaxAge < 0 || k.Value == "" {
		return // it is being deleted
	}
	name := clip(k.Name)
	if !k.HttpOnly && !scriptCookie.MatchString(k.Name) {
		c.find(cookieHTTPOnly, a.place(), name, fmt.Sprintf("the cookie %q can be read by scripts", name))
	}
	if k.SameSite == 0 || k.SameSite == http.SameSiteDefaultMode || k.SameSite == http.SameSiteNoneMode {
		c.find(cookieSameSite, a.place(), name, fmt.Sprintf("the cookie %q has no SameSite=Lax or Strict", name))
	}
	if c.base.Scheme == "https" && !k.Secure {
		c.find(cookieSecure, a.place(), name, fmt.Sprintf("the cookie %q is not Secure", name))
	}
}
