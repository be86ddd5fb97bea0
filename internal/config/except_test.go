package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var anException = Exception{
	ID: "GO-2026-0001", Reason: "only reachable from the admin tool", Owner: "platform-team",
	Expires: time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC), Package: "example.com/m",
}

const anEntry = `- id: GO-2026-0001
    package: example.com/m
    reason: only reachable from the admin tool
    owner: platform-team
    expires: 2027-01-31
`

func TestAddException(t *testing.T) {
	t.Parallel()
	old := "- {id: G104, reason: it is only a log, owner: me, expires: '2026-12-31'}\n"
	tests := map[string]struct{ text, want string }{
		"an empty file":       {"", "exceptions:\n  " + anEntry},
		"no list":             {"# ours\nservice: todo # the name\n", "# ours\nservice: todo # the name\nexceptions:\n  " + anEntry},
		"no last line's end":  {"service: todo", "service: todo\nexceptions:\n  " + anEntry},
		"an empty list":       {"exceptions: []\nservice: todo\n", "exceptions:\n  " + anEntry + "service: todo\n"},
		"a list":              {"exceptions: # each with a reason\n  # old\n  " + old + "service: todo\n", "exceptions: # each with a reason\n  " + anEntry + "  # old\n  " + old + "service: todo\n"},
		"a list at the left":  {"exceptions:\n" + old, "exceptions:\n" + strings.ReplaceAll(anEntry, "    ", "  ") + old},
		"a list further left": {"exceptions:\n      " + old, "exceptions:\n      " + strings.ReplaceAll(anEntry, "    ", "        ") + "      " + old},
	}
	for name, tt := range tests {
		got, err := AddException([]byte(tt.text), anException)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(tt.want, string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestAddExceptionRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a list on one line": "exceptions: [{id: G104, reason: it is only a log, owner: me, expires: '2026-12-31'}]\n",
		"an end":             "service: todo\n...\n",
		"a broken file":      "service: [\n",
		"an unknown key":     "servcie: todo\n",
	} {
		if got, err := AddException([]byte(text), anException); err == nil {
			t.Errorf("%s became\n%s", name, got)
		}
	}
}

func TestExceptionErrors(t *testing.T) {
	t.Parallel()
	const good = "exceptions:\n  - {id: G104, reason: it is only a log, owner: me, expires: 2026-12-31}\n"
	if f, err := Parse([]byte(good)); err != nil || f.Exceptions[0].Expires != time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC) {
		t.Errorf("%v, %v", f, err)
	}
	for text, want := range map[string]string{
		"exceptions: [{id: G104, owner: me, expires: 2026-12-31}]":                                  `sluice.yaml:1:14: an entry of "exceptions" lacks "reason"`,
		"exceptions: [{id: G104, reason: it is only a log, expires: 2026-12-31}]":                   `an entry of "exceptions" lacks "owner"`,
		"exceptions: [{id: G104, reason: it is only a log, owner: me}]":                             `an entry of "exceptions" lacks "expires"`,
		"exceptions: [{reason: it is only a log, owner: me, expires: 2026-12-31}]":                  `an entry of "exceptions" lacks "id"`,
		"exceptions: [{id: G104, reason: it is only a log, owner: me, expires: 2026-13-31}]":        `"expires" must be a day, as 2027-01-31, not`,
		"exceptions: [{id: G104, reason: it is only a log, owner: me, expires: 2026-12-31T00:00Z}]": `"expires" must be a day`,
		"exceptions: [{id: G104, reason: it is only a log, owner: me, expires: never}]":             `"expires" must be a day`,
		"exceptions: [{id: G104, reason: no, owner: me, expires: 2026-12-31}]":                      `"reason" must be a sentence`,
		"exceptions: [{id: G104, reason: it is only a log, owner: me, expires: 2026-12-31, x: y}]":  `unknown key "x"`,
		"exceptions: [G104]": `must be a mapping of keys to values, not "G104"`,
		"exceptions: {}":     `"exceptions" must be a list`,
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestExceptionsLastAYearAtMost(t *testing.T) {
	t.Parallel()
	f, err := Parse([]byte("exceptions:\n  - id: G104\n    reason: it is only a log\n    owner: me\n    expires: 2027-01-02\n"))
	if err != nil {
		t.Fatal(err)
	}
	for now, want := range map[string]int{"2026-01-02": 0, "2026-01-01": 0, "2025-12-31": 1} {
		at, err := time.Parse(time.DateOnly, now)
		if err != nil {
			t.Fatal(err)
		}
		if errs := f.checkExceptions(at); len(errs) != want || want == 1 && errs[0].Line != 5 {
			t.Errorf("on %s: %v, want %d errors, on line 5", now, errs, want)
		}
	}
}

// FuzzAddException: whatever the file and the texts, the edit is exact or refused.
func FuzzAddException(f *testing.F) {
	f.Add("service: todo\n", "a reason: with # marks", "me")
	f.Add("exceptions:\n- id: a\n  reason: 'long enough'\n  owner: x\n  expires: 2027-01-01\n", "null and void", "true")
	f.Add("exceptions: [ ]\n", "\"quoted\" 'text' \\", "0x10")
	f.Fuzz(func(t *testing.T, text, reason, owner string) {
		x := anException
		x.Reason, x.Owner = reason, owner
		edited, err := AddException([]byte(text), x)
		if err != nil {
			return
		}
		after, err := Parse(edited)
		if err != nil || len(after.Exceptions) == 0 || !cmp.Equal(after.Exceptions[0], x) {
			t.Errorf("%q became %q: %v", text, edited, err)
		}
	})
}
