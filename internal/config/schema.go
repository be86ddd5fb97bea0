package config

import (
	"encoding/json"
	"reflect"
	"strconv"
)

// dialect is the version of JSON Schema that Schema writes.
const dialect = "https://json-schema.org/draft/2020-12/schema"

// schema is the part of JSON Schema that describes sluice.yaml.
type schema struct {
	Dialect       string             `json:"$schema,omitempty"`
	Title         string             `json:"title,omitempty"`
	Description   string             `json:"description,omitempty"`
	Type          string             `json:"type,omitempty"`
	Default       any                `json:"default,omitempty"`
	Enum          []string           `json:"enum,omitempty"`
	Pattern       string             `json:"pattern,omitempty"`
	Minimum       *int               `json:"minimum,omitempty"`
	Maximum       *int               `json:"maximum,omitempty"`
	Properties    map[string]*schema `json:"properties,omitempty"`
	Required      []string           `json:"required,omitempty"`
	PropertyNames *schema            `json:"propertyNames,omitempty"`
	Additional    any                `json:"additionalProperties,omitempty"`
	Items         *schema            `json:"items,omitempty"`
	Not           *schema            `json:"not,omitempty"`
}

// Schema is the JSON schema (draft 2020-12) of sluice.yaml, for editors. It
// describes the form of the file; that folders exist only Load can tell.
func Schema() []byte {
	s := objectSchema(reflect.TypeFor[File]())
	s.Dialect, s.Title = dialect, Name
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic(err) // a struct of strings and numbers can always be written
	}
	return append(text, '\n')
}

func objectSchema(t reflect.Type) *schema {
	s := &schema{Type: "object", Properties: map[string]*schema{}, Additional: false}
	fields, _ := fieldsOf(t)
	for _, f := range fields {
		s.Properties[f.key] = fieldSchema(f)
		if f.required {
			s.Required = append(s.Required, f.key)
		}
	}
	return s
}

func fieldSchema(f field) *schema {
	s := &schema{}
	switch {
	case f.typ == durationType || f.typ == dateType:
		s = textSchema(f)
	case f.typ.Kind() == reflect.Struct:
		s = objectSchema(f.typ)
	case f.typ.Kind() == reflect.Map:
		names := &schema{Pattern: f.keys}
		if f.reserved != nil {
			names.Not = &schema{Enum: f.reserved}
		}
		s = &schema{Type: "object", PropertyNames: names, Additional: &schema{Type: "string", Pattern: f.pattern}}
	case f.ofObjects():
		s = &schema{Type: "array", Items: objectSchema(f.typ.Elem())}
	case f.typ.Kind() == reflect.Slice:
		s = &schema{Type: "array", Items: textSchema(f)}
	case f.typ.Kind() == reflect.Int:
		s = &schema{Type: "integer", Minimum: &f.min, Maximum: &f.max}
		if n, err := strconv.Atoi(f.def); err == nil {
			s.Default = n
		}
	default:
		s = textSchema(f)
	}
	s.Description = f.doc
	return s
}

func textSchema(f field) *schema {
	s := &schema{Type: "string", Enum: f.enum, Pattern: f.pattern}
	if f.def != "" {
		s.Default = f.def
	}
	return s
}
