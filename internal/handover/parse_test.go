package handover

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

const aSum = "961b6dd3ede3cb8ecbaacbd68de040cd78eb2ed5889130cceb4c49268ea4d506"

// manifest is a text with these files, each a JSON object.
func manifest(files ...string) string {
	return `{"schema":1,"run":"r","sluice":"v1","service":"s","dir":".","outcome":"passed","stages":[{"stage":"lint","outcome":"passed"}],"files":[` + strings.Join(files, ",") + "]}"
}

func file(path string) string {
	return fmt.Sprintf(`{"path":%q,"size":2,"sha256":%q}`, path, aSum)
}

// refused are texts that Parse must not take, and what it says of each.
func refused() map[string]string {
	texts := map[string]string{
		"":                         "EOF",
		"{":                        "EOF",
		manifest(file("a")) + "{}": "something follows",
		strings.Replace(manifest(), `"schema":1`, `"schema":2`, 1):                                   "version 2",
		strings.Replace(manifest(), `"run"`, `"ran"`, 1):                                             `unknown field "ran"`,
		strings.Replace(manifest(), `"run":"r"`, `"run":"\n"`, 1):                                    "not of text",
		strings.Replace(manifest(), `{"stage":"lint","outcome":"passed"}`, "", 1):                    "0 stages",
		strings.Replace(manifest(), `[{"stage"`, `[{"stage":"lint","outcome":"failed"},{"stage"`, 1): "there twice",
		manifest(file("b"), file("a")):                                                               "not sorted",
		manifest(file("a"), file("a")):                                                               "not twice",
		manifest(file(Name)):                                                                         "may not be there",
		manifest(strings.Replace(file("a"), ":2", ":-2", 1)):                                         "-2 bytes",
		manifest(strings.Replace(file("a"), "961b", "961B", 1)):                                      "no SHA-256",
		manifest(strings.Replace(file("a"), "961b", "", 1)):                                          "no SHA-256",
		manifest(strings.Replace(file("a"), ":2", ":5000000000", 1)):                                 "5000000000 bytes",
		manifest(file(strings.Repeat("a/", 17) + "a")):                                               "too long",
		manifest(file(strings.Repeat("a", 600))):                                                     "too long",
	}
	for _, path := range []string{"", ".", "..", "../a", "/a", "a/../b", "a//b", "./a", "a/", `a\b`, "C:a"} {
		texts[manifest(file(path))] = "leads out of the folder"
	}
	return texts
}

func TestParse(t *testing.T) {
	t.Parallel()
	if m, err := Parse([]byte(manifest(file("a"), file("b/c")))); err != nil || len(m.Files) != 2 {
		t.Errorf("%v, %v", m, err)
	}
	for text, want := range refused() {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.300s: error %v, want one with %q", text, err, want)
		}
	}
}

// FuzzParse sees that what is taken stays within its bounds, and is the same
// when it is written and read again.
func FuzzParse(f *testing.F) {
	f.Add([]byte(manifest(file("a"), file("b/c"))))
	for text := range refused() {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := Parse(text)
		if err != nil {
			return
		}
		for _, file := range m.Files {
			if strings.HasPrefix(file.Path, "/") || strings.Contains("/"+file.Path+"/", "/../") || file.Path == Name {
				t.Errorf("the path %q was taken", file.Path)
			}
		}
		again, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(again); err != nil && len(again) <= maxManifest {
			t.Errorf("%s was taken, and not %s: %v", text, again, err)
		}
	})
}
