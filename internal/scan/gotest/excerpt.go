package gotest

import (
	"fmt"
	"strings"
)

// keep is how much is kept of an output's beginning, and of its end, bytes.
const keep = 64 << 10

// budget is what all excerpts together may still keep, bytes.
type budget struct{ left int }

// excerpt is the beginning and the end of an output.
type excerpt struct {
	budget     *budget
	head, tail []byte
	total      int64
}

func (e *excerpt) write(s string) {
	e.total += int64(len(s))
	if n := min(len(s), keep-len(e.head), e.budget.left); n > 0 && len(e.tail) == 0 {
		e.head = append(e.head, s[:n]...)
		e.budget.left -= n
		s = s[n:]
	}
	if n := min(len(s), e.budget.left); n > 0 {
		e.tail = append(e.tail, s[len(s)-n:]...)
		e.budget.left -= n
	}
	if over := len(e.tail) - keep; over > keep { // moved only now and then
		e.tail = append(e.tail[:0], e.tail[over:]...)
		e.budget.left += over
	}
}

// drop forgets what was kept.
func (e *excerpt) drop() {
	e.budget.left += len(e.head) + len(e.tail)
	e.head, e.tail = nil, nil
}

func (e *excerpt) String() string {
	tail := e.tail[max(0, len(e.tail)-keep):]
	left := e.total - int64(len(e.head)+len(tail))
	if left <= 0 {
		return string(e.head) + string(tail)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n[%d bytes are left out here]\n%s", e.head, left, tail)
	return b.String()
}
