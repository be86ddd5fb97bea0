package pydist

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		text string
		want Distribution
		err  string
	}{
		"whole": {
			"Metadata-Version: 2.4\r\nName: Flask_Login\r\nVERSION: 3.0.0\r\nLicense-Expression: MIT OR Apache-2.0\r\nClassifier: A\r\nClassifier: B\r\nLicense-File: LICENSE.txt\r\n" +
				"Requires-Dist: Werk.zeug>=3.0\r\nRequires-Dist: dotenv[x] (>1); extra == 'dotenv'\r\nRequires-Dist: tomli; python_version < '3.11'\r\n\r\nName: other\r\n",
			Distribution{Name: "Flask_Login", Version: "3.0.0", Expression: "MIT OR Apache-2.0", Classifiers: []string{"A", "B"}, Files: []string{"LICENSE.txt"},
				Requires: []Requirement{{"werk-zeug", false}, {"dotenv", true}, {"tomli", false}}}, "",
		},
		"a text in several lines": {
			"Name: a\nVersion: 1\nLicense: MIT License\n        \n        Copyright\n       |Permission\nSummary: s\n",
			Distribution{Name: "a", Version: "1", License: "MIT License\n\nCopyright\nPermission"}, "",
		},
		"one that is broken off": {"Name: a\nVersion: 1\nLicense: MIT License\nPermission is granted: to you\nnobody\nClassifier: C\n", Distribution{Name: "a", Version: "1", License: "MIT License", Classifiers: []string{"C"}}, ""},
		"twice the same":         {"Name: a\nVersion: 1\nName: a\n", Distribution{Name: "a", Version: "1"}, ""},
		"two names":              {"Name: a\nVersion: 1\nName: b\n", Distribution{}, `both "a" and "b"`},
		"two versions":           {"Name: a\nVersion: 1\nversion: 2\n", Distribution{}, `both "1" and "2"`},
		"no name":                {"Version: 1\n", Distribution{}, `"" is no name`},
		"no version":             {"Name: a\n\nVersion: 1\n", Distribution{}, `"" is no version`},
		"a name of two lines":    {"Name: a\n b\nVersion: 1\n", Distribution{}, "is no name"},
		"a version with a space": {"Name: a\nVersion: 1 2\n", Distribution{}, "is no version"},
		"too many fields":        {"Name: a\nVersion: 1\n" + strings.Repeat("Classifier: x\n", maxFields+1), Distribution{}, "more than 10000 fields"},
		"too large":              {strings.Repeat("x", MaxText+1), Distribution{}, "more than 16777216 bytes"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Parse([]byte(tt.text))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("the error is %v, want %q", err, tt.err)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestIsMetadata(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{ // the folder; one in brackets is no metadata
		"/s/a-1.dist-info/METADATA":         "/s/a-1.dist-info",
		"/s/a-1.DIST-INFO/METADATA":         "/s/a-1.DIST-INFO",
		"/s/a-1.dist-info/PKG-INFO":         "(/s/a-1.dist-info)",
		"/s/a-1.dist-info":                  "(/s/a-1.dist-info)",
		"/s/a-1.dist-info/licenses/LICENSE": "(/s/a-1.dist-info)",
		"/s/a-1.dist-info/x/METADATA":       "(/s/a-1.dist-info)",
		"/s/a.egg-info":                     "/s/a.egg-info",
		"/s/a.egg-info/PKG-INFO":            "/s/a.egg-info",
		"/s/a.egg-info/METADATA":            "/s/a.egg-info",
		"/s/a.egg/EGG-INFO/PKG-INFO":        "/s/a.egg/EGG-INFO",
		"/s/EGG-INFO":                       "(/s/EGG-INFO)",
		"/s/METADATA":                       "()",
		"/":                                 "()",
	} {
		got := Folder(name)
		if !IsMetadata(name) {
			got = "(" + got + ")"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("Name: a\nVersion: 1\nLicense: x\n  y\nRequires-Dist: b; extra == 'c'\n\nz")
	f.Add("Name: a\r\nVersion: 1\nName: b\n")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := Parse([]byte(text))
		if err == nil && (strings.ContainsAny(d.Name+d.Version, "\n\r\x00 ") || d.Name == "" || d.Version == "") {
			t.Errorf("%+v", d)
		}
	})
}
