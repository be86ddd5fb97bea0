package config

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// compiled is Schema, by a validator that knows the whole of the standard.
func compiled(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertVocabs()
	if err := c.AddResource("sluice.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("sluice.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// valid asks the schema about a text of YAML.
func valid(t testing.TB, s *jsonschema.Schema, text string) error {
	t.Helper()
	var value any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	if value == nil {
		value = map[string]any{} // an empty file is one with no keys
	}
	asJSON, err := json.Marshal(value)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc)
}

func TestSchemaAgreesWithParse(t *testing.T) {
	t.Parallel()
	s := compiled(t)
	for text, want := range map[string]bool{
		whole: true, "{}": true, "service: a": true, "env: {A_1: 'x'}": true, "test: {coverage: 0}": true, "targets: {local: {}}": true,
		"gates: {lint: {ignore: []}}": true, "path: a/..b": true, "gates: {deps: {max_age: 7d}}": true,
		"gatse: {}": false, "service: A": false, "service: 1": false, "path: a/../b": false, "path: ..": false, "path: /a": false,
		"env: {A: 1}": false, "env: {1A: x}": false, "env: {PORT: '1'}": false, "env: []": false, "test: {coverage: 101}": false,
		"test: {coverage: -1}": false, "test: {coverage: a}": false, "test: {timeout: 5}": false, "test: {timeout: 0s}": false,
		"test: {timeout: 5w}": false, "targets: {local: {port: 0}}": false, "targets: {other: {}}": false, "exceptions: []": true, "exceptions: [{id: a}]": false,
		"exceptions: [{id: GO-1, reason: long enough, owner: x, expires: '2027-01-31'}]": true,
		"exceptions: [{id: GO-1, reason: long enough, owner: x, expires: soon}]":         false,
		"gates: {lint: {fail: any}}": false, "gates: {secrets: {fail: low}}": false, "gates: {deps: {fail: low}}": false,
		"gates: {lint: {ignore: [' ']}}": false, "gates: {lint: {ignore: x}}": false, "gates:": false, "build: {main: ''}": false, "- a": false,
	} {
		if err := valid(t, s, text); (err == nil) != want {
			t.Errorf("schema, %s: %v", text, err)
		}
		if _, err := Parse([]byte(text)); (err == nil) != want {
			t.Errorf("Parse, %s: %v", text, err)
		}
	}
}

// Every key says what it is for, and its tags are what the walker reads them as.
func TestTags(t *testing.T) {
	t.Parallel()
	checkTags(t, reflect.TypeFor[File](), "")
}

func checkTags(t *testing.T, typ reflect.Type, prefix string) {
	t.Helper()
	fields, later := fieldsOf(typ)
	if len(fields) == 0 {
		t.Errorf("%s has no keys", typ)
	}
	for _, f := range fields {
		path := prefix + f.key
		if !strings.HasSuffix(f.doc, ".") {
			t.Errorf("%s: doc %q is no sentence", path, f.doc)
		}
		for _, l := range later {
			if l == f.key {
				t.Errorf("%s is both supported and planned", path)
			}
		}
		if f.def != "" && !f.matches(f.def) {
			t.Errorf("%s: the default %q is not permitted", path, f.def)
		}
		switch {
		case f.typ == durationType || f.typ == dateType:
		case f.ofObjects():
			checkTags(t, f.typ.Elem(), path+"[].")
		case f.typ.Kind() == reflect.Struct:
			checkTags(t, f.typ, path+".")
		case f.typ.Kind() == reflect.Int:
			tag := typ.Field(f.index).Tag
			if tag.Get("min") != strconv.Itoa(f.min) || tag.Get("max") != strconv.Itoa(f.max) || f.min >= f.max {
				t.Errorf("%s: limits %q to %q", path, tag.Get("min"), tag.Get("max"))
			}
		case f.typ.Kind() == reflect.Map:
			if f.keys == "" || f.want == "" {
				t.Errorf("%s: no pattern for its keys", path)
			}
		default:
			if f.want == "" {
				t.Errorf("%s: nothing says what is expected", path)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	for _, seed := range []string{
		"", "---\n", "a: &b [*b]\n", "<<: {}\n", "\t", "? a\n: b\n", "env: {A: |\n  x\n}\n", "service: 'a\n", "{a: {a: {a: {}}}}", "gates: {lint: {ignore: [a, b]}}",
		"%YAML 1.1\n---\nservice: a\n", "path: \"\\u0000\"\n", "test: {coverage: 0x10}\n", "env: {A: !!binary aGk=}\n", "\xef\xbb\xbfservice: a\n", "a: 1\n--- b\n", "[[[[", "path: ä\n",
	} {
		f.Add([]byte(seed))
	}
	s := compiled(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := Parse(text)
		if err == nil {
			if err := valid(t, s, string(text)); err != nil {
				t.Errorf("Parse accepts what the schema refuses: %v\n%+v", err, file)
			}
			return
		}
		checkErrors(t, text, err)
	})
}

// checkErrors holds of errors whatever the text was: they are in order, bounded,
// inside the file, and fit to be printed.
func checkErrors(t *testing.T, text []byte, err error) {
	t.Helper()
	errs, ok := asErrors(err)
	if !ok || len(errs) == 0 || len(errs) > maxErrors+1 {
		t.Fatalf("got %T with %d errors", err, len(errs))
	}
	lines := bytes.Count(text, []byte("\n")) + 1
	last := 0
	for _, e := range errs {
		if e.Line < last || e.Line < 1 || e.Line > lines+1 || e.Column < 1 {
			t.Errorf("%v is out of order, or outside of the %d lines", e, lines)
		}
		if !utf8.ValidString(e.Message) || strings.ContainsAny(e.Message, "\n\x00\x1b") || len(e.Message) > 1000 {
			t.Errorf("message %q", e.Message)
		}
		last = e.Line
	}
}
