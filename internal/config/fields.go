package config

import (
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// relative is the pattern of a slash-separated path that has no ".." in it and
// starts at no root. It is written without lookahead, which Go's regular
// expressions do not have.
const (
	segment         = `(\.|\.?[^./\\:\x00-\x1f][^/\\:\x00-\x1f]*|\.\.[^/\\:\x00-\x1f]+)`
	relativePattern = `^` + segment + `(/` + segment + `)*/?$`
	relativeWant    = `a relative path with slashes and without ".."`
)

// durationPattern is a number and a unit; zero is no duration.
const (
	durationPattern = `^[1-9][0-9]{0,4}[smhd]$`
	durationWant    = "a whole number and a unit, as 30s, 5m, 12h or 7d"
)

// datePattern is a day of ISO 8601.
const (
	datePattern = `^[0-9]{4}-[0-9]{2}-[0-9]{2}$`
	dateWant    = "a day, as 2027-01-31"
)

var (
	durationType = reflect.TypeFor[time.Duration]()
	dateType     = reflect.TypeFor[time.Time]()
)

// field is a key of the file: a field of a Go type, as its tags describe it.
type field struct {
	key      string
	index    int
	typ      reflect.Type
	doc      string
	want     string
	pattern  string
	re       *regexp.Regexp // of pattern, nil when there is none
	keys     string
	reserved []string
	enum     []string
	min, max int
	def      string
	required bool // in the entries of a list
}

// fieldsOf returns the keys of a struct type, and those that it refuses as
// planned.
func fieldsOf(t reflect.Type) (fields []field, later []string) {
	for i := range t.NumField() {
		f := t.Field(i)
		if key := f.Tag.Get("yaml"); key != "" {
			fields = append(fields, newField(key, i, f))
		}
		later = append(later, list(f.Tag.Get("later"))...)
	}
	return fields, later
}

func newField(key string, index int, f reflect.StructField) field {
	at := field{
		key: key, index: index, typ: f.Type,
		doc: f.Tag.Get("doc"), want: f.Tag.Get("want"),
		pattern: f.Tag.Get("pattern"), keys: f.Tag.Get("keys"),
		reserved: list(f.Tag.Get("reserved")), enum: list(f.Tag.Get("enum")), def: f.Tag.Get("default"),
		required: f.Tag.Get("required") == "true",
	}
	at.min, at.max = number(f.Tag.Get("min")), number(f.Tag.Get("max"))
	switch {
	case f.Type == durationType:
		at.pattern, at.want = durationPattern, durationWant
	case f.Type == dateType:
		at.pattern, at.want = datePattern, dateWant
	case at.pattern == "relative":
		at.pattern, at.want = relativePattern, relativeWant
	case at.enum != nil:
		at.want = choice(at.enum)
	}
	if at.pattern != "" {
		at.re = regexp.MustCompile(at.pattern)
	}
	return at
}

// ofObjects tells whether the field is a list of mappings.
func (f field) ofObjects() bool {
	return f.typ.Kind() == reflect.Slice && f.typ.Elem().Kind() == reflect.Struct
}

// matches tells whether a text is one that the field permits.
func (f field) matches(s string) bool {
	if f.enum != nil {
		return slices.Contains(f.enum, s)
	}
	return f.re == nil || f.re.MatchString(s)
}

func list(tag string) []string {
	if tag == "" {
		return nil
	}
	return strings.Split(tag, ",")
}

// number reads a limit; that every tag is one, a test sees to.
func number(tag string) int {
	n, _ := strconv.Atoi(tag)
	return n
}

// choice lists values for a sentence: "a, b or c".
func choice(values []string) string { return join(values, " or ") }

func join(values []string, last string) string {
	n := len(values) - 1
	if n < 1 {
		return strings.Join(values, "")
	}
	return strings.Join(values[:n], ", ") + last + values[n]
}

// parseDuration reads a text that matched durationPattern.
func parseDuration(s string) (time.Duration, error) {
	unit := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}
	n, err := strconv.Atoi(s[:len(s)-1])
	return time.Duration(n) * unit[s[len(s)-1]], err
}
