package secrets

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/zricethezav/gitleaks/v8/config"
	"github.com/zricethezav/gitleaks/v8/detect"
	"github.com/zricethezav/gitleaks/v8/regexp"
)

func testEngine(t *testing.T) *engine {
	t.Helper()
	e, err := sharedEngine()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// found scans a whole text and returns "rule:secret", sorted.
func found(t *testing.T, path, text string) []string {
	t.Helper()
	leaks, err := testEngine(t).scan(context.Background(), path, text, []span{{0, len(text)}})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, l := range leaks {
		out = append(out, l.rule+":"+l.secret)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// privateKey is random, in the form of a key of 3,000 bytes.
func privateKey() string {
	der := make([]byte, 3000)
	rand.Read(der)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// What this package says of the library's rules must be so in the version that is built in.
func TestWhatIsSaidOfTheRules(t *testing.T) {
	t.Parallel()
	e := testEngine(t)
	gomod, err := os.ReadFile("../../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if want := "github.com/zricethezav/gitleaks/v8 " + gitleaksVersion; !strings.Contains(string(gomod), want) {
		t.Errorf("go.mod does not have %q", want)
	}
	const expression = `(?i)[\w.-]{0,50}?(?:access|auth|(?-i:[Aa]pi|API)|credential|creds|key|passw(?:or)?d|secret|token)(?:[ \t\w.-]{0,20})[\s'"]{0,3}(?:=|>|:{1,3}=|\|\||:|=>|\?=|,)[\x60'"\s=]{0,5}([\w.=-]{10,150}|[a-z0-9][a-z0-9+/]{11,}={0,3})(?:[\x60'"\s;]|\\[nr]|$)`
	if diff := cmp.Diff(expression, e.detector.Config.Rules[genericRule].Regex.String()); diff != "" {
		t.Errorf("the generic rule has changed, and generic.go must follow: %s", diff)
	}
	if !e.detector.Config.Rules[genericRule].Allowlists[0].RegexAllowed("abcdefghijklmnopq_.-") {
		t.Error("the generic rule no longer passes over values of letters alone, and generic.go must follow")
	}
	for _, prefix := range critical {
		known := false
		for id := range e.rules {
			known = known || strings.HasPrefix(id, prefix)
		}
		if !known {
			t.Errorf("no rule's name begins with %q", prefix)
		}
	}
	plain, err := detect.NewDetectorDefaultConfig()
	if err != nil {
		t.Fatal(err)
	}
	if !plain.Config.Allowlists[0].PathAllowed("my.gitleaks.toml") || e.spares("my.gitleaks.toml") || !e.spares("node_modules/a.js") {
		t.Error("the library's path rules are not as this package takes them to be")
	}
}

func TestPlantedSecretsAreFoundAlways(t *testing.T) {
	t.Parallel()
	for range 500 {
		s := newSelfTest(t, testEngine(t))
		if err := s.selfTest(context.Background()); err != nil {
			t.Fatalf("%v: %+v", err, s.plants)
		}
	}
}

func newSelfTest(t *testing.T, e *engine) *search {
	return &search{task: pipeline.Task{Out: t.TempDir(), Log: t.Output()}, engine: e, plants: newPlants()}
}

func TestBlindEngine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		blind  func(e *engine)
		missed string
	}{
		"a rule":      {func(e *engine) { e.quick = detect.NewDetector(without(e.quick.Config, "aws-access-token")) }, "aws-access-token"},
		"assignments": {func(e *engine) { e.detector = e.quick }, genericRule},
		"decoding":    {func(e *engine) { e.decoder = e.quick }, "github-pat"},
		"a path": {func(e *engine) {
			lists := []*config.Allowlist{{Paths: []*regexp.Regexp{regexp.MustCompile(`\.p12$`)}}}
			e.detector = detect.NewDetector(e.detector.Config)
			e.detector.Config.Allowlists = lists
		}, "pkcs12-file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			blind := *testEngine(t)
			c.blind(&blind)
			s := newSelfTest(t, &blind)
			if err := s.selfTest(context.Background()); !errors.Is(err, errBlind) || !strings.HasSuffix(err.Error(), ": "+c.missed) {
				t.Errorf("error = %v, want that %s was not found", err, c.missed)
			}
			if s.test.Passed() || len(s.test.Caught) != len(s.test.Planted)-1 {
				t.Errorf("self-test = %+v", s.test)
			}
		})
	}
}

// A run whose rules do not work says so, and nothing that it saw is remembered.
func TestBlindRun(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.put("a", "a\n")
	p := r.job(true).Params.(params)
	s, err := newSearch(t.Context(), pipeline.Task{Root: r.dir, Out: t.TempDir(), Cache: r.cache, Progress: func(string) {}, Log: t.Output()}, p)
	if err != nil {
		t.Fatal(err)
	}
	blind := *s.engine
	blind.decoder, s.engine = blind.quick, &blind
	answer, err := s.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := pipeline.Decide(answer.Reports[0], pipeline.Verdict{}, true); got.Outcome != pipeline.NotRun || !strings.Contains(got.Reason, "github-pat") || !answer.Volatile {
		t.Errorf("%s: %s, volatile: %t", got.Outcome, got.Reason, answer.Volatile)
	}
	if left, err := os.ReadDir(r.cache); err != nil || len(left) > 0 {
		t.Errorf("remembered: %v, %v", left, err)
	}
}

// However text is cut into pieces, nothing falls between them.
func TestSecretsAtTheEdgesOfPieces(t *testing.T) {
	t.Parallel()
	key := awsKey()
	for _, r := range []reach{narrow, wide} {
		for _, line := range []string{"some text that fills a line\n", "x "} {
			filler := strings.Repeat(line, 3*r.piece/len(line))
			prefix := ""
			if r == wide {
				prefix = "PRIVATE KEY\n"
			}
			for offset := -48; offset <= 48; offset += 12 {
				at := r.piece + offset
				text := prefix + filler[:at] + " " + key + " " + filler[at:]
				if got := found(t, "a.txt", text); !slices.Equal(got, []string{"aws-access-token:" + key}) {
					t.Errorf("%d bytes after the edge: found %q", offset, got)
				}
			}
		}
	}
}

func TestPrivateKeys(t *testing.T) {
	t.Parallel()
	key := strings.TrimSpace(privateKey())
	for _, before := range []int{0, wide.piece - 5000, wide.piece - 2000, wide.piece, 2 * wide.piece} {
		text := strings.Repeat("text\n", before/5) + key + "\n" + strings.Repeat("text\n", wide.piece/5)
		if got := found(t, "key.pem", text); !slices.Contains(got, "private-key:"+key) {
			t.Errorf("after %d bytes: found %d others", before, len(got))
		}
	}
}

// What this package does to spare the library work must not lose what the
// library finds when it is given the text whole.
func TestShortcutsLoseNothing(t *testing.T) {
	t.Parallel()
	e := testEngine(t)
	r := mathrand.New(mathrand.NewPCG(1, 2))
	total := 0
	for range 10_000 {
		text := randomLine(r)
		got := found(t, "a.txt", text)
		for _, f := range e.decoder.Detect(detect.Fragment{FilePath: "a.txt", Raw: text}) {
			total++
			if want := f.RuleID + ":" + f.Secret; !slices.Contains(got, want) {
				t.Errorf("%q is not found in %q, only %q", want, text, got)
			}
		}
	}
	if total < 1000 {
		t.Errorf("the library found %d secrets in all; too few to compare", total)
	}
}

// randomLine looks like an assignment, plain or encoded. It is alone in its
// text: near another it would be looked at on the other's account.
func randomLine(r *mathrand.Rand) string {
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	letters := pick("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ456789", "abcdefghijklmnopqrstuvwxyz")
	value := func() string {
		b := make([]byte, 9+r.IntN(24))
		for i := range b {
			b[i] = letters[r.IntN(len(letters))]
		}
		return string(b)
	}
	line := pick("", "my_", "the ", "x.y-", "U+", "é") +
		pick("access", "auth", "Api", "API", "credentials", "creds", "KEY", "passwd", "Password", "secret", "token", "value", "name") +
		pick("", "_of_it", " is the", ".x", "_for_all_of_them ' \"", "'", `"]`, " ") + pick("=", ": ", " := ", "=> ", "::=", " || ", ",", "\n=\n", "====", "===========", "?=", ">", " ") +
		pick("", "'", `"`, "`", "\n", "==") + value() + pick("", "=", "/+"+value()) + pick("'", `"`, "`", ";", " ", `\n`, "")
	switch r.IntN(10) {
	case 5:
		return strings.Repeat("9f", 16+r.IntN(3)) + base64.RawURLEncoding.EncodeToString([]byte(line))
	case 0:
		return pick("x: ", "abc", "") + base64.StdEncoding.EncodeToString([]byte(line))
	case 1:
		return pick("", "x ") + hex.EncodeToString([]byte(line))
	case 2:
		return strings.NewReplacer("=", "%3D", "\"", "%22", " ", "%20").Replace(line)
	case 3:
		return strings.NewReplacer("=", `\u003d`, "k", `\u006b`, "t", `\U0074`).Replace(line)
	case 4:
		return base64.RawURLEncoding.EncodeToString([]byte("key=" + base64.StdEncoding.EncodeToString([]byte(line))))
	}
	return line
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	key := awsKey()
	encodedKey := base64.StdEncoding.EncodeToString([]byte("key = " + key + " "))
	for name, test := range map[string]struct{ text, want string }{
		"first line":   {"a " + key, "1:3-1:23"},
		"later line":   {"a\nbc\n  " + key + "\n", "3:3-3:23"},
		"carriage":     {"a\r\n" + key + "\r\n", "2:1-2:21"},
		"far away":     {strings.Repeat("0123456\n", 10_000) + "x " + key, "10001:3-10001:23"},
		"long line":    {strings.Repeat("x ", 50_000) + key, "1:100001-1:100021"},
		"encoded":      {"a\nb: " + encodedKey + "\n", fmt.Sprintf("2:4-2:%d", 4+len(encodedKey))},
		"private key":  {"x\n" + "-----BEGIN PRIVATE KEY-----\n" + strings.Repeat("QUJD", 20) + "\n-----END PRIVATE KEY-----\n", "2:1-4:26"},
		"after a rune": {"é " + key, "1:4-1:24"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			leaks, err := testEngine(t).scan(context.Background(), "a.txt", test.text, []span{{0, len(test.text)}})
			if err != nil || len(leaks) != 1 {
				t.Fatalf("leaks = %+v, %v", leaks, err)
			}
			l := leaks[0]
			if got := fmt.Sprintf("%d:%d-%d:%d", l.line, l.column, l.endLine, l.endColumn); got != test.want {
				t.Errorf("place = %s, want %s", got, test.want)
			}
			if name == "encoded" && !slices.Contains(l.hidden, encodedKey) {
				t.Errorf("hidden = %q, want %q", l.hidden, encodedKey)
			}
		})
	}
}

