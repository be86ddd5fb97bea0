package trivy

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// ruleUnexamined is that of packages in an image that nobody looks up.
const ruleUnexamined = "image-unexamined"

func unexaminedRule() sarif.Rule {
	return sarif.Rule{
		ID: ruleUnexamined, Tool: "sluice", Name: "Packages that nobody looks up", CWE: []int{1395},
		Why: "Vulnerabilities are looked up for packages of Debian's, Alpine's, Python's, Node.js's and Ruby's. Of others in an image nobody knows which they have.",
		Fix: "leave out of the image what the service does not need; look the rest up by other means, and let the finding be with a reason",
	}
}

// foreign is a kind of packages that nobody looks up.
type foreign struct {
	what string
	is   *regexp.Regexp
}

func foreigners() []foreign {
	return []foreign{
		{"archives of Java's", regexp.MustCompile(`(?i)\.(?:jar|war|ear|par)$`)},
		{"packed eggs of Python's", regexp.MustCompile(`(?i)\.egg$`)},
		{"packages of Conda's", regexp.MustCompile(`/conda-meta/[^/]+\.json$`)},
		{"lists of PHP's packages", regexp.MustCompile(`/composer/installed\.json$`)},
		{"lists of .NET's packages", regexp.MustCompile(`\.deps\.json$`)},
	}
}

func (c *contents) noteStrange(name string) {
	for i, f := range c.foreigners {
		if f.is.MatchString(name) {
			c.strange[i] = append(c.strange[i], name)
		}
	}
}

// unexamined are the findings about packages that nobody looks up, one of each kind.
func (c *contents) unexamined() (findings []sarif.Finding) {
	tell := func(what string, names []string) {
		if len(names) == 0 {
			return
		}
		slices.Sort(names)
		f := sarif.Finding{
			Rule: ruleUnexamined, Tool: "sluice", Stage: imageStage, Severity: sarif.Low, Identity: what, CWE: unexaminedRule().CWE,
			Location: sarif.Location{Path: "image:" + clean(names[0], maxReason)},
			Message:  fmt.Sprintf("nobody looks up the vulnerabilities of %s: %s", what, counted(names)),
		}
		findings = append(findings, f)
	}
	for i, f := range c.foreigners {
		tell(f.what, c.strange[i])
	}
	var broken []string
	for _, u := range c.unread {
		if c.languages[u.language].kind != pythonKind {
			broken = append(broken, u.path)
		}
	}
	tell("packages that do not say what they are", broken)
	return findings
}

// counted is "/a", or "/a and 3 more".
func counted(names []string) string {
	if len(names) == 1 {
		return clean(names[0], maxReason)
	}
	return fmt.Sprintf("%s and %d more", clean(names[0], maxReason), len(names)-1)
}
