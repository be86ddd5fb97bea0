package secrets

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/sluice-ci/sluice/internal/command"
)

// commits lists every commit that the tips lead to, parents before children
// and older before younger, and counts the tips that lead to none (tags of
// files). All starts and all parents must be among them: then none is missing,
// wherever git may have broken off.
func (m mirror) commits(ctx context.Context, tips []string) (ids []string, others int, err error) {
	starts, others, err := m.peel(ctx, tips)
	if err != nil || len(starts) == 0 {
		return nil, others, err
	}
	w := walk{known: map[string]bool{}}
	spec := m.spec(strings.NewReader(strings.Join(starts, "\n")+"\n"), "rev-list", "--parents", "--date-order", "--reverse", "--stdin")
	spec.Stdout, spec.MaxOutput = &w, maxStream
	if err = command.Run(ctx, spec); err == nil {
		err = w.end(starts)
	}
	if err != nil {
		return nil, others, fmt.Errorf("listing commits: %w", damaged(err))
	}
	return w.ids, others, nil
}

// maxCommitLine bounds a line about a commit, bytes: its name and those of its parents.
const maxCommitLine = 1 << 20

// walk takes in, as git prints it, a list of commits and their parents. It
// keeps one copy of each name: there may be millions.
type walk struct {
	line  []byte // the beginning of one
	ids   []string
	known map[string]bool
}

// Write takes in what git prints.
func (w *walk) Write(p []byte) (int, error) {
	n := len(p)
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			break
		}
		if err := w.commit(string(append(w.line, p[:i]...))); err != nil {
			return 0, err
		}
		w.line, p = w.line[:0], p[i+1:]
	}
	w.line = append(w.line, p...)
	if len(w.line) > maxCommitLine {
		return 0, fmt.Errorf("git printed a line of more than %d bytes", maxCommitLine)
	}
	return n, nil
}

// commit takes in a line.
func (w *walk) commit(line string) error {
	id, parents, _ := strings.Cut(line, " ")
	if !isObjectID(id) {
		return fmt.Errorf("git printed %.100q where a commit was expected", line)
	}
	for parent := range strings.FieldsSeq(parents) {
		if !w.known[parent] {
			return fmt.Errorf("git did not list %.64s, which is a parent of %s", parent, id)
		}
	}
	id = strings.Clone(id)
	w.known[id] = true
	w.ids = append(w.ids, id)
	return nil
}

// end tells whether the list was whole.
func (w *walk) end(starts []string) error {
	if len(w.line) > 0 {
		return io.ErrUnexpectedEOF
	}
	for _, id := range starts {
		if !w.known[id] {
			return fmt.Errorf("git did not list %s, which it was to start from", id)
		}
	}
	return nil
}
