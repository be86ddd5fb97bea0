package dast

import (
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

// rule is a kind of finding.
type rule struct {
	id, name string
	severity sarif.Severity
	cwe      []int
	why, fix string
	uri      string
}

// The rules. The web's own documentation of each is at its uri.
var (
	rootUnavailable = rule{"dast-root-unavailable", "no first page", sarif.High, nil,
		"A service that does not answer on / with a page or a redirect within itself is not what its users should be sent to.", "Answer GET / with 200, or with a redirect to a page of the service.", ""}
	healthUnavailable = rule{"dast-health-unavailable", "not healthy", sarif.High, nil,
		"Platforms send requests only to instances that say they are well.", "Answer GET /health with 200 while the service is able to work.", ""}
	emptyPage = rule{"dast-empty-page", "empty page", sarif.Medium, nil,
		"A page without content is a fault that users see, and on which every other check passes.", "Find out why nothing is rendered; answer faults with a status of 500.", ""}
	redirectLoop = rule{"dast-redirect-loop", "redirect without end", sarif.Medium, []int{834},
		"Browsers give up on redirects that do not end.", "Redirect to a page that answers by itself.", ""}
	serverError = rule{"dast-server-error", "server error", sarif.Medium, []int{755},
		"A request that makes a service fail is a fault in it, and may be a way to harm it.", "Handle the case: answer what is wrong with the request with a 4xx.", ""}

	cspMissing = rule{"dast-csp-missing", "no Content-Security-Policy", sarif.Medium, []int{693},
		"Without a policy, a browser runs any script that gets into a page.", "Send a Content-Security-Policy, such as default-src 'self'; frame-ancestors 'none'.", mdn + "CSP"}
	cspScripts = rule{"dast-csp-scripts", "scripts are not restricted", sarif.Medium, []int{79, 693},
		"A policy that permits inline scripts, or scripts from anywhere, does not stop the scripts that an attacker gets into a page.", "Restrict script-src to 'self', nonces or hashes, and move inline scripts into files.", mdn + "CSP"}
	noSniff = rule{"dast-nosniff-missing", "content types are guessed", sarif.Medium, []int{693},
		"A browser that guesses a content type can take an uploaded file for a script.", "Send X-Content-Type-Options: nosniff.", mdn + "MIME_types#mime_sniffing"}
	framing = rule{"dast-framing", "can be framed", sarif.Medium, []int{1021},
		"Another site can lay a page in a frame, invisibly, and have users click in it.", "Send frame-ancestors 'none' in the Content-Security-Policy, or X-Frame-Options: DENY.", mdn + "Attacks/Clickjacking"}
	referrer = rule{"dast-referrer-policy", "no Referrer-Policy", sarif.Low, []int{200},
		"The addresses of pages can tell other sites what users do.", "Send Referrer-Policy: same-origin, or strict-origin-when-cross-origin.", mdn + "Security/Practical_implementation_guides/Referrer_policy"}
	versionDisclosed = rule{"dast-version-disclosed", "software version disclosed", sarif.Low, []int{200},
		"A version tells an attacker which vulnerabilities to try.", "Leave the version out of the header, or the header itself.", ""}
	hstsMissing = rule{"dast-hsts-missing", "no Strict-Transport-Security", sarif.Medium, []int{319},
		"A first request over plain HTTP can be read and answered by whoever is in between.", "Send Strict-Transport-Security: max-age=31536000 over HTTPS.", mdn + "Security/Practical_implementation_guides/TLS"}
	xssProtection = rule{"dast-xss-protection", "X-XSS-Protection is on", sarif.Low, []int{693},
		"The filter that the header switches on is gone from current browsers, and in old ones it makes holes in safe pages.", "Leave the header out, or send 0.", mdn + "HTTP/Reference/Headers/X-XSS-Protection"}
	cookieHTTPOnly = rule{"dast-cookie-httponly", "cookie readable by scripts", sarif.Medium, []int{1004},
		"A script that gets into a page can take the cookie, and the session with it.", "Set HttpOnly on the cookie.", mdn + "HTTP/Guides/Cookies"}
	cookieSameSite = rule{"dast-cookie-samesite", "cookie without SameSite", sarif.Medium, []int{1275},
		"Browsers may send the cookie with requests that other sites make.", "Set SameSite=Lax or Strict on the cookie.", mdn + "HTTP/Guides/Cookies"}
	cookieSecure = rule{"dast-cookie-secure", "cookie sent over plain HTTP", sarif.Medium, []int{614},
		"The cookie goes over plain HTTP too, where anybody in between can read it.", "Set Secure on the cookie.", mdn + "HTTP/Guides/Cookies"}

	csrfMissing = rule{"dast-csrf-missing", "form without a token", sarif.High, []int{352},
		"Another site can have a user's browser submit the form, in the user's name.", "Put a token that is bound to the session into the form as a hidden field, and refuse requests without it.", mdn + "Attacks/CSRF"}
	csrfUnchecked = rule{"dast-csrf-unchecked", "token not required", sarif.High, []int{352},
		"The form has a token, but is accepted without it: another site can submit it in a user's name.", "Refuse requests without the token, with 403.", mdn + "Attacks/CSRF"}
	csrfForged = rule{"dast-csrf-forged", "token not checked", sarif.High, []int{352},
		"The form has a token, but is accepted with a wrong one: another site can submit it in a user's name.", "Compare the token with that of the session, and refuse others, with 403.", mdn + "Attacks/CSRF"}
	csrfUnbound = rule{"dast-csrf-unbound", "token of any session accepted", sarif.Medium, []int{352},
		"An attacker can get a token by visiting the service, and have another user's browser send it.", "Bind the token to the session that it was made for.", mdn + "Attacks/CSRF"}
	formRefused = rule{"dast-form-refused", "form refused", sarif.Medium, nil,
		"The form does not work for a user either; and that it refuses wrong tokens proves nothing.", "Accept the form with the token that is in it, and answer faults in other fields with another status than a wrong token.", ""}
	getChangesState = rule{"dast-get-changes-state", "GET where POST is due", sarif.Medium, []int{650, 352},
		"A request by GET is not protected by the form's token: a link or an image on another site makes it.", "Answer GET on the form's address with 405, or with the page that the form is on.", ""}
)

// mdn is where the rules are explained.
const mdn = "https://developer.mozilla.org/en-US/docs/Web/"

func allRules() []rule {
	return []rule{
		rootUnavailable, healthUnavailable, emptyPage, redirectLoop, serverError,
		cspMissing, cspScripts, noSniff, framing, referrer, versionDisclosed, hstsMissing, xssProtection, cookieHTTPOnly, cookieSameSite, cookieSecure,
		csrfMissing, csrfUnchecked, csrfForged, csrfUnbound, formRefused, getChangesState,
	}
}

// usedRules are the rules of findings.
func usedRules(findings []sarif.Finding) []sarif.Rule { return scan.Rules(explained(), findings) }

func explained() map[string]sarif.Rule {
	all := map[string]sarif.Rule{}
	for _, r := range allRules() {
		all[r.id] = sarif.Rule{ID: r.id, Tool: stage, Name: r.name, Why: r.why, Fix: r.fix, URI: r.uri, CWE: r.cwe}
	}
	return all
}

// Rules implements scan.Catalogue.
func (Scanner) Rules() map[string][]sarif.Rule {
	return map[string][]sarif.Rule{stage: scan.Sorted(explained())}
}
