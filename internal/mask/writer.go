package mask

import "io"

// piece bounds how much a Writer looks at in one go, besides what may be the
// beginning of a secret, bytes.
const piece = 64 << 10

// Writer masks what is written through it, whatever the pieces that it comes
// in. It keeps back what may be the beginning of a secret; Flush writes that.
type Writer struct {
	w       io.Writer
	m       Masker
	held    []byte
	covered int  // bytes of held that belong to a secret of which *** was written
	masked  bool // anything
}

// Writer returns one that writes to w.
func (m Masker) Writer(w io.Writer) *Writer { return &Writer{w: w, m: m} }

// Write is an io.Writer's.
func (w *Writer) Write(p []byte) (int, error) {
	if !w.m.Active() {
		return w.w.Write(p)
	}
	for rest := p; len(rest) > 0; {
		n := min(len(rest), piece)
		w.held = append(w.held, rest[:n]...)
		rest = rest[n:]
		if err := w.emit(w.m.unsure(w.held)); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// Held tells whether something is kept back.
func (w *Writer) Held() bool { return len(w.held) > 0 }

// Flush writes what was kept back.
func (w *Writer) Flush() error { return w.emit(len(w.held)) }

// emit writes the first bytes of what is held. No secret that begins among them
// ends after what is held.
func (w *Writer) emit(end int) error {
	var out []byte
	at := min(w.covered, end)
	w.covered -= at
	for _, s := range w.m.spans(w.held) {
		if s.from >= end {
			break
		}
		if s.to <= at {
			continue
		}
		if s.from >= at { // else it is one with what was masked before
			out = append(out, w.held[at:s.from]...)
			out = append(out, shown...)
			w.masked = true
		}
		at = min(s.to, end)
		w.covered = max(w.covered, s.to-at)
	}
	out = append(out, w.held[at:end]...)
	w.held = append(w.held[:0], w.held[end:]...)
	_, err := w.w.Write(out)
	return err
}
