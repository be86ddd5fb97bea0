package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/sarif"
)

func day(text string) time.Time {
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return at
}

func TestExceptionCovers(t *testing.T) {
	t.Parallel()
	advisory := sarif.Finding{Rule: "GO-2021-0113", Aliases: []string{"CVE-2021-38561", "GHSA-ppp9-7jff-5vj2"}, Module: "golang.org/x/text@v0.3.5", Location: sarif.Location{Path: "app/go.mod"}}
	code := sarif.Finding{Rule: "G201", Identity: "q := a + b", Location: sarif.Location{Path: "app/store/query.go", Line: 7}}
	tests := map[string]struct {
		exception Exception
		finding   sarif.Finding
		want      bool
	}{
		"advisory":               {Exception{ID: "GO-2021-0113"}, advisory, true},
		"its alias":              {Exception{ID: "cve-2021-38561"}, advisory, true},
		"another advisory":       {Exception{ID: "CVE-2021-38562"}, advisory, false},
		"in the module":          {Exception{ID: "GO-2021-0113", Package: "golang.org/x/text"}, advisory, true},
		"in the version":         {Exception{ID: "GO-2021-0113", Package: "golang.org/x/text@v0.3.5"}, advisory, true},
		"in another version":     {Exception{ID: "GO-2021-0113", Package: "golang.org/x/text@v0.3.6"}, advisory, false},
		"in another module":      {Exception{ID: "GO-2021-0113", Package: "golang.org/x/tex"}, advisory, false},
		"rule":                   {Exception{ID: "G201"}, code, true},
		"rule in the file":       {Exception{ID: "G201", Path: "app/store/query.go"}, code, true},
		"rule below the folder":  {Exception{ID: "G201", Path: "app/store"}, code, true},
		"rule in another folder": {Exception{ID: "G201", Path: "app/sto"}, code, false},
		"fingerprint":            {Exception{ID: code.Fingerprint()}, code, true},
		"part of a fingerprint":  {Exception{ID: code.ID()}, code, false}, // so short that another could be made to have it
		"a package of none":      {Exception{ID: "G201", Package: "x"}, code, false},
		"nothing":                {Exception{}, code, false},
	}
	for name, tt := range tests {
		if got := tt.exception.Covers(tt.finding); got != tt.want {
			t.Errorf("%s: covers %v, want %v", name, got, tt.want)
		}
	}
}

// TestExceptionExpires looks before, on and after the last day.
func TestExceptionExpires(t *testing.T) {
	t.Parallel()
	found := []sarif.Finding{{Rule: "G201", Severity: sarif.High}, {Rule: "G101", Severity: sarif.High}}
	xs := Exceptions{{ID: "G201", Owner: "platform", Reason: "r", Expires: day("2026-03-31")}}
	for at, want := range map[string]bool{"2026-01-01T00:00:00Z": true, "2026-03-31T00:00:00Z": true, "2026-03-31T23:59:59Z": true, "2026-04-01T00:00:00Z": false, "2026-03-31T23:59:59-02:00": false} {
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		p := Policy{Gates: Gates{"sast": {Fail: sarif.Medium}}, Exceptions: xs}
		d := p.Decide("sast", Evidence{Findings: found}, now, true)
		blocking := map[bool]int{true: 1, false: 2}[want]
		if len(d.Blocking) != blocking || suppressed(d.Findings) != 2-blocking {
			t.Errorf("%s: %d block and %d are excepted, want %d and %d", at, len(d.Blocking), suppressed(d.Findings), blocking, 2-blocking)
		}
		if told := strings.Join(d.Warnings, "\n"); strings.Contains(told, "expired on 2026-03-31") == want {
			t.Errorf("%s: warnings %q", at, told)
		}
	}
}

func suppressed(findings []sarif.Finding) (n int) {
	for _, f := range findings {
		if f.Suppression != nil {
			n++
		}
	}
	return n
}

// TestAScannerCannotLetItselfBe: what runs the repository's code may say anything.
func TestAScannerCannotLetItselfBe(t *testing.T) {
	t.Parallel()
	found := []sarif.Finding{{Rule: "G201", Severity: sarif.High, Suppression: &sarif.Suppression{Reason: "trust me"}}}
	d := Policy{Gates: Gates{"sast": {Fail: sarif.Medium}}}.Decide("sast", Evidence{Findings: found}, day("2026-01-01"), true)
	if len(d.Blocking) != 1 || suppressed(d.Findings) != 0 {
		t.Errorf("the finding does not block: %+v", d)
	}
}

func TestAnExceptionThatHoldsWinsOverOneThatDoesNot(t *testing.T) {
	t.Parallel()
	xs := Exceptions{{ID: "G201", Expires: day("2025-01-01")}, {ID: "G201", Expires: day("2027-01-01"), Owner: "new"}, {ID: "G201", Expires: day("2025-01-02")}}
	judged := []sarif.Finding{{Rule: "G201"}}
	warnings := xs.mark(judged, day("2026-01-01"))
	if judged[0].Suppression == nil || judged[0].Suppression.Owner != "new" || len(warnings) != 1 {
		t.Errorf("judged %v, warnings %v", judged, warnings)
	}
}

func TestUnusedExceptions(t *testing.T) {
	t.Parallel()
	xs := Exceptions{{ID: "G201"}, {ID: "G999"}, {ID: "G201", Path: "elsewhere"}}
	got := xs.Unused([]sarif.Finding{{Rule: "G201", Location: sarif.Location{Path: "a.go"}}})
	if diff := cmp.Diff(Exceptions{{ID: "G999"}, {ID: "G201", Path: "elsewhere"}}, got); diff != "" {
		t.Errorf("unused (-want +got):\n%s", diff)
	}
}
