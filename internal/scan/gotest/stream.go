package gotest

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// maxLine bounds a line of go test -json, bytes. Its lines are short: outputs
// are cut at 4 KiB. One that is longer is no event.
const maxLine = 1 << 20

// stream cuts what is written to it into lines.
type stream struct {
	line    func([]byte)
	partial []byte
	skip    bool // the rest of a line that is too long
}

func (s *stream) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			s.append(p)
			break
		}
		s.append(p[:i])
		s.close()
		p = p[i+1:]
	}
	return n, nil
}

func (s *stream) append(p []byte) {
	if s.skip = s.skip || len(s.partial)+len(p) > maxLine; !s.skip {
		s.partial = append(s.partial, p...)
	}
}

// close ends a line, with or without its newline.
func (s *stream) close() {
	if len(s.partial) > 0 && !s.skip {
		s.line(s.partial)
	}
	s.partial, s.skip = s.partial[:0], false
}

// take takes a line: an event, or something that goes to the log.
func (r *runner) take(o outcome, line []byte) error {
	var e event
	if json.Unmarshal(line, &e) != nil || e.Action == "" {
		_, err := fmt.Fprintf(r.Log, "%s\n", line)
		return err
	}
	if err := o.results.add(e); err != nil {
		return err
	}
	if e.Action != "output" && e.Action != "build-output" {
		r.Progress(o.progress(e.Package))
	}
	return nil
}

// progress says in a few words how far the tests are.
func (o outcome) progress(pkg string) string {
	if pkg == "" {
		return "compiling the tests"
	}
	text := fmt.Sprintf("%s: %d of %d packages, %d tests", pkg, o.results.done, len(o.listing.packages), o.results.tests)
	if o.results.failed > 0 {
		text += fmt.Sprintf(", %d failed", o.results.failed)
	}
	return text
}
