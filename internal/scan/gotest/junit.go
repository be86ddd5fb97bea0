package gotest

import (
	"bufio"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// The elements of a JUnit report, as Ant writes it and CI systems read it.
type (
	junitSuites struct {
		XMLName xml.Name `xml:"testsuites"`
		junitCounts
		Suites []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name string `xml:"name,attr"`
		junitCounts
		Cases []junitCase `xml:"testcase"`
	}
	junitCounts struct {
		Tests    int    `xml:"tests,attr"`
		Failures int    `xml:"failures,attr"`
		Errors   int    `xml:"errors,attr"`
		Skipped  int    `xml:"skipped,attr"`
		Time     string `xml:"time,attr"` // seconds
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitProblem `xml:"failure"`
		Error   *junitProblem `xml:"error"`
		Skipped *junitProblem `xml:"skipped"`
		Output  string        `xml:"system-out,omitempty"`
	}
	junitProblem struct {
		Message string `xml:"message,attr"`
	}
)

// writeJUnit writes the report. A test that gave no result is an error, never
// skipped.
func writeJUnit(path string, o outcome) error {
	var all junitSuites
	total := 0.0
	for _, l := range o.listing.packages {
		p := o.results.packages[l.ImportPath]
		if p == nil {
			p = &packaged{path: l.ImportPath, out: excerpt{budget: &budget{}}}
		}
		s := o.suite(l, p)
		all.Tests += s.Tests
		all.Failures += s.Failures
		all.Errors += s.Errors
		all.Skipped += s.Skipped
		total += p.elapsed
		all.Suites = append(all.Suites, s)
	}
	all.Time = seconds(total)
	err := replaceFile(path, func(w io.Writer) error { return encode(w, all) })
	if err != nil {
		return fmt.Errorf("writing the JUnit report: %w", err)
	}
	return nil
}

func (o outcome) suite(l *listed, p *packaged) junitSuite {
	s := junitSuite{Name: l.ImportPath, junitCounts: junitCounts{Time: seconds(p.elapsed)}}
	for _, t := range p.order {
		s.add(testCase(p, t))
	}
	switch {
	case p.failedBuild != "":
		out := ""
		if b := o.results.builds[p.failedBuild]; b != nil {
			out = b.String()
		}
		s.add(junitCase{Name: "compile", Error: &junitProblem{"it does not compile"}, Output: valid(out)})
		return s
	case p.action == "":
		s.add(junitCase{Name: "end", Error: &junitProblem{"its tests did not end"}})
	case p.action == "fail" && s.Failures+s.Errors == 0:
		s.add(junitCase{Name: "end", Error: &junitProblem{"its test program failed"}, Output: valid(p.out.String())})
	}
	for _, name := range l.names() {
		if p.tests[name] == nil {
			s.add(junitCase{Name: valid(name), Error: &junitProblem{"it gave no result"}})
		}
	}
	return s
}

func testCase(p *packaged, t *tested) junitCase {
	c := junitCase{Class: p.path, Name: valid(t.name), Time: seconds(t.elapsed)}
	switch t.action {
	case "pass":
	case "skip":
		c.Skipped = &junitProblem{valid(t.reason)}
	case "fail":
		c.Failure, c.Output = &junitProblem{valid(firstLines(t.out.String(), 1))}, valid(t.out.String())
	default:
		c.Error, c.Output = &junitProblem{"it did not end"}, valid(t.out.String())
	}
	return c
}

func (s *junitSuite) add(c junitCase) {
	if c.Class == "" {
		c.Class, c.Time = s.Name, seconds(0)
	}
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
	s.Cases = append(s.Cases, c)
}

func seconds(s float64) string { return fmt.Sprintf("%.3f", s) }

// valid drops what XML 1.0 cannot hold (section 2.2, Char).
func valid(text string) string {
	return strings.Map(func(c rune) rune {
		if c == '\t' || c == '\n' || c == '\r' || c >= 0x20 && c != utf8.RuneError && c != 0xFFFE && c != 0xFFFF {
			return c
		}
		return -1
	}, text)
}

func encode(w io.Writer, v any) error {
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "\t")
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// replaceFile writes a file so that it is there as a whole or not at all.
func replaceFile(path string, fill func(io.Writer) error) (err error) {
	aside, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(aside.Name()))
		}
	}()
	w := bufio.NewWriter(aside)
	err = fill(w)
	if err = errors.Join(err, w.Flush(), aside.Sync(), aside.Close()); err != nil {
		return err
	}
	return os.Rename(aside.Name(), path)
}
