package gotool

import (
	"context"
	"regexp"
	"time"
)

// passing is how the go command, and git below it, word a failure of the network
// that is often gone a moment later. A host that is not there, or that refuses, is
// none: who works without a network is not to wait.
var passing = regexp.MustCompile(`i/o timeout|TLS handshake timeout|connection reset|unexpected EOF|server misbehaving|Temporary failure in name resolution|\b50[234] `)

// Passing reports whether a message of the go command is about a failure that
// may be gone a moment later.
func Passing(message string) bool { return passing.MatchString(message) }

// waits are the pauses before each further attempt.
func waits() []time.Duration { return []time.Duration{time.Second, 3 * time.Second} }

// Retry makes an attempt, up to three times with a pause between them, until it
// reports that another is of no use. The go command itself asks a module proxy
// once. A cancelled ctx ends the pause: the attempt's own error says why.
func Retry(ctx context.Context, attempt func() (again bool)) {
	for _, pause := range waits() {
		if !attempt() {
			return
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
	attempt()
}
