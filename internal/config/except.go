package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/policy"
	"go.yaml.in/yaml/v3"
)

// Policy is the exception as the policy applies it.
func (x Exception) Policy() policy.Exception { return policy.Exception(x) }

// lastDay is the last on which an exception made now may hold.
func lastDay(now time.Time) time.Time {
	return now.UTC().Truncate(24*time.Hour).AddDate(0, 0, policy.MaxException)
}

// Check sees that an exception made now lasts beyond today and not for longer
// than a year. What else it may be, AddException sees to.
func (x Exception) Check(now time.Time) error {
	switch last := lastDay(now); {
	case x.Expires.After(last):
		return hint.With(fmt.Errorf("the exception would expire on %s, more than a year away", x.Expires.Format(time.DateOnly)), "name a day up to "+last.Format(time.DateOnly))
	case !x.Policy().Holds(now):
		return hint.With(fmt.Errorf("the exception would have expired on %s already", x.Expires.Format(time.DateOnly)), "name a day to come")
	}
	return nil
}

// Text returns the text of the sluice.yaml in a folder. The error wraps
// fs.ErrNotExist when there is none.
func Text(root string) ([]byte, error) { return readFile(filepath.Join(root, Name), maxFile) }

// AddException returns the text of a sluice.yaml with one exception more, and
// every other byte as it was. The result is read again: it differs from what
// the text said by just that exception, or there is an error.
func AddException(text []byte, x Exception) ([]byte, error) {
	before, err := Parse(text)
	if err != nil {
		return nil, err
	}
	edited, err := insertException(text, x)
	if err != nil {
		return nil, err
	}
	after, err := Parse(edited)
	if err != nil {
		return nil, fmt.Errorf("the exception cannot be written: %w", err)
	}
	want := *before
	want.Exceptions = append([]Exception{x}, before.Exceptions...)
	want.places, after.places = nil, nil
	if !reflect.DeepEqual(want, *after) {
		return nil, byHand(x)
	}
	return edited, nil
}

func byHand(x Exception) error {
	return hint.With(errors.New("the exceptions are written in a way that cannot be added to"), "add it by hand, below exceptions:\n"+x.yaml("  "))
}

// insertException puts the entry first in the list, or begins one at the end.
func insertException(text []byte, x Exception) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	key, list := exceptionsIn(&doc)
	if key == nil {
		if len(text) > 0 && !bytes.HasSuffix(text, []byte("\n")) {
			text = append(bytes.Clone(text), '\n')
		}
		return append(bytes.Clone(text), "exceptions:\n"+x.yaml("  ")...), nil
	}
	lines := strings.SplitAfter(string(text), "\n")
	at := key.Line // the line after the key's
	if list.Style&yaml.FlowStyle != 0 {
		line := strings.Replace(lines[key.Line-1], "[]", "", 1)
		if len(list.Content) > 0 || line == lines[key.Line-1] {
			return nil, byHand(x)
		}
		lines[key.Line-1] = trailingSpace.ReplaceAllString(line, "$1")
		return []byte(strings.Join(insert(lines, at, x.yaml("  ")), "")), nil
	}
	first := lines[list.Content[0].Line-1]
	return []byte(strings.Join(insert(lines, at, x.yaml(first[:strings.IndexByte(first, '-')])), "")), nil
}

var trailingSpace = regexp.MustCompile(`[ \t]+(\r?\n)$`)

func insert(lines []string, at int, entry string) []string {
	return append(append(append([]string{}, lines[:at]...), entry), lines[at:]...)
}

func exceptionsIn(doc *yaml.Node) (key, list *yaml.Node) {
	if len(doc.Content) == 0 {
		return nil, nil
	}
	pairs := doc.Content[0].Content
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i].Value == "exceptions" {
			return pairs[i], pairs[i+1]
		}
	}
	return nil, nil
}

// yaml writes the entry of a list.
func (x Exception) yaml(indent string) string {
	var b strings.Builder
	mark := "- "
	for _, kv := range [][2]string{{"id", x.ID}, {"path", x.Path}, {"package", x.Package}, {"reason", x.Reason}, {"owner", x.Owner}, {"expires", x.Expires.Format(time.DateOnly)}} {
		if kv[1] == "" {
			continue
		}
		fmt.Fprintf(&b, "%s%s%s: %s\n", indent, mark, kv[0], scalar(kv[0], kv[1]))
		mark = "  "
	}
	return b.String()
}

var plainText = regexp.MustCompile(`^[A-Za-z][-A-Za-z0-9 ,.()/'_]*[A-Za-z0-9.)]$`)

// scalar writes a text plainly where YAML takes it for nothing else, and in
// quotes, as in JSON, elsewhere.
func scalar(key, text string) string {
	var v any
	if key == "expires" || plainText.MatchString(text) && yaml.Unmarshal([]byte(text), &v) == nil && v == text {
		return text
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a string can always be written
	return strings.TrimSpace(b.String())
}
