package secrets

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sluice-ci/sluice/internal/sarif"
)

// The report, the log and what is kept must not hold what was found; the list
// of what to mask must hold all of it.
func TestNothingIsRevealed(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	key, old, wrapped, private := awsKey(), awsKey(), awsKey(), privateKey()
	encodedLine := base64.StdEncoding.EncodeToString([]byte("key = " + wrapped + " "))
	password := strings.ToLower(awsKey())[4:] + "7z"
	r.put("a.env", "KEY="+old+"\n")
	r.write("a.env", "KEY="+key+"\nx: "+encodedLine+"\n")
	r.write("settings.py", "db_password = '"+password+"'\n")
	r.write("key.pem", private)
	r.write("key.json", `{"private_key": "`+strings.ReplaceAll(private, "\n", `\n`)+`"}`)
	r.commit()
	answer := r.scan()
	if answer.Reports[0].NotRun != "" {
		t.Fatal(answer.Reports[0].NotRun)
	}
	if got := places(answer.Reports[0].Findings); len(got) != 6 {
		t.Errorf("findings = %q, want 6", got)
	}
	text, err := json.Marshal(answer.Reports)
	if err != nil {
		t.Fatal(err)
	}
	shown := string(text) + r.log.String()
	lines := strings.Split(strings.TrimSpace(private), "\n")
	for _, secret := range append([]string{key, old, wrapped, encodedLine, password, strings.TrimSpace(private)}, lines[1:len(lines)-1]...) {
		if strings.Contains(shown, secret) || len(secret) > 12 && strings.Contains(shown, secret[:6]) {
			t.Errorf("%q is shown", secret)
		}
		if !slices.Contains(answer.Secrets, secret) {
			t.Errorf("%q would not be masked", secret)
		}
	}
	if i := slices.Index(answer.Secrets, ""); i >= 0 {
		t.Error("the empty text would be masked")
	}
}

func TestFindings(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	key := awsKey()
	r.write("a.env", "KEY="+key+"\n")
	report := r.complete()
	if len(report.Findings) != 1 || len(report.Rules) != 1 {
		t.Fatalf("findings = %+v, rules = %+v", report.Findings, report.Rules)
	}
	f := report.Findings[0]
	if f.Tool != "gitleaks" || f.Stage != "secrets" || f.Severity != sarif.Critical || !slices.Equal(f.CWE, []int{798}) || f.Identity == "" {
		t.Errorf("finding = %+v", f)
	}
	if want := "a secret is in this file (aws-access-token): AKIA… (20 characters)"; f.Message != want {
		t.Errorf("message = %q, want %q", f.Message, want)
	}
	if rule := report.Rules[0]; rule.ID != f.Rule || rule.Why == "" || !strings.HasPrefix(rule.Fix, "First revoke") {
		t.Errorf("rule = %+v", rule)
	}
	r.write("a.env", "\n\nexport MY_KEY="+key+"\n")
	if moved := r.complete().Findings[0]; moved.Identity != f.Identity || moved.Location.Line != 3 {
		t.Errorf("after the line moved: %+v", moved)
	}
	r.write("a.env", "KEY="+awsKey()+"\n")
	if other := r.complete().Findings[0]; other.Identity == f.Identity {
		t.Error("another secret has the same identity")
	}
}

func TestSeverity(t *testing.T) {
	t.Parallel()
	for rule, want := range map[string]sarif.Severity{"private-key": sarif.Critical, "aws-access-token": sarif.Critical, "gcp-api-key": sarif.Critical, "generic-api-key": sarif.High, "slack-bot-token": sarif.High} {
		if got := severity(rule); got != want {
			t.Errorf("severity of %s = %s, want %s", rule, got, want)
		}
	}
}

func TestMasked(t *testing.T) {
	t.Parallel()
	for secret, want := range map[string]string{
		"":                        "the file as a whole",
		"abcd":                    "… (4 characters)",
		"abcdefghij":              "ab… (10 characters)",
		strings.Repeat("a", 100):  "aaaa… (100 characters)",
		"-----BEGIN x":            "… (12 characters)",
		"\x1b[31m" + "0123456789": "… (15 characters)",
		"éééééééééééééééééééé":            "… (20 characters)",
		"ab" + strings.Repeat("\xff", 18): "… (20 characters)",
	} {
		if got := masked(secret); got != want {
			t.Errorf("masked(%q) = %q, want %q", secret, got, want)
		}
	}
}

// Identities tell secrets apart, and too little of them to try guesses on.
func TestIdentity(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	const guesses = 2000
	for i := range guesses {
		seen[identity(leak{rule: "r", path: "p", secret: fmt.Sprintf("pass%04d", i)})] = true
	}
	if len(seen) > 256 {
		t.Errorf("%d short passwords have %d identities; a guess could be confirmed", guesses, len(seen))
	}
	if len(seen) < 100 {
		t.Errorf("%d short passwords have %d identities; they cannot be told apart", guesses, len(seen))
	}
}

func TestTooManySecrets(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	var text strings.Builder
	for range maxLeaks + 1 {
		text.WriteString(awsKey() + "\n")
	}
	r.write("keys", text.String())
	report := r.notRun("more than 10000 secrets", "remove those")
	if len(report.Findings) != maxLeaks {
		t.Errorf("findings = %d, want %d", len(report.Findings), maxLeaks)
	}
	half := strings.Index(text.String()[text.Len()/2:], "\n") + text.Len()/2 + 1
	r.write("keys", text.String()[:half])
	r.write("more/keys", text.String()[half:])
	r.notRun("more than 10000 secrets", "remove those")
	r.write("more/keys", "")
	// The same one over and over: what comes after would not be seen.
	r.write("keys", strings.Repeat(awsKey()+"\n", maxLeaks+1))
	report = r.notRun("more than 10000 secrets", "remove those")
	if diff := cmp.Diff([]string{"aws-access-token keys:1"}, places(report.Findings)); diff != "" {
		t.Error(diff)
	}
}

// A rule that says more than another about the same secret is the one that is told.
func TestOneFindingForTwoRules(t *testing.T) {
	t.Parallel()
	key := awsKey()
	leaks := []leak{
		{rule: "generic-api-key", secret: key, path: "a", line: 1, commit: inTree},
		{rule: "aws-access-token", secret: key, path: "a", line: 1, commit: inTree},
		{rule: "aws-access-token", secret: key, path: "b", line: 7, commit: 3},
		{rule: "jwt", secret: key + "x", path: "c", line: 1, commit: inTree},
		{rule: "private-key", secret: key + "x", path: "c", line: 1, commit: inTree},
	}
	s := search{leaks: map[leakKey]leak{}}
	for _, l := range leaks {
		if err := s.add(l.commit, []leak{l}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"aws-access-token", "private-key"}, rulesOf(distinct(s.all()))); diff != "" {
		t.Error(diff)
	}
}

func rulesOf(leaks []leak) (rules []string) {
	for _, l := range leaks {
		rules = append(rules, l.rule)
	}
	return rules
}
