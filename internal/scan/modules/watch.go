package modules

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// maxSaid bounds what is kept of the go command's messages, bytes.
const maxSaid = 64 << 10

// watcher reads the go command's messages: it tells the progress of downloads
// and keeps the rest.
type watcher struct {
	log   io.Writer
	tell  func(string)
	total int // modules that are missing at most

	line  []byte
	begun int
	kept  bytes.Buffer
}

func (w *watcher) Write(p []byte) (int, error) {
	if _, err := w.log.Write(p); err != nil {
		return 0, fmt.Errorf("writing the log: %w", err)
	}
	for _, b := range p {
		if b == '\n' {
			w.flush()
		} else if len(w.line) < maxSaid {
			w.line = append(w.line, b)
		}
	}
	return len(p), nil
}

func (w *watcher) flush() {
	text := string(w.line)
	w.line = w.line[:0]
	if module, ok := strings.CutPrefix(text, "go: downloading "); ok {
		w.begun++
		w.tell(progress(w.begun, w.total, module))
	} else if w.kept.Len()+len(text) < maxSaid {
		w.kept.WriteString(text + "\n")
	}
}

func progress(begun, total int, module string) string {
	if begun > total { // go.mod does not name them all
		return fmt.Sprintf("downloading module %d: %s", begun, module)
	}
	return fmt.Sprintf("downloading module %d of at most %d: %s", begun, total, module)
}

// said is what the go command had to say, other than what it downloaded.
func (w *watcher) said() string {
	if len(w.line) > 0 {
		w.flush()
	}
	return strings.TrimSpace(w.kept.String())
}
