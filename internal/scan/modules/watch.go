package modules

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// maxSaid bounds what is kept of the go command's messages, bytes.
const maxSaid = 64 << 10

// watcher reads the go command's messages: it tells the progress of downloads,
// keeps the rest, and writes all to the log, without credentials.
type watcher struct {
	log   io.Writer
	tell  func(string)
	total int // modules that are missing at most

	line  []byte
	begun int
	kept  bytes.Buffer
}

func (w *watcher) Write(p []byte) (int, error) {
	for _, b := range p {
		if b == '\n' {
			if err := w.flush(); err != nil {
				return 0, fmt.Errorf("writing the log: %w", err)
			}
		} else if len(w.line) < maxSaid {
			w.line = append(w.line, b)
		}
	}
	return len(p), nil
}

func (w *watcher) flush() error {
	text := masked(string(w.line))
	w.line = w.line[:0]
	if module, ok := strings.CutPrefix(text, "go: downloading "); ok {
		w.begun++
		w.tell(progress(w.begun, w.total, module))
	} else if w.kept.Len()+len(text) < maxSaid {
		w.kept.WriteString(text + "\n")
	}
	_, err := fmt.Fprintln(w.log, text)
	return err
}

// credentials are the user's part of an address. Git leaves it in where it asks
// for a password, and it can be a token.
var credentials = regexp.MustCompile(`://[^/\s@'"]+@`)

func masked(text string) string { return credentials.ReplaceAllString(text, "://xxxxx@") }

func progress(begun, total int, module string) string {
	if begun > total { // go.mod does not name them all
		return fmt.Sprintf("downloading module %d: %s", begun, module)
	}
	return fmt.Sprintf("downloading module %d of at most %d: %s", begun, total, module)
}

// said is what the go command had to say, other than what it downloaded.
func (w *watcher) said() string {
	if len(w.line) > 0 {
		_ = w.flush() // the program has ended: what could not be logged is said all the same
	}
	return strings.TrimSpace(w.kept.String())
}