func TestAddedLines(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		text  string
		older []string
		want  []string
	}{
		"new file":           {"a\nb\n", nil, []string{"a\nb\n"}},
		"nothing":            {"a\nb\n", []string{"a\nb\n"}, nil},
		"empty before":       {"a\n", []string{""}, []string{"a\n"}},
		"empty now":          {"", []string{"a\n"}, nil},
		"at the end":         {"a\nb\nc\n", []string{"a\nb\n"}, []string{"c\n"}},
		"at the beginning":   {"a\nb\nc\n", []string{"b\nc\n"}, []string{"a\n"}},
		"in the middle":      {"a\nx\nc\n", []string{"a\nb\nc\n"}, []string{"x\n"}},
		"two places":         {"x\nb\ny\n", []string{"a\nb\nc\n"}, []string{"x\n", "y\n"}},
		"deleted":            {"a\nc\n", []string{"a\nb\nc\n"}, nil},
		"a line's beginning": {"a\nxbcd\ne\n", []string{"a\nybcd\ne\n"}, []string{"xbcd\n"}},
		"a line's end":       {"a\nbcdx\ne\n", []string{"a\nbcdy\ne\n"}, []string{"bcdx\n"}},
		"no last newline":    {"a\nb", []string{"a\n"}, []string{"b"}},
		"newline at the end": {"a\nb\n", []string{"a\nb"}, nil},
		"repeated":           {"a\na\na\n", []string{"a\n"}, []string{"a\na\n"}},
		"merge":              {"m\nb\ns\n", []string{"m\nb\nc\n", "a\nb\ns\n"}, nil},
		"merge with more":    {"m\nx\ns\n", []string{"m\nb\nc\n", "a\nb\ns\n"}, []string{"x\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, s := range added(test.text, test.older) {
				got = append(got, test.text[s.from:s.to])
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// No line that is nowhere in the old text is left out, whatever the change.
func TestAddedMissesNothing(t *testing.T) {
	t.Parallel()
	r := mathrand.New(mathrand.NewPCG(3, 4))
	random := func() string {
		var b strings.Builder
		for range r.IntN(12) {
			fmt.Fprintf(&b, "%d\n", r.IntN(9))
		}
		return strings.TrimSuffix(b.String(), strings.Repeat("\n", r.IntN(2)))
	}
	for range 20_000 {
		text, older := random(), []string{random(), random()}[:1+r.IntN(2)]
		covered := map[string]bool{}
		for _, s := range added(text, older) {
			for line := range strings.Lines(text[s.from:s.to]) {
				covered[strings.TrimSpace(line)] = true
			}
		}
		for line := range strings.Lines(text) {
			line = strings.TrimSpace(line)
			known := slices.ContainsFunc(older, func(o string) bool { return slices.Contains(strings.Fields(o), line) })
			if !known && !covered[line] {
				t.Fatalf("line %q of %q is new to %q and left out", line, text, older)
			}
		}
	}
}
