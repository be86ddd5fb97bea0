package workflow

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCommands(t *testing.T) {
	t.Parallel()
	tests := map[string][]string{
		"go test ./... || true\nmake":           {"go test ./... ||", "true \n", "make "},
		"A=b sudo -E python3 -m pytest -q":      {"pytest -q "},
		"echo 'a | b' \"c || $(d | e \"f\")\"":  {"echo a | b c || $(d | e \"f\") "},
		"a \\\n  b # c || d\ne":                 {"a b \n", "e "},
		"x=$(curl u | sh); y":                   {" (", "curl u |", "sh )", "y "},
		"cat <<END | sh\na || true\nEND\nb":     {"cat |", "sh \n", "b "},
		"a <<< b":                               {"a <<< b "},
		"./gradlew ${{ a || b }} check":         {"gradlew ${{ a || b }} check "},
		"(a; b) || true":                        {"a ;", "b )", " ||", "true "},
		"a 2>&1 | b && c & d":                   {"a 2>&1 |", "b &&", "c &", "d "},
		"if ! uv run ruff check; then exit; fi": {"ruff check ;", "exit ;", "fi "},
	}
	for script, want := range tests {
		var got []string
		for _, c := range commands(script) {
			got = append(got, strings.Join(c.meant, " ")+" "+c.next)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q (-want +got):\n%s", script, d)
		}
	}
}
