package dast

import "strings"

// filler is what is written into a field for text. An operator who finds it
// knows where it came from.
const filler = "sluice dast check"

// examples are values that the types of fields accept which have a form of
// their own (HTML, section 4.10.5.1).
var examples = map[string]string{
	"email": "dast@example.com", "url": "https://example.com/", "tel": "+15550100", "number": "1", "range": "1",
	"date": "2030-01-31", "datetime-local": "2030-01-31T12:00", "month": "2030-01", "week": "2030-W05", "time": "12:00", "color": "#336699",
}

// filled is the field's value, or one that its type and limits permit.
func (d field) filled() string {
	if d.kind == "select" {
		return d.choices.chosen()
	}
	if d.kind == "hidden" || d.value != "" {
		return d.value
	}
	if example, ok := examples[d.kind]; ok {
		if d.min != "" && d.kind != "email" && d.kind != "url" && d.kind != "tel" {
			return d.min
		}
		return example
	}
	return d.text()
}

// maxFilled bounds a text that a minlength asks for.
const maxFilled = 10_000

func (d field) text() string {
	text := filler
	if d.kind == "password" {
		text = "Sluice-dast-check-1" // has what most rules for passwords ask for
	}
	if want := min(d.minLen, maxFilled); len(text) < want {
		text += strings.Repeat(".", want-len(text))
	}
	if d.maxLen > 0 && len(text) > d.maxLen {
		text = text[:d.maxLen]
	}
	return text
}

// chosen is the option that is selected, or else the first that says something.
func (c choices) chosen() string {
	first := ""
	for _, o := range c {
		switch {
		case o.disabled:
		case o.selected:
			return o.value
		case first == "":
			first = o.value
		}
	}
	return first
}
