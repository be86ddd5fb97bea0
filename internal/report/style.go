// Package report shows runs to people: live while they go on, and what came of
// them at the end.
package report

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/pipeline"
)

// Style is how a text is drawn: with colours or without.
type Style struct{ Colour bool }

// The colours, as ANSI SGR parameters (ECMA-48, 8.3.117).
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

func (s Style) paint(sgr, text string) string {
	if !s.Colour || text == "" {
		return text
	}
	return "\x1b[" + sgr + "m" + text + "\x1b[0m"
}

var outcomeColours = map[pipeline.Outcome]string{
	pipeline.Passed: green, pipeline.Failed: red, pipeline.NotRun: yellow, pipeline.NotApplicable: dim,
}

// plain keeps a text from the outside from moving the cursor or hiding what
// stands beside it: control characters become visible, and so do those that
// change the direction of writing.
func plain(text string) string {
	clean := func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r < ' ' || r >= 0x7f && r < 0xa0, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x061c:
			return '\ufffd'
		}
		return r
	}
	return strings.Map(clean, strings.ToValidUTF8(text, "\ufffd"))
}

// CopyPlain copies a text from the outside to a terminal, which it cannot move the
// cursor of.
func CopyPlain(w io.Writer, r io.Reader) error {
	for lines := bufio.NewReader(r); ; {
		line, err := lines.ReadSlice('\n')
		if _, writeErr := io.WriteString(w, plain(string(line))); writeErr != nil {
			return writeErr
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}

// oneLine is text on one line, for rows.
func oneLine(text string) string {
	return strings.Join(strings.Fields(plain(text)), " ")
}

// clip shortens a text to a width, in characters.
func clip(text string, width int) string {
	runes := []rune(text)
	if width <= 0 || len(runes) <= width {
		return text
	}
	return string(runes[:max(0, width-1)]) + "…"
}

// seconds writes a duration as people compare them.
func seconds(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	default:
		return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
	}
}

// indent writes a text with each line moved to the right.
func indent(w io.Writer, prefix, text string) {
	for line := range strings.SplitSeq(strings.TrimRight(plain(text), "\n"), "\n") {
		fmt.Fprintln(w, prefix+line)
	}
}

// count writes a number of things, in the singular when it is one.
func count(n int, plural string) string {
	if n == 1 {
		switch {
		case strings.HasSuffix(plural, "sses"):
			plural = strings.TrimSuffix(plural, "es")
		case strings.HasSuffix(plural, "ies"):
			plural = strings.TrimSuffix(plural, "ies") + "y"
		default:
			plural = strings.TrimSuffix(plural, "s")
		}
	}
	return fmt.Sprintf("%d %s", n, plural)
}
