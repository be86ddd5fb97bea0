package gotest

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestWhatWasSaidBefore has a test look at a file, a folder, something that is
// not there and a variable: it is run again when one of them is another, and only then.
func TestWhatWasSaidBefore(t *testing.T) {
	t.Parallel()
	s := newService(t, map[string]string{
		"testdata/in":    "one",
		"testdata/d/a":   "",
		"a.go":           "package s\n",
		"unseen":         "",
		"testdata/large": "",
		"a_test.go": `package s

import (
	"os"
	"testing"
)

func TestLooks(t *testing.T) {
	text, err := os.ReadFile("testdata/in")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir("testdata/d")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("testdata/later"); err == nil {
		t.Error("it is there")
	}
	if len(entries) > 1 || string(text) != "one" || os.Getenv("MOOD") == "bad" {
		t.Error("something is another")
	}
}
`,
	})
	before := "results of 1 of 1 packages are as before: nothing that they saw has changed"
	look := func(why string, again, fails bool) {
		t.Helper()
		r := s.test(t)
		if ran := !slices.Contains(r.Notes, before); ran != again || len(r.Findings) > 0 != fails {
			t.Errorf("%s: run %t, failed %t; want %t, %t: %s", why, ran, len(r.Findings) > 0, again, fails, mustJSON(t, r))
		}
	}
	look("at first", true, false)
	look("nothing has changed", false, false)
	s.write(t, "unseen", "two")
	look("a file has changed that a program could read which it starts", true, false)
	s.write(t, "b/b.go", "package b\n")
	before = "results of 1 of 2 packages are as before: nothing that they saw has changed"
	look("code has changed that it is not made of", false, false)
	s.write(t, "testdata/in", "two")
	look("a file has changed", true, true)
	look("a failure is not kept", true, true)
	s.write(t, "testdata/in", "one")
	look("the file is as it was", false, false)
	s.write(t, "testdata/d/b", "")
	look("a folder has changed", true, true)
	if err := os.Remove(filepath.Join(s.dir, "testdata/d/b")); err != nil {
		t.Fatal(err)
	}
	s.write(t, "testdata/later", "")
	look("something is there", true, true)
	if err := os.Remove(filepath.Join(s.dir, "testdata/later")); err != nil {
		t.Fatal(err)
	}
	s.more = []string{"MOOD=bad"}
	look("a variable has changed", true, true)
	s.more = nil
	look("all is as it was", false, false)
}
