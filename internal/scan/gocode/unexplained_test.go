package gocode

import (
	"fmt"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/sarif"
)

func TestVagueComments(t *testing.T) {
	t.Parallel()
	const nothing, noRule, noReason = "names no rule and gives no reason", "names no rule", "gives no reason"
	tests := []struct{ comment, want string }{
		{"// #nosec", "sast 3 " + nothing},
		{"//#nosec G304", "sast 3 " + noReason},
		{"// #nosec -- why", "sast 3 " + noRule},
		{"// #nosec block", "sast 3 " + nothing},
		{"// #nosec G304 --", "sast 3 " + noReason},
		{"// #nosec G304 -- why", ""},
		{"// #nosec G304 G101 -- why", ""},
		{"/* #nosec G304 */", "sast 3 " + noReason},
		{"// text\n// #nosec G304", "sast 4 " + noReason},
		{"// #nosec G304 --\n// why", ""},
		{"// text with #nosec in it", ""},
		{"//gosec:disable", "sast 3 " + nothing},
		{"//gosec:disable G304 -- why", ""},
		{"//nolint", "lint sast 3 " + nothing},
		{"//nolint // why", "lint sast 3 " + noRule},
		{"//nolint:all // why", "lint sast 3 " + noRule},
		{"//nolint:gosec", "sast 3 " + noReason},
		{"// nolint:gosec,govet", "lint sast 3 " + noReason},
		{"//nolint:staticcheck // why", ""},
		{"//nolint:errcheck", ""}, // of a linter that is not run here
		{"//nolinter", ""},
		{"//lint:ignore", "lint 3 " + nothing},
		{"//lint:ignore SA1019", "lint 3 " + noReason},
		{"//lint:file-ignore * why", "lint 3 " + noRule},
		{"//lint:ignore SA1* why", "lint 3 " + noRule},
		{"//lint:ignore SA1019,S1000 why", ""},
	}
	for _, tt := range tests {
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, "a.go", "package a\n\n"+tt.comment+"\nvar _ = 1\n", parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		var got string
		for _, v := range vagueComments(f) {
			got += fmt.Sprintf("%s %d %s", strings.Join(v.stages, " "), fset.Position(v.pos).Line, v.lacks)
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.comment, got, tt.want)
		}
	}
}

// TestUnexplained looks at such a finding in full, and tries to switch it off.
func TestUnexplained(t *testing.T) {
	t.Parallel()
	const code = "package a\n\n//nolint:all // all of it\n\nimport \"math/rand\"\n\n//nolint // everything\n\n//lint:file-ignore " + unexplainedRule + " it is meant\n\n// F is random.\nfunc F() int { return rand.Int() } // #nosec\n"
	b := newBench(t, inModule(map[string]string{"a.go": code}))
	b.options.LintIgnore = []string{unexplainedRule}
	reports := b.run()
	if diff := cmp.Diff([]string{"sluice suppression-unexplained a.go:3", "sluice suppression-unexplained a.go:7"}, seen(reports[lintStage])); diff != "" {
		t.Errorf("lint (-want +got):\n%s", diff)
	}
	sast := reports[sastStage]
	want := sarif.Finding{
		Rule: unexplainedRule, Tool: "sluice", Stage: "sast", Message: "this #nosec comment names no rule and gives no reason", Severity: sarif.Medium, Class: unexplainedRule,
		Location: sarif.Location{Path: "a.go", Line: 12, Column: 36}, Identity: "funcF()int{returnrand.Int()}//#nosec",
	}
	if len(sast.Findings) != 3 {
		t.Fatalf("sast: %q", seen(sast))
	}
	if diff := cmp.Diff(want, sast.Findings[2]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(sast.Rules) != 1 || sast.Rules[0].Why == "" || sast.Rules[0].Fix == "" {
		t.Errorf("rules %+v", sast.Rules)
	}
}

func TestInSource(t *testing.T) {
	t.Parallel()
	b := newBench(t, inModule(map[string]string{"a.go": `package a

import (
	"fmt"
	"math/rand"
)

func A() int { return rand.Int() } // #nosec G404 -- a game

func B() int { return rand.Int() } //nolint:gosec // a game too

func C() {
	//lint:ignore SA5009 it is meant
	fmt.Printf("%d", "x") //nolint:govet
}
`}))
	for range 2 { // the second run takes what the first has kept
		reports := b.run()
		var got []string
		for _, stage := range []string{lintStage, sastStage} {
			for _, f := range reports[stage].InSource {
				if f.Stage != stage || f.Identity == "" || f.Suppression.Owner != "" || f.Suppression.Expires != "" {
					t.Errorf("%s: %+v", stage, f)
				}
				got = append(got, fmt.Sprintf("%s %s: %s", f.Rule, f.Location, f.Suppression.Reason))
			}
		}
		want := []string{"SA5009 a.go:14:13: it is meant", "printf a.go:14:14: ", "G404 a.go:8:23: a game", "G404 a.go:10:23: a game too"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// TestInSourceIsBounded has more findings that comments switch off than are
// listed; the note counts them all.
func TestInSourceIsBounded(t *testing.T) {
	t.Parallel()
	var code strings.Builder
	code.WriteString("package a\n")
	for i := range maxInSource + 5 {
		fmt.Fprintf(&code, "\nfunc f%d(n int) int8 { return int8(n) } // #nosec G115 -- small\n", i)
	}
	sast := newBench(t, inModule(map[string]string{"a.go": code.String()})).run()[sastStage]
	if len(sast.InSource) != maxInSource || len(sast.Notes) != 1 || !strings.HasPrefix(sast.Notes[0], "1005 findings suppressed") {
		t.Errorf("%d are listed, notes %q", len(sast.InSource), sast.Notes)
	}
}
