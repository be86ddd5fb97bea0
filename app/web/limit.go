package web

import (
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	limitBurst   = 4       // seconds' worth of requests that a client may make at once
	limitClients = 1 << 14 // that are remembered at most, twice over
	limitMemory  = time.Minute
)

// limiter counts the requests of clients, each with a token bucket. Clients
// are kept in two generations: one that was not seen for a whole generation is
// forgotten, which needs neither a clock of its own nor a walk over all.
// Whoever sends from very many addresses makes generations short, and can have
// buckets forgotten, not emptied.
type limiter struct {
	rate rate.Limit // requests a second; 0 is no limit

	mu       sync.Mutex
	started  time.Time
	now, old map[netip.Prefix]*rate.Limiter
}

func newLimiter(perSecond float64) *limiter {
	return &limiter{rate: rate.Limit(perSecond), now: map[netip.Prefix]*rate.Limiter{}}
}

// allow counts a request, and tells whether it is within the limit.
func (l *limiter) allow(client netip.Prefix, at time.Time) bool {
	if l.rate == 0 {
		return true
	}
	return l.bucket(client, at).AllowN(at, 1)
}

func (l *limiter) bucket(client netip.Prefix, at time.Time) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.now) >= limitClients || at.Sub(l.started) > limitMemory {
		l.started, l.old, l.now = at, l.now, map[netip.Prefix]*rate.Limiter{}
	}
	b := l.now[client]
	if b == nil {
		b = l.old[client]
	}
	if b == nil {
		b = rate.NewLimiter(l.rate, max(1, int(float64(l.rate)*limitBurst)))
	}
	l.now[client] = b
	return b
}
