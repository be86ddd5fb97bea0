package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/policy"
	"github.com/sluice-ci/sluice/internal/scan"
)

func parsed(t *testing.T, text string) *File {
	t.Helper()
	if text == "" {
		return nil
	}
	f, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestLoosened(t *testing.T) {
	t.Parallel()
	const x = "exceptions:\n- {id: G201, reason: it is a constant, owner: me, expires: 2027-01-31}\n"
	tests := map[string]struct {
		before, now string
		want        []string // "key:line"
	}{
		"nothing":                 {"service: a\n", "service: a\n", nil},
		"no file":                 {"", "", nil},
		"the file is new":         {"", "service: a\n", nil},
		"a gate":                  {"service: a\n", "gates:\n  sast: {fail: high}\n", []string{"gates.sast:2"}},
		"a gate, tightened":       {"gates: {sast: {fail: high}}\n", "gates: {sast: {fail: low}}\n", nil},
		"back to the default":     {"gates: {sast: {fail: low}}\n", "service: a\n", []string{"gates.sast:0"}},
		"tests that never fail":   {"", "gates: {test: {fail: never}}\n", []string{"gates.test:1"}},
		"the reach":               {"gates: {deps: {fail: required}}\n", "gates: {deps: {fail: reachable}}\n", []string{"gates.deps:1", "gates.image-scan:1"}},
		"the data's age":          {"", "gates: {deps: {max_age: 90d}}\n", []string{"gates.deps:1", "gates.image-scan:1"}},
		"a rule is switched off":  {"gates: {lint: {ignore: [SA1019]}}\n", "gates: {lint: {ignore: [sa1019, ST1000]}}\n", []string{"gates.lint.ignore:1"}},
		"a licence is allowed":    {"gates: {licenses: {allow: [MIT]}}\n", "gates:\n  licenses:\n    allow:\n    - mit\n    - ISC\n", []string{"gates.licenses.allow[1]:5"}},
		"licences, no list more":  {"gates: {licenses: {allow: [MIT]}}\n", "gates: {licenses: {deny: [ISC]}}\n", []string{"gates.licenses.allow:1"}},
		"a licence not denied":    {"gates: {licenses: {deny: [MIT, ISC]}}\n", "gates: {licenses: {deny: [ISC]}}\n", []string{"gates.licenses.deny:1"}},
		"a licence, denied":       {"gates: {licenses: {allow: [MIT, ISC]}}\n", "gates: {licenses: {allow: [MIT], deny: [ISC]}}\n", nil},
		"coverage":                {"test: {coverage: 70}\n", "test: {coverage: 60}\n", []string{"test.coverage:1"}},
		"an exception":            {"", x, []string{"exceptions[0].id:2"}},
		"the same exception":      {x, x, nil},
		"another reason":          {x, strings.Replace(x, "it is a constant", "it is no constant", 1), nil},
		"an exception, shorter":   {x, strings.Replace(x, "01-31", "01-30", 1), nil},
		"an exception, longer":    {x, strings.Replace(x, "01-31", "02-28", 1), []string{"exceptions[0].id:2"}},
		"an exception, wider":     {strings.Replace(x, "}", ", path: a}", 1), x, []string{"exceptions[0].id:2"}},
		"an exception is removed": {x, "service: a\n", nil},
		"other data":              {"", "vulndb: https://example.com/none\n", []string{"vulndb:1"}},
		"other data of Trivy's":   {"", "trivydb: example.com/none:2\n", []string{"trivydb:1"}},
		"a secret":                {"secrets: {A: a, B: b}\n", "secrets: {A: a, B: c, C: c}\n", []string{"secrets:1", "secrets:1"}},
		"a secret is removed":     {"secrets: {A: a}\n", "service: a\n", nil},
		"the file is removed":     {"test: {coverage: 70}\n", "", []string{"test.coverage:0"}},
	}
	for name, tt := range tests {
		var got []string
		for _, l := range parsed(t, tt.now).Loosened(parsed(t, tt.before)) {
			got = append(got, l.Key+":"+string(rune('0'+l.Line)))
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestGovern has the file of another commit decide, and nothing else.
func TestGovern(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "go.mod", "module example.com/a\n\ngo 1.25\n")
	write(t, dir, "main.go", "package main\n\nfunc main() {}\n")
	write(t, dir, Name, "service: here\nsecrets: {OLD: old, NEW: new, OTHER: changed}\nvulndb: https://example.com/none\ntest: {coverage: 1, timeout: 3m}\ngates: {sast: {fail: never}, lint: {ignore: [A]}, licenses: {allow: [MIT]}}\nexceptions:\n- {id: G201, reason: it is a constant, owner: me, expires: "+time.Now().AddDate(0, 0, 9).Format(time.DateOnly)+"}\n")
	p, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	p.Govern(parsed(t, "service: before\nsecrets: {OLD: old, OTHER: other, GONE: gone}\ntest: {coverage: 70, timeout: 9m}\ngates: {lint: {ignore: [B]}, licenses: {deny: [MIT]}}\nvulndb: data\ntrivydb: ./db\n"), "/base")
	o := p.Service.Options
	got := []any{p.Service.Name, o.VulnDB, o.TrivyDB, o.Coverage, o.TestLimit, o.LintIgnore, o.Licenses, p.Policy.Gates["sast"].Never, len(p.Policy.Exceptions), o.Secrets}
	if diff := cmp.Diff([]any{"here", "/base/data", "/base/db", 70, "3m0s", []string{"B"}, scan.Licenses{Deny: []string{"MIT"}}, false, 0, map[string]string{"OLD": "old"}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMoved(t *testing.T) {
	t.Parallel()
	at := func(root, dir, module, main, name string) Pipeline {
		p := Pipeline{Root: Root{Dir: root}}
		p.Service.Dir, p.Service.GoModule, p.Service.Main, p.Service.Name = dir, module, main, name
		return p
	}
	was := at("/base", "/base/app", "example.com/app", "cmd/app", "app")
	for name, tt := range map[string]struct {
		is   Pipeline
		want []string
	}{
		"the same, elsewhere": {at("/here", "/here/app", "example.com/app", "cmd/app", "app"), nil},
		"another folder":      {at("/here", "/here/decoy", "example.com/app", "cmd/app", "app"), []string{"path"}},
		"another command":     {at("/here", "/here/app", "example.com/app", "cmd/tiny", "app"), []string{"build.main"}},
		"another name":        {at("/here", "/here/app", "example.com/app", "cmd/app", "tiny"), []string{"service"}},
		"another module":      {at("/here", "/here/app", "example.com/decoy", "cmd/app", "app"), []string{"path"}},
	} {
		var got []string
		for _, l := range tt.is.Moved(was) {
			if got = append(got, l.Key); !l.High {
				t.Errorf("%s: it is not high", name)
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	for folder, want := range map[string]string{".": ".", "a": "a", "a/b": "a", "a/b/c": "a/b/c", "b": ".", "b/c": "."} {
		has := func(file string) bool { return file == "a/"+Name || file == "a/b/c/"+Name }
		if got := Nearest(folder, has); got != want {
			t.Errorf("%s: %s, want %s", folder, got, want)
		}
	}
}

func TestBaselineText(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	known := func(n string) policy.Known {
		return policy.Known{Fingerprint: strings.Repeat(n, 32), Path: "a.go", Rule: "G201", Severity: 3}
	}
	b := Baseline{Owner: "platform", Expires: "2027-01-31", Commit: "c", Stages: map[string][]policy.Known{"sast": {known("a"), known("b")}, "lint": nil}}
	text, err := b.Text()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseBaseline(text, now)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	want := &policy.Baseline{Name: BaselineName, Expires: time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC), Stages: map[string][]policy.Known{"sast": {known("a"), known("b")}, "lint": {}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := strings.Count(string(text), "\n"); n != 14 {
		t.Errorf("%d lines:\n%s", n, text)
	}
	for what, edit := range map[string][2]string{
		"no owner":         {"platform", ""},
		"no day":           {"2027-01-31", "soon"},
		"more than a year": {"2027-01-31", "2027-06-30"},
		"a stage without":  {`"sast"`, `"secrets"`},
		"no fingerprint":   {strings.Repeat("a", 32), "a"},
		"an unknown key":   {`"owner"`, `"stages": {}, "ownr"`},
		"something after":  {"\n}\n", "\n} {}\n"},
		"another form":     {`"schema": 1`, `"schema": 2`},
	} {
		if _, err := ParseBaseline([]byte(strings.Replace(string(text), edit[0], edit[1], 1)), now); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	more := &policy.Baseline{Expires: want.Expires, Stages: map[string][]policy.Known{"sast": {known("a"), known("a")}}}
	for name, n := range map[string]int{
		"the same": len(BaselineLoosened(want, want)), "removed": len(BaselineLoosened(want, nil)), "new": len(BaselineLoosened(nil, want)) - 1, "one more": len(BaselineLoosened(want, more)) - 1,
	} {
		if n != 0 {
			t.Errorf("%s: %d loosenings too many", name, n)
		}
	}
}

func FuzzParseBaseline(f *testing.F) {
	text, err := Baseline{Owner: "me", Expires: "2027-01-31", Stages: map[string][]policy.Known{"lint": {{Fingerprint: strings.Repeat("a", 32), Severity: 1}}}}.Text()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"schema":1,"owner":"me","expires":"2027-01-31","stages":{"lint":[{"severity":"none"}]}}`))
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := ParseBaseline(text, now)
		if err == nil && (b.Expires.After(lastDay(now)) || b.Stages["secrets"] != nil) {
			t.Errorf("%+v", b)
		}
	})
}
