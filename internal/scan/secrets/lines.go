package secrets

import "strings"

// span is a part of a text: bytes from, up to and without to.
type span struct{ from, to int }

// reach is how a text is cut into the pieces that the rules see. Small pieces
// are fast, as a rule is only tried on pieces that hold one of its keywords;
// the context is what a piece shares with its neighbours, so that no secret
// falls between two. Bytes.
type reach struct{ piece, context int }

// narrow fits every rule whose match has a bounded length, wide the private
// keys, which go on for as many lines as the key is long. whole is for encoded
// text, which cannot be decoded in parts.
var (
	narrow = reach{piece: 4 << 10, context: 512}
	wide   = reach{piece: 128 << 10, context: 48 << 10}
	whole  = reach{piece: 1 << 20, context: 512}
)

// maxLine is how far a piece is extended to begin and end with a line, bytes.
const maxLine = 4 << 10

// reachFor picks the reach for a text.
func reachFor(text string) reach {
	if strings.Contains(text, "PRIVATE KEY") || strings.Contains(text, "private key") {
		return wide
	}
	return narrow
}

// added returns the parts of text whose lines are in none of the older texts.
// A line that only moved within what changed is not new.
func added(text string, older []string) []span {
	if len(older) == 0 {
		return []span{{0, len(text)}}
	}
	part := span{len(text), 0}
	known := map[string]struct{}{}
	for _, old := range older {
		here, there := changed(text, old)
		part = span{min(part.from, here.from), max(part.to, here.to)}
		if len(older) > 1 {
			there = span{0, len(old)} // what one parent has in common another may not
		}
		for line := range strings.Lines(old[there.from:there.to]) {
			known[strings.TrimSuffix(line, "\n")] = struct{}{}
		}
	}
	if part.from >= part.to {
		return nil
	}
	return unknown(text, part, known)
}

// changed returns what is left of both texts when the lines that they have in
// common at the beginning and at the end are taken away.
func changed(text, old string) (here, there span) {
	if text == old {
		return span{len(text), len(text)}, span{len(old), len(old)}
	}
	n := min(len(text), len(old))
	from := 0
	for from < n && text[from] == old[from] {
		from++
	}
	from = strings.LastIndexByte(text[:from], '\n') + 1
	tail := 0
	for tail < n-from && text[len(text)-1-tail] == old[len(old)-1-tail] {
		tail++
	}
	// The common end begins with a line.
	next := strings.IndexByte(text[len(text)-tail:], '\n')
	if next < 0 {
		return span{from, len(text)}, span{from, len(old)}
	}
	tail -= next + 1
	return span{from, len(text) - tail}, span{from, len(old) - tail}
}

// unknown returns the runs of lines in a part of text that are not known.
func unknown(text string, part span, known map[string]struct{}) []span {
	var runs []span
	at := part.from
	for line := range strings.Lines(text[part.from:part.to]) {
		next := at + len(line)
		if _, ok := known[strings.TrimSuffix(line, "\n")]; !ok {
			if n := len(runs); n > 0 && runs[n-1].to == at {
				runs[n-1].to = next
			} else {
				runs = append(runs, span{at, next})
			}
		}
		at = next
	}
	return runs
}

// pieces cuts the parts of text into what the rules are run on: each with its
// context, at the bounds of lines where lines are not too long.
func pieces(text string, parts []span, r reach) []span {
	var out []span
	for _, p := range around(text, parts, r.context) {
		for from := p.from; ; {
			if p.to-from <= r.piece+r.context {
				out = append(out, span{from, p.to})
				break
			}
			to := lineEnd(text, from+r.piece)
			out = append(out, span{from, to})
			from = max(from+1, lineStart(text, to-r.context))
		}
	}
	return out
}

// around widens the parts by their context and joins those that then touch.
func around(text string, parts []span, context int) []span {
	var out []span
	for _, p := range parts {
		w := span{lineStart(text, p.from-context), lineEnd(text, p.to+context)}
		if n := len(out); n > 0 && out[n-1].to >= w.from {
			out[n-1].to = max(out[n-1].to, w.to)
		} else {
			out = append(out, w)
		}
	}
	return out
}

// lineStart is the beginning of the line that at is in, if it is near.
func lineStart(text string, at int) int {
	if at <= 0 {
		return 0
	}
	at = min(at, len(text))
	far := max(0, at-maxLine)
	if i := strings.LastIndexByte(text[far:at], '\n'); i >= 0 {
		return far + i + 1
	}
	if far == 0 {
		return 0
	}
	return at
}

// lineEnd is the end of the line that at is in, its newline included, if it is near.
func lineEnd(text string, at int) int {
	if at >= len(text) {
		return len(text)
	}
	at = max(at, 0)
	far := min(len(text), at+maxLine)
	if i := strings.IndexByte(text[at:far], '\n'); i >= 0 {
		return at + i + 1
	}
	if far == len(text) {
		return far
	}
	return at
}
