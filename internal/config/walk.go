package config

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
)

// place is where something is in the file.
type place struct{ line, column int }

// walker fills Go values from a document, by the values' types, and notes
// whatever does not fit.
type walker struct {
	name   string // of the file
	errs   Errors
	places map[string]place
}

// decimal is a whole number that reads the same in every version of YAML.
var decimal = regexp.MustCompile(`^(0|[1-9][0-9]{0,8})$`)

func (w *walker) fault(n *yaml.Node, format string, args ...any) {
	w.errs = append(w.errs, Error{File: w.name, Line: n.Line, Column: n.Column, Message: fmt.Sprintf(format, args...)})
}

// object fills the struct v from the mapping n, whose path is prefix.
func (w *walker) object(n *yaml.Node, v reflect.Value, prefix string) {
	fields, later := fieldsOf(v.Type())
	var keys []string
	for _, f := range fields {
		keys = append(keys, f.key)
	}
	w.pairs(n, func(key, value *yaml.Node) {
		i := slices.Index(keys, key.Value)
		if i < 0 {
			w.fault(key, "%s", unknown(key.Value, keys, later))
			return
		}
		path := prefix + key.Value
		w.places[path] = place{value.Line, value.Column}
		w.value(value, v.Field(fields[i].index), fields[i], path)
	})
}

// pairs calls each for the entries of a mapping, the first of every key.
func (w *walker) pairs(n *yaml.Node, each func(key, value *yaml.Node)) {
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.Tag == mergeTag {
			continue // reported by the check of the document's form
		}
		if first, ok := seen[key.Value]; ok {
			w.fault(key, "duplicate key %s (first on line %d)", quote(key.Value), first)
			continue
		}
		seen[key.Value] = key.Line
		each(key, value)
	}
}

// value fills v, which the field f describes.
func (w *walker) value(n *yaml.Node, v reflect.Value, f field, path string) {
	if refusal(n) != "" {
		return // reported by the check of the document's form
	}
	if n.Tag == nullTag {
		w.fault(n, "%s has no value: give it one or remove the key", quote(f.key))
		return
	}
	switch {
	case f.typ == dateType:
		w.date(n, v, f)
	case f.typ.Kind() == reflect.Struct:
		if w.kind(n, yaml.MappingNode, f, "a mapping of keys to values") {
			w.object(n, v, path+".")
		}
	case f.typ.Kind() == reflect.Map:
		if w.kind(n, yaml.MappingNode, f, "a mapping of names to strings") {
			w.stringMap(n, v, f)
		}
	case f.ofObjects():
		if w.kind(n, yaml.SequenceNode, f, "a list") {
			w.objectList(n, v, f, path)
		}
	case f.typ.Kind() == reflect.Slice:
		if w.kind(n, yaml.SequenceNode, f, "a list") {
			w.stringList(n, v, f, path)
		}
	default:
		w.scalar(n, v, f)
	}
}

func (w *walker) kind(n *yaml.Node, kind yaml.Kind, f field, want string) bool {
	if n.Kind != kind {
		w.fault(n, "%s must be %s, not %s", quote(f.key), want, describe(n))
	}
	return n.Kind == kind
}

func (w *walker) scalar(n *yaml.Node, v reflect.Value, f field) {
	switch {
	case f.typ == durationType:
		if s, ok := w.text(n, quote(f.key), f); ok {
			d, err := parseDuration(s)
			if err != nil {
				w.fault(n, "%s must be %s: %v", quote(f.key), f.want, err)
			}
			v.SetInt(int64(d))
		}
	case f.typ.Kind() == reflect.Int:
		w.number(n, v, f)
	default:
		if s, ok := w.text(n, quote(f.key), f); ok {
			v.SetString(s)
		}
	}
}

func (w *walker) number(n *yaml.Node, v reflect.Value, f field) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!int" && decimal.MatchString(n.Value) {
		i, err := strconv.Atoi(n.Value)
		if err == nil && i >= f.min && i <= f.max {
			v.SetInt(int64(i))
			return
		}
	}
	w.fault(n, "%s must be a whole number from %d to %d, not %s", quote(f.key), f.min, f.max, describe(n))
}

