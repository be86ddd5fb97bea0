package secrets

import (
	"bufio"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// A list of commits is whole, or it is an error.
func TestWalk(t *testing.T) {
	t.Parallel()
	a, b, c := strings.Repeat("a", 40), strings.Repeat("b", 40), strings.Repeat("c", 40)
	tests := map[string]struct {
		out  string
		want []string
		fail string
	}{
		"whole":                  {a + "\n" + b + " " + a + "\n" + c + " " + a + " " + b + "\n", []string{a, b, c}, ""},
		"nothing":                {"", nil, "was to start from"},
		"the last is missing":    {a + "\n" + b + " " + a + "\n", nil, "was to start from"},
		"the first is missing":   {b + " " + a + "\n" + c + " " + b + "\n", nil, "is a parent of"},
		"one between is missing": {a + "\n" + c + " " + b + "\n", nil, "is a parent of"},
		"cut off in a name":      {a + "\n" + c[:20], nil, io.ErrUnexpectedEOF.Error()},
		"cut off before the end": {a + "\n" + c, nil, io.ErrUnexpectedEOF.Error()},
		"something else":         {"{}\n", nil, "where a commit was expected"},
		"an endless line":        {strings.Repeat("a", 3*maxCommitLine), nil, "a line of more than"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := walk{known: map[string]bool{}}
			buf := make([]byte, 33) // so that lines come in pieces
			_, err := io.CopyBuffer(struct{ io.Writer }{&w}, struct{ io.Reader }{strings.NewReader(test.out)}, buf)
			if err == nil {
				err = w.end([]string{a, c})
			}
			if test.fail == "" {
				if diff := cmp.Diff(test.want, w.ids); err != nil || diff != "" {
					t.Error(err, diff)
				}
			} else if err == nil || !strings.Contains(err.Error(), test.fail) {
				t.Errorf("error %v, want one with %q", err, test.fail)
			}
		})
	}
}

// An object's content is what its name is the hash of.
func TestContent(t *testing.T) {
	t.Parallel()
	name := func(text string) string {
		return fmt.Sprintf("%x", sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(text), text)))
	}
	large := strings.Repeat("x", maxFile+1)
	tests := map[string]struct {
		id, answer string
		size       int
		want       error // nil: any
		ok         bool
	}{
		"right":               {name("one"), "one\n", 3, nil, true},
		"empty":               {name(""), "\n", 0, nil, true},
		"another":             {name("one"), "two\n", 3, nil, false},
		"the beginning of it": {name("one"), "on\n", 2, nil, false},
		"cut off":             {name("one"), "on", 3, io.ErrUnexpectedEOF, false},
		"cut off at the end":  {name("one"), "one", 3, io.ErrUnexpectedEOF, false},
		"longer":              {name("one"), "one more\n", 3, nil, false},
		"too large":           {name(large), large + "\n", len(large), errTooLarge, false},
		"too large, another":  {name("one"), large + "\n", len(large), nil, false},
	}
	for kind, test := range tests {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := &blobs{answer: bufio.NewReader(iotest.HalfReader(strings.NewReader(test.answer)))}
			text, err := b.content(test.id, int64(test.size))
			if (err == nil) != test.ok || test.ok && text != test.answer[:test.size] || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("%.20q, %v", text, err)
			}
			if test.want == nil && errors.Is(err, errTooLarge) {
				t.Error("something else was taken for what is too large")
			}
		})
	}
}

// What git says after it was asked for nothing more cannot be an answer.
func TestUnaskedAnswer(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.put("a", "a\n")
	m := mirror{git: brokenGit(t, "cat-file", "echo null; exit 0") + "/git", dir: r.dir, objects: r.dir}
	b, err := openBlobs(t.Context(), m)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.close(); err == nil || !strings.Contains(err.Error(), "was not asked for") {
		t.Errorf("error %v", err)
	}
}
