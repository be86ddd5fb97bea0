package scan

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/pipeline"
)

func TestOnce(t *testing.T) {
	t.Parallel()
	p := Proofs{Dir: t.TempDir()}
	ran := 0
	test := func(result pipeline.SelfTest, err error) func() (pipeline.SelfTest, error) {
		return func() (pipeline.SelfTest, error) { ran++; return result, err }
	}
	good := pipeline.SelfTest{Planted: []string{"A"}, Caught: []string{"A"}}
	blind := pipeline.SelfTest{Planted: []string{"A"}}
	facts := map[string]string{"rules": "1"}
	steps := []struct {
		name   string
		facts  map[string]string
		result pipeline.SelfTest
		err    error
		runs   bool
	}{
		{"it cannot be done", facts, good, errors.New("no"), true},
		{"blind", facts, blind, nil, true},
		{"blind is not kept", facts, good, nil, true},
		{"passed is kept", facts, blind, nil, false},
		{"other rules", map[string]string{"rules": "2"}, good, nil, true},
	}
	for _, s := range steps {
		before := ran
		got, err := p.Once(s.facts, test(s.result, s.err))
		if !errors.Is(err, s.err) || s.runs != (ran > before) {
			t.Errorf("%s: %v, error %v, ran %v", s.name, got, err, ran > before)
		}
	}
	files, err := filepath.Glob(filepath.Join(p.Dir, "*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("kept %v, %v", files, err)
	}
	for _, text := range []string{"", "{}", `{"planted":["A"]}`, "nonsense"} {
		before := ran
		for _, f := range files {
			if err := os.WriteFile(f, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := p.Once(facts, test(good, nil)); err != nil || ran == before {
			t.Errorf("a kept result of %q counted", text)
		}
	}
}

func TestCensus(t *testing.T) {
	t.Parallel()
	list := func(s string) []string { return strings.Fields(s) }
	tests := []struct {
		counted, examined string
		n, of             int
		err               string
	}{
		{"a b c", "c a b a", 3, 3, ""},
		{"a b c", "a c", 2, 3, "it examined 2 of 3 files; not b"},
		{"a b", "a b other.go", 2, 2, "not asked about: other.go"},
		{"a b c d e f g h", "", 0, 8, "not a, b, c, d, e and 3 more"},
		{"", "", 0, 0, ""},
	}
	for _, tt := range tests {
		c, err := Census("files", list(tt.counted), list(tt.examined))
		if c != (pipeline.Count{What: "files", N: tt.n, Of: tt.of}) || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%q of %q: %+v, %v", tt.examined, tt.counted, c, err)
		}
	}
}