// text returns the string that n is, when the field permits it; name is what
// an error calls it.
func (w *walker) text(n *yaml.Node, name string, f field) (string, bool) {
	isString := n.Kind == yaml.ScalarNode && n.Tag == "!!str"
	if isString && f.matches(n.Value) {
		return n.Value, true
	}
	switch {
	case f.want != "":
		w.fault(n, "%s must be %s, not %s", name, f.want, describe(n))
	case n.Kind == yaml.ScalarNode:
		w.fault(n, "%s must be a string, not %s: put it in quotes", name, describe(n))
	default:
		w.fault(n, "%s must be a string, not %s", name, describe(n))
	}
	return "", false
}

func (w *walker) stringMap(n *yaml.Node, v reflect.Value, f field) {
	valid := regexp.MustCompile(f.keys)
	m := map[string]string{}
	w.pairs(n, func(key, value *yaml.Node) {
		switch {
		case slices.Contains(f.reserved, key.Value):
			w.fault(key, "%s is set by the target and cannot be set here", quote(key.Value))
		case !valid.MatchString(key.Value):
			w.fault(key, "a key of %s must be %s, not %s", quote(f.key), f.want, quote(key.Value))
		default:
			s, ok := w.element(value, quote(key.Value), field{})
			if ok && !f.matches(s) { // it is not repeated: it may be a secret
				w.fault(value, "%s must be a name of at most 255 letters, digits, underscores and hyphens: the name of a secret, never its value", quote(key.Value))
			} else if ok {
				m[key.Value] = s
			}
		}
	})
	v.Set(reflect.ValueOf(m))
}

func (w *walker) stringList(n *yaml.Node, v reflect.Value, f field, path string) {
	entries := make([]string, 0, len(n.Content))
	for _, entry := range n.Content {
		if s, ok := w.element(entry, "an entry of "+quote(f.key), f); ok {
			w.places[fmt.Sprintf("%s[%d]", path, len(entries))] = place{entry.Line, entry.Column}
			entries = append(entries, s)
		}
	}
	v.Set(reflect.ValueOf(entries))
}

// objectList fills a list of structs. An entry without a key that it must have
// is wrong as a whole.
func (w *walker) objectList(n *yaml.Node, v reflect.Value, f field, path string) {
	entries := reflect.MakeSlice(f.typ, len(n.Content), len(n.Content))
	for i, entry := range n.Content {
		at := fmt.Sprintf("%s[%d]", path, i)
		w.places[at] = place{entry.Line, entry.Column}
		if refusal(entry) != "" || !w.kind(entry, yaml.MappingNode, field{key: "an entry of " + f.key}, "a mapping of keys to values") {
			continue
		}
		w.object(entry, entries.Index(i), at+".")
		w.complete(entry, f, at)
	}
	v.Set(entries)
}

// complete notes the keys that an entry lacks.
func (w *walker) complete(entry *yaml.Node, f field, path string) {
	fields, _ := fieldsOf(f.typ.Elem())
	for _, want := range fields {
		if _, ok := w.places[path+"."+want.key]; want.required && !ok {
			w.fault(entry, "an entry of %s lacks %s", quote(f.key), quote(want.key))
		}
	}
}

// date reads a day, which YAML takes for a point in time when it is not in quotes.
func (w *walker) date(n *yaml.Node, v reflect.Value, f field) {
	at, err := time.Parse(time.DateOnly, n.Value)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" && n.Tag != "!!timestamp" || err != nil {
		w.fault(n, "%s must be %s, not %s", quote(f.key), f.want, describe(n))
		return
	}
	v.Set(reflect.ValueOf(at))
}

// element is a string in a map or list.
func (w *walker) element(n *yaml.Node, name string, f field) (string, bool) {
	switch {
	case refusal(n) != "":
		return "", false // reported by the check of the document's form
	case n.Tag == nullTag:
		w.fault(n, "%s has no value: give it one or remove it", name)
		return "", false
	}
	return w.text(n, name, f)
}

// describe tells what a node is, for "not …".
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.ScalarNode && n.Tag == "!!str":
		return quote(n.Value)
	case n.Kind == yaml.ScalarNode:
		return clip(n.Value)
	}
	return "an alias"
}

// maxQuoted is how many characters of the file an error repeats.
const maxQuoted = 60

func clip(s string) string {
	if r := []rune(s); len(r) > maxQuoted {
		return string(r[:maxQuoted]) + "…"
	}
	return s
}

func quote(s string) string { return strconv.Quote(clip(s)) }
