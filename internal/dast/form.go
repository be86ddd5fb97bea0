package dast

import (
	"bytes"
	"mime/multipart"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/html/atom"
)

// form is one of a page's forms.
type form struct {
	method    string // "" is GET
	action    string // as written
	multipart bool
	fields    []field
	tooMany   bool // it has more fields than are looked at
}

// field is a control of a form.
type field struct {
	kind     string // an input's type, "select" or "textarea"
	name     string
	value    string
	checked  bool
	required bool
	disabled bool
	min      string
	minLen   int
	maxLen   int // 0 is any
	action   string
	method   string // action and method that a button sets
	choices  *choices
}

// choices are the options of a select. They come after it, hence the pointer.
type choices []option

type option struct {
	value              string
	selected, disabled bool
}

func newField(element atom.Atom, at map[string]string) field {
	f := field{kind: strings.ToLower(at["type"]), name: at["name"], value: at["value"], min: at["min"], action: at["formaction"], method: at["formmethod"]}
	switch {
	case element == atom.Select:
		f.kind, f.choices = "select", &choices{}
	case element == atom.Textarea:
		f.kind = "textarea"
	case element == atom.Button && f.kind == "":
		f.kind = "submit"
	case f.kind == "":
		f.kind = "text"
	}
	_, f.checked = at["checked"]
	_, f.required = at["required"]
	_, f.disabled = at["disabled"]
	f.minLen, _ = strconv.Atoi(at["minlength"]) // one that is no number counts for nothing
	f.maxLen, _ = strconv.Atoi(at["maxlength"])
	return f
}

// add adds controls up to the bound.
func (f *form) add(fields ...field) {
	room := maxFields - len(f.fields)
	if len(fields) > room {
		fields, f.tooMany = fields[:room], true
	}
	f.fields = append(f.fields, fields...)
}

// variants are the form as its buttons change it that have an action or a
// method of their own.
func (f *form) variants() []*form {
	var others []*form
	for i, b := range f.fields {
		if b.kind != "submit" || b.action == "" && b.method == "" {
			continue
		}
		other := *f
		other.fields = f.pressing(i)
		if b.action != "" {
			other.action = b.action
		}
		if b.method != "" {
			other.method = strings.ToUpper(b.method)
		}
		others = append(others, &other)
	}
	return others
}

// pressing are the form's fields without the buttons but one.
func (f *form) pressing(button int) []field {
	var fields []field
	for i, d := range f.fields {
		if d.kind != "submit" || i == button {
			fields = append(fields, d)
		}
	}
	return fields
}

// shape tells forms apart: those of one shape do the same to different things.
func (c *checker) shape(p page, f *form) string {
	names := []string{}
	for _, field := range f.fields {
		names = append(names, field.name)
	}
	slices.Sort(names)
	return place(f.method, c.action(p, f)) + " " + strings.Join(slices.Compact(names), ",")
}

// action is the address that a form is sent to; an empty one is its page's.
func (c *checker) action(p page, f *form) *url.URL {
	if strings.TrimSpace(f.action) == "" {
		return p.url
	}
	u, _ := c.resolve(p.base, f.action)
	if u == nil {
		return &url.URL{Scheme: "invalid", Path: f.action}
	}
	return u
}

// password tells whether the form asks for a password.
func (f *form) password() bool {
	return slices.ContainsFunc(f.fields, func(d field) bool { return d.kind == "password" })
}

// values are what a user could send with the form, token included.
func (f *form) values() url.Values {
	v := url.Values{}
	pressed := false
	for _, d := range f.fields {
		if d.name == "" || d.disabled {
			continue
		}
		switch d.kind {
		case "file", "image", "reset", "button":
		case "submit":
			if !pressed {
				v.Add(d.name, d.value)
			}
			pressed = true
		case "radio":
			if !v.Has(d.name) || d.checked {
				v.Set(d.name, orElse(d.value, "on"))
			}
		case "checkbox":
			if d.checked || d.required {
				v.Add(d.name, orElse(d.value, "on"))
			}
		default:
			v.Add(d.name, d.filled())
		}
	}
	return v
}

// encode is the body of a form, and its content type.
func (f *form) encode(v url.Values) ([]byte, string) {
	if !f.multipart {
		return []byte(v.Encode()), "application/x-www-form-urlencoded"
	}
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name, values := range v {
		for _, value := range values {
			_ = w.WriteField(name, value) // a buffer takes everything
		}
	}
	_ = w.Close()
	return body.Bytes(), w.FormDataContentType()
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
