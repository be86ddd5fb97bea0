package testexec

import (
	"fmt"
	"strconv"
	"strings"
)

// Encode writes the settings, a line for each value: its name, a space, and the
// value quoted as in Go.
func (s Settings) Encode() string {
	var b strings.Builder
	list := func(name string, values ...string) {
		for _, v := range values {
			fmt.Fprintf(&b, "%s %q\n", name, v)
		}
	}
	list("write", s.Write...)
	list("sources", s.Sources...)
	list("kept", s.Kept)
	list("keep", s.Keep)
	list("facts", s.Facts)
	for name, value := range s.Env {
		list("env", name+"="+value)
	}
	return b.String()
}

// decode reads what Encode has written.
func decode(text string) (s Settings, err error) {
	s.Env = map[string]string{}
	for line := range strings.Lines(text) {
		name, quoted, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		value, err := strconv.Unquote(quoted)
		if err != nil {
			return s, fmt.Errorf("the line %.80q: %w", line, err)
		}
		switch name {
		case "write":
			s.Write = append(s.Write, value)
		case "sources":
			s.Sources = append(s.Sources, value)
		case "kept":
			s.Kept = value
		case "keep":
			s.Keep = value
		case "facts":
			s.Facts = value
		case "env":
			name, value, _ := strings.Cut(value, "=")
			s.Env[name] = value
		default:
			return s, fmt.Errorf("the line %.80q", line)
		}
	}
	return s, nil
}
