package secrets

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

// tool is the name that findings bear.
const tool = "gitleaks"

// hardcoded is CWE-798, use of hard-coded credentials.
const hardcoded = 798

// critical are the beginnings of the names of rules for keys that open
// whatever they belong to: private keys, and clouds' keys.
var critical = []string{
	"private-key", "pkcs12-file", "age-secret-key",
	"aws-", "gcp-", "azure-", "alibaba-", "cloudflare-", "digitalocean-", "flyio-", "heroku-", "scalingo-", "yandex-",
	"hashicorp-tf-", "kubernetes-secret-", "openshift-", "pulumi-", "vault-",
}

func severity(rule string) sarif.Severity {
	if slices.ContainsFunc(critical, func(prefix string) bool { return strings.HasPrefix(rule, prefix) }) {
		return sarif.Critical
	}
	return sarif.High
}

// distinct picks, of leaks in the order of their places, one for each secret in
// each file of the tree, and for a secret that is in none the oldest commit
// that added it.
func distinct(sorted []leak) []leak {
	inFiles, seen := map[string]bool{}, map[string]bool{}
	var out []leak
	for _, l := range sorted {
		what := l.secret
		if what == "" {
			what = "\x00" + l.rule + "\x00" + l.path // the file itself
		}
		where := what
		if l.commit == inTree {
			inFiles[what] = true
			where += "\x00" + l.path
		}
		if seen[where] || l.commit != inTree && inFiles[what] {
			continue
		}
		seen[where] = true
		out = append(out, l)
	}
	return out
}

// byPlace orders leaks: the tree first, then commits by age. At one place the
// rule that says most comes first.
func byPlace(a, b leak) int {
	return cmp.Or(
		cmp.Compare(a.commit, b.commit), cmp.Compare(a.path, b.path), cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column),
		cmp.Compare(severity(b.rule), severity(a.rule)),
		cmp.Compare(generic(a.rule), generic(b.rule)), cmp.Compare(a.rule, b.rule), cmp.Compare(a.secret, b.secret),
	)
}

func generic(rule string) int {
	if strings.HasPrefix(rule, "generic-") {
		return 1
	}
	return 0
}

// finding tells of a leak without telling the secret.
func finding(l leak, commits []string) sarif.Finding {
	f := sarif.Finding{
		Rule: l.rule, Tool: tool, Stage: Stage, CWE: []int{hardcoded}, Severity: severity(l.rule),
		Location: sarif.Location{Path: l.path, Line: l.line, Column: l.column, EndLine: l.endLine, EndColumn: l.endColumn},
		Message:  fmt.Sprintf("a secret is in this file (%s): %s", l.rule, masked(l.secret)),
		Why:      "Whoever can read the repository can use it. Copies of the repository keep it, whatever becomes of the file.",
		Fix:      rotate + "Then " + fromFile + ", commit, and rewrite the commits that have it: " + rewrite,
		Identity: identity(l),
	}
	if l.commit != inTree {
		f.Location.Commit = commits[l.commit]
		f.Message = fmt.Sprintf("a secret was committed and is still in the history (%s): %s", l.rule, masked(l.secret))
		f.Fix = rotate + "Then rewrite the commits that have it: " + rewrite
	}
	return f
}

// What to do, in the order that matters: a secret that was pushed is known,
// and no rewriting changes that.
const (
	rotate   = "First revoke it where it was issued and have another issued: it counts as known. "
	fromFile = "take it out of the file and have the program read it from its environment"
	rewrite  = "put it on a line of its own in a file outside the repository, run \"git filter-repo --replace-text FILE\" on a fresh clone, then \"git push --force --all\" and \"git push --force --tags\", and have everybody clone again"
)

// explain describes every rule.
func (e *engine) explain() map[string]sarif.Rule {
	all := make(map[string]sarif.Rule, len(e.rules))
	for id, description := range e.rules {
		all[id] = sarif.Rule{
			ID: id, Tool: tool, Name: id, Why: description, CWE: []int{hardcoded},
			Fix: rotate + "Then " + fromFile + ", and rewrite the commits that have it with git filter-repo.",
			URI: "https://github.com/gitleaks/gitleaks",
		}
	}
	return all
}

// masked shows so much of a secret that its owner knows it again: at most four
// characters, and no more than a fifth of it.
func masked(secret string) string {
	if secret == "" {
		return "the file as a whole"
	}
	return fmt.Sprintf("%s… (%d characters)", head(secret), utf8.RuneCountInString(secret))
}

func head(secret string) string {
	n := min(4, utf8.RuneCountInString(secret)/5)
	for i := range n {
		if c := secret[i]; c <= ' ' || c > '~' || c == '-' {
			return ""
		}
	}
	return secret[:n]
}

// identity tells a secret from others in its file, wherever in it they are. Of
// the secret itself it holds a bit for each character, 32 at most: too few to
// confirm a guess with.
func identity(l leak) string {
	sum := sha256.Sum256([]byte("sluice secret\x00" + l.secret))
	tag := hex.EncodeToString(sum[:])[:min(8, len(l.secret)/4)]
	all := sha256.Sum256([]byte(strings.Join([]string{l.rule, l.path, masked(l.secret), tag}, "\x00")))
	return hex.EncodeToString(all[:16])
}

// minPart is the least length of a part of a secret that is masked by itself,
// bytes: shorter ones are words of ordinary output.
const minPart = 16

// masks are the texts that no output may show: the secrets, as they are and as
// the files encode them, and the lines of those that have several.
func masks(leaks []leak) []string {
	var out []string
	for _, l := range leaks {
		out = append(out, l.secret)
		out = append(out, l.hidden...)
		for _, part := range strings.Split(strings.ReplaceAll(l.secret, `\n`, "\n"), "\n") {
			if part = strings.Trim(part, " \t\r\\\"'"); len(part) >= minPart && !strings.Contains(part, "-----") {
				out = append(out, part)
			}
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return slices.DeleteFunc(out, func(s string) bool { return s == "" })
}

// Rules implements scan.Catalogue.
func (Scanner) Rules() map[string][]sarif.Rule {
	e, err := newEngine()
	if err != nil {
		return nil // the stage itself says so
	}
	return map[string][]sarif.Rule{Stage: scan.Sorted(e.explain())}
}
