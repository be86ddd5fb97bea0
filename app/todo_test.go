package todo_test

import (
	"errors"
	"strings"
	"testing"

	todo "github.com/sluice-ci/sluice/app"
)

func TestCleanText(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", todo.MaxText)
	emoji := strings.Repeat("🪴", todo.MaxText)
	tests := map[string]struct {
		in, want string
		err      error
	}{
		"plain":                 {in: "buy milk", want: "buy milk"},
		"space around":          {in: " \t buy  milk\r\n", want: "buy  milk"},
		"markup is text":        {in: `<b>"&'</b>`, want: `<b>"&'</b>`},
		"right to left":         {in: "לקנות חלב", want: "לקנות חלב"},
		"joined emoji":          {in: "👩‍👩‍👧", want: "👩‍👩‍👧"},
		"200 characters":        {in: long, want: long},
		"200 emoji":             {in: emoji, want: emoji},
		"200 and space":         {in: " " + long + " ", want: long},
		"201 characters":        {in: long + "x", err: todo.ErrTooLong},
		"201 emoji":             {in: emoji + "🪴", err: todo.ErrTooLong},
		"empty":                 {in: "", err: todo.ErrBlank},
		"spaces":                {in: " \t\n\u00a0\u3000", err: todo.ErrBlank},
		"zero-width characters": {in: "\u200b\u2060\ufeff", err: todo.ErrBlank},
		"NUL":                   {in: "a\x00b", err: todo.ErrNotText},
		"line break inside":     {in: "a\nb", err: todo.ErrNotText},
		"escape":                {in: "\x1b[31mred", err: todo.ErrNotText},
		"invalid UTF-8":         {in: "a\xffb", err: todo.ErrNotText},
		"only invalid UTF-8":    {in: "\xff", err: todo.ErrNotText},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := todo.CleanText(tt.in)
			if got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("CleanText(%q) = %q, %v; want %q, %v", tt.in, got, err, tt.want, tt.err)
			}
		})
	}
}

func FuzzCleanText(f *testing.F) {
	for _, seed := range []string{"", "a", "\x00", "\xff", "  x ", strings.Repeat("🪴", 201), "\u200b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text, err := todo.CleanText(s)
		if err != nil {
			return
		}
		again, err := todo.CleanText(text)
		if again != text || err != nil {
			t.Errorf("CleanText(%q) = %q, but CleanText of that = %q, %v", s, text, again, err)
		}
		if n := len([]rune(text)); n == 0 || n > todo.MaxText {
			t.Errorf("CleanText(%q) has %d characters", s, n)
		}
	})
}
