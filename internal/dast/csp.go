package dast

import (
	"slices"
	"strings"
)

// policies are the Content-Security-Policies of an answer, all of which are in
// force (CSP level 3, section 4.2). Each is its directives by name.
type policies []map[string][]string

// parseCSP reads the policies in headers, of which one can hold several.
func parseCSP(headers []string) policies {
	var all policies
	for text := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		directives := map[string][]string{}
		for d := range strings.SplitSeq(text, ";") {
			words := strings.Fields(strings.ToLower(d))
			if len(words) == 0 {
				continue
			}
			if _, ok := directives[words[0]]; !ok { // the first of a name counts
				directives[words[0]] = words[1:]
			}
		}
		if len(directives) > 0 {
			all = append(all, directives)
		}
	}
	return all
}

// frames tells whether one of the policies restricts who may frame the page.
func (p policies) frames() bool {
	return slices.ContainsFunc(p, func(directives map[string][]string) bool {
		sources, ok := directives["frame-ancestors"]
		return ok && anywhere(sources) == ""
	})
}

// anywhere is the source that stands for every host, if there is one.
func anywhere(sources []string) string {
	for _, s := range []string{"*", "http:", "https:", "data:"} {
		if slices.Contains(sources, s) {
			return s
		}
	}
	return ""
}

// scripts says what keeps the policies from stopping a foreign script; "" when
// one of them stops it.
func (p policies) scripts() string {
	why := ""
	for _, directives := range p {
		if why = looseScripts(directives); why == "" {
			return ""
		}
	}
	return why
}

func looseScripts(directives map[string][]string) string {
	sources, ok := directives["script-src-elem"]
	if !ok {
		sources, ok = directives["script-src"]
	}
	if !ok {
		sources, ok = directives["default-src"]
	}
	switch {
	case !ok:
		return "does not restrict scripts: it has neither script-src nor default-src"
	case slices.Contains(sources, "'unsafe-inline'") && !slices.ContainsFunc(sources, exact):
		return "permits inline scripts: 'unsafe-inline'"
	case slices.Contains(sources, "'strict-dynamic'") && slices.ContainsFunc(sources, exact):
		return "" // hosts and schemes are then ignored
	}
	if s := anywhere(sources); s != "" {
		return "permits scripts from anywhere: " + s
	}
	return ""
}

// exact tells of sources that name a script, beside which 'unsafe-inline' has
// no effect (CSP level 3, section 6.7.3.2).
func exact(source string) bool {
	return strings.HasPrefix(source, "'nonce-") || strings.HasPrefix(source, "'sha256-") || strings.HasPrefix(source, "'sha384-") || strings.HasPrefix(source, "'sha512-")
}
