package web_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	todo "github.com/sluice-ci/sluice/app"
	"github.com/sluice-ci/sluice/app/web"
)

func TestHealth(t *testing.T) {
	t.Parallel()
	v := newSite(t, nil).visitor(t)
	for _, path := range []string{"/health", "/health/ready", "/health/live"} {
		got := v.get(path)
		if got.StatusCode != http.StatusOK || got.body != "{\"status\":\"ok\"}\n" || got.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: status %d, %q", path, got.StatusCode, got.body)
		}
		if len(got.Cookies()) != 0 {
			t.Errorf("%s makes a session", path)
		}
	}
}

// pinged counts how often a database is asked, and can be away.
type pinged struct {
	todo.Lists
	n    atomic.Int64
	away atomic.Bool
}

func (p *pinged) Ping(context.Context) error {
	p.n.Add(1)
	if p.away.Load() {
		return errors.New("away")
	}
	return nil
}

func TestHealthAsksTheDatabaseOnceASecond(t *testing.T) {
	t.Parallel()
	p := &pinged{}
	s := newSite(t, func(o *web.Options) { o.Lists = p })
	ask := func(want int) {
		t.Helper()
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if got := s.visitor(t).get("/health"); got.StatusCode != want {
					t.Errorf("status %d, want %d", got.StatusCode, want)
				}
			})
		}
		wg.Wait()
	}
	ask(http.StatusOK)
	p.away.Store(true)
	ask(http.StatusOK) // by the answer of a moment ago
	s.clock.advance(time.Second)
	ask(http.StatusServiceUnavailable)
	p.away.Store(false)
	s.clock.advance(time.Second)
	ask(http.StatusOK)
	if n := p.n.Load(); n != 3 {
		t.Errorf("the database was asked %d times, want 3", n)
	}
}
