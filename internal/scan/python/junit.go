package python

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Bounds on a JUnit report.
const (
	maxCases = 200_000
	maxText  = 64 << 10 // bytes that are kept of what is said of a test
	maxDepth = 16       // of elements
)

// testCase is one of a JUnit report as pytest writes it (junit_family=xunit1).
type testCase struct {
	class, name, file string
	line              int    // of the test, from 0; -1 when it is not told
	state             string // "passed", "failed", "error" or "skipped"
	kind              string // of what was skipped: "pytest.xfail"
	message, text     string // why
}

// id is how the test is called.
func (c testCase) id() string { return strings.Trim(c.class+"."+c.name, ".") }

// junitCase is the element.
type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	File    string        `xml:"file,attr"`
	Line    *int          `xml:"line,attr"`
	Failure *junitProblem `xml:"failure"`
	Error   *junitProblem `xml:"error"`
	Skipped *junitProblem `xml:"skipped"`
}

type junitProblem struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// parseJUnit reads a report. It must be whole, and no larger than what r gives.
func parseJUnit(r io.Reader) (cases []testCase, err error) {
	err = eachElement(r, "testcase", func(d *xml.Decoder, at xml.StartElement) error {
		var c junitCase
		if err := d.DecodeElement(&c, &at); err != nil {
			return err
		}
		if len(cases) >= maxCases {
			return fmt.Errorf("it has more than %d tests", maxCases)
		}
		cases = append(cases, c.read())
		return nil
	})
	return cases, err
}

func (c junitCase) read() testCase {
	t := testCase{class: c.Class, name: c.Name, file: c.File, line: -1, state: "passed"}
	if c.Line != nil && *c.Line >= 0 {
		t.line = *c.Line
	}
	states := []struct {
		name string
		is   *junitProblem
	}{{"failed", c.Failure}, {"error", c.Error}, {"skipped", c.Skipped}}
	for _, s := range states {
		if s.is != nil {
			t.state, t.kind, t.message, t.text = s.name, s.is.Type, s.is.Message[:min(len(s.is.Message), maxText)], s.is.Text[max(0, len(s.is.Text)-maxText):]
			break
		}
	}
	return t
}

// eachElement calls do for each element of a name, and checks that the document
// is whole and not deep.
func eachElement(r io.Reader, name string, do func(*xml.Decoder, xml.StartElement) error) error {
	d, depth, any := xml.NewDecoder(r), 0, false
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && any && depth == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		switch at := token.(type) {
		case xml.StartElement:
			any = true
			if at.Name.Local == name {
				if err := do(d, at); err != nil {
					return err
				}
				continue
			}
			if depth++; depth > maxDepth {
				return fmt.Errorf("it has elements in more than %d others", maxDepth)
			}
		case xml.EndElement:
			depth--
		}
	}
}
