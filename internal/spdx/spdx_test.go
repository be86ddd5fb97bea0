package spdx

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"mit":                                  "MIT",
		"Apache-2.0 OR MIT":                    "Apache-2.0 OR MIT",
		"MIT or apache-2.0 or MIT":             "Apache-2.0 OR MIT",
		"MIT AND Apache-2.0 OR ISC":            "(Apache-2.0 AND MIT) OR ISC",
		"MIT AND (Apache-2.0 OR ISC)":          "(Apache-2.0 AND MIT) OR (ISC AND MIT)",
		"((MIT))":                              "MIT",
		"GPL-2.0":                              "GPL-2.0-only",
		"GPL-2.0+":                             "GPL-2.0-or-later",
		"lgpl-2.1+ and MPL-1.1+":               "LGPL-2.1-or-later AND MPL-1.1+",
		"AGPL-1.0":                             "AGPL-1.0-only",
		"AGPL-1.0+":                            "AGPL-1.0-or-later",
		"GPL-2.0 with classpath-exception-2.0": "GPL-2.0-only WITH Classpath-exception-2.0",
		"LicenseRef-Ours AND MIT":              "LicenseRef-Ours AND MIT",
		"(MIT":                                 "a parenthesis is not closed",
		"MIT)":                                 `")" is not expected`,
		"MIT ISC":                              `"ISC" is not expected`,
		"":                                     "a licence is missing",
		"MIT AND":                              "a licence is missing",
		"OR MIT":                               "a licence is missing",
		"()":                                   "a licence is missing",
		"MTI":                                  `"MTI" is no identifier of the SPDX list`,
		"GPL-2.0-only+":                        `"GPL-2.0-only+" is no identifier of the SPDX list`,
		"MIT WITH":                             `"" is no identifier of the SPDX list`,
		"MIT WITH MIT":                         `"MIT" is no identifier of the SPDX list`,
		strings.Repeat("(", 21) + "MIT":        "parentheses are nested more than 20 deep",
		strings.Repeat("a", MaxLength+1):       "it has more than 1000 bytes",
		strings.Repeat("(MIT OR ISC) AND ", 40) + "MIT": "(ISC AND MIT) OR MIT",
	} {
		got, err := Parse(text)
		said := got.String()
		if err != nil {
			said = err.Error()
		}
		if said != want {
			t.Errorf("%.40q: %s, want %s", text, said, want)
		}
	}
}

// TestTooLarge: what would need too much memory is an error, and costs little.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	ids, text := IDs(), ""
	for i := 0; len(text) < 900; i += 2 {
		text += "(" + ids[i] + " OR " + ids[i+1] + ") AND "
	}
	if got, err := Parse(text + "MIT"); !errors.Is(err, errTooLarge) {
		t.Errorf("%d alternatives, %v", len(got), err)
	}
}

func TestUnknown(t *testing.T) {
	t.Parallel()
	_, err := Parse("MIT OR Apache-2")
	var unknown *UnknownError
	if !errors.As(err, &unknown) || unknown.ID != "Apache-2" || len(unknown.Known) < 600 {
		t.Errorf("%v", err)
	}
}

func TestCovers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		entry, found string // the first term of found is asked about
		want         bool
	}{
		{"MIT", "MIT", true},
		{"MIT", "ISC", false},
		{"MIT OR ISC", "ISC", true},
		{"Apache-2.0 AND MIT", "Apache-2.0", false},
		{"Apache-2.0 AND MIT", "Apache-2.0 AND MIT", true},
		{"Apache-2.0 AND MIT", "Apache-2.0 AND MIT AND Zlib", true},
		{"Apache-2.0 AND MIT", "0BSD AND Apache-2.0 AND MIT", false},
		{"GPL-2.0-only", "GPL-2.0-only WITH Classpath-exception-2.0", true},
		{"GPL-2.0-only WITH Classpath-exception-2.0", "GPL-2.0-only", false},
		{"GPL-2.0-only WITH Classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0", true},
		{"MPL-1.1", "MPL-2.0", false},
		{"MPL-1.1+", "MPL-2.0", true},
		{"MPL-1.1+", "MPL-1.1", true},
		{"MPL-1.1+", "MPL-1.0", false},
		{"MPL-1.1+", "EPL-2.0", false},
		{"MPL-1.1", "MPL-1.1+", true},
		{"GPL-3.0-only", "GPL-3.0-or-later", false},
		{"Zlib+", "zlib-acknowledgement", false},
	}
	for _, tt := range tests {
		entry, found := parsed(t, tt.entry), parsed(t, tt.found)
		if got := entry.Covers(found[0][0], found[0]); got != tt.want {
			t.Errorf("%s of %s: %t", tt.entry, tt.found, got)
		}
	}
}

func parsed(t *testing.T, text string) Expression {
	t.Helper()
	e, err := Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return e
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"MIT", "(MIT OR ISC) AND GPL-2.0+ WITH Classpath-exception-2.0", "LicenseRef-a.b", "((", "MIT)", "\x00 AND", "MPL-1.1+ OR"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := Parse(text)
		if err != nil || len(e.String()) > MaxLength {
			return
		}
		again, err := Parse(e.String())
		if err != nil || !cmp.Equal(e, again) {
			t.Errorf("%q: %s, read again %s, %v", text, e, again, err)
		}
	})
}
