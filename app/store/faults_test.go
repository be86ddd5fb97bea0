package store_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluice-ci/sluice/app/internal/mariadbtest"
	"github.com/sluice-ci/sluice/app/store"
)

// TestFaults does to a server of its own, one after the other, what happens to servers.
func TestFaults(t *testing.T) {
	t.Parallel()
	server := mariadbtest.Start(t)
	for name, over := range map[string]func(mariadbtest.Config) store.MySQL{"socket": settings, "tcp": overTCP} {
		t.Run(name, func(t *testing.T) {
			t.Run("restarted", func(t *testing.T) { restarted(t, server, over) })
			t.Run("frozen", func(t *testing.T) { frozen(t, server, over) })
			t.Run("absent at the start", func(t *testing.T) { absent(t, server, over) })
			t.Run("frozen at the start", func(t *testing.T) { frozenAtStart(t, server, over) })
		})
	}
	t.Run("killed under load", func(t *testing.T) { killedUnderLoad(t, server) })
}

func overTCP(c mariadbtest.Config) store.MySQL {
	m := settings(c)
	m.Host = c.Addr
	return m
}

// limit is one that faults reach, and a busy machine does not.
const limit = 4 * time.Second

// limited opens a store with a limit that faults reach.
func limited(t *testing.T, m store.MySQL, log *slog.Logger) *store.Store {
	t.Helper()
	s, err := store.OpenMySQL(m, store.Options{Limit: limit, Log: log})
	must(t, err)
	closed(t, s)
	return s
}

// warm has a store open several connections.
func warm(t *testing.T, s *store.Store) {
	t.Helper()
	ready(t, s)
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() { add(t, s, "warm", fmt.Sprint(i)) })
	}
	wg.Wait()
}

// atOnce wants everything to work at the first attempt.
func atOnce(t *testing.T, s *store.Store) {
	t.Helper()
	item, err := s.Add(t.Context(), "a", "first")
	if err != nil {
		t.Fatalf("the first call: %v", err)
	}
	for doing, err := range calls(t.Context(), s, item.ID) {
		if err != nil {
			t.Errorf("%s: %v", doing, err)
		}
	}
	for range 40 { // more than there are connections
		if err := s.Ping(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// away wants every call to fail within the limit.
func away(t *testing.T, s *store.Store) {
	t.Helper()
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), patient)
			defer cancel()
			start := time.Now()
			if err := s.Ping(ctx); err == nil {
				t.Error("a database that is away answers")
			}
			if took := time.Since(start); took > 2*limit { // the machine may be busy
				t.Errorf("a call took %v, longer than %v", took, limit)
			}
		})
	}
	wg.Wait()
	if _, err := s.Add(t.Context(), "a", "x"); err == nil {
		t.Error("a database that is away was added to")
	}
}

func restarted(t *testing.T, server *mariadbtest.Server, over func(mariadbtest.Config) store.MySQL) {
	s := limited(t, over(server.NewDatabase(t)), nil)
	warm(t, s)
	must(t, server.Kill())
	must(t, server.Restart())
	atOnce(t, s)
	must(t, server.Kill())
	away(t, s)
	must(t, server.Restart())
	atOnce(t, s)
}

func frozen(t *testing.T, server *mariadbtest.Server, over func(mariadbtest.Config) store.MySQL) {
	s := limited(t, over(server.NewDatabase(t)), nil)
	warm(t, s)
	must(t, server.Freeze())
	for range 3 {
		away(t, s)
	}
	must(t, server.Thaw())
	atOnce(t, s)
}

func absent(t *testing.T, server *mariadbtest.Server, over func(mariadbtest.Config) store.MySQL) {
	c := server.NewDatabase(t)
	must(t, server.Kill())
	var log lines
	s := limited(t, over(c), slog.New(slog.NewTextHandler(&log, nil)))
	eventually(t, func() error { // until the first attempt has failed
		if _, err := s.Add(t.Context(), "a", "x"); strings.Contains(fmt.Sprint(err), "connect") {
			return nil
		}
		return errors.New("no attempt was made")
	})
	for doing, err := range calls(t.Context(), s, 1) {
		if !errors.Is(err, store.ErrNotReady) {
			t.Errorf("%s: %v, want %v", doing, err, store.ErrNotReady)
		}
	}
	must(t, server.Restart())
	ready(t, s)
	atOnce(t, s)
	if got := log.count(); got != 2 {
		t.Errorf("%d lines in the log, want one of the failure and one of the success", got)
	}
}

func frozenAtStart(t *testing.T, server *mariadbtest.Server, over func(mariadbtest.Config) store.MySQL) {
	c := server.NewDatabase(t)
	must(t, server.Freeze())
	s := limited(t, over(c), nil)
	away(t, s)
	gone := limited(t, over(c), nil)
	start := time.Now()
	must(t, gone.Close())
	if took := time.Since(start); took > 2*limit {
		t.Errorf("closing took %v", took)
	}
	must(t, server.Thaw())
	ready(t, s)
	atOnce(t, s)
}

// lines counts lines.
type lines struct {
	mu sync.Mutex
	n  int
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n++
	return len(p), nil
}

func (l *lines) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n
}

// killedUnderLoad kills a server while items are added, and counts.
func killedUnderLoad(t *testing.T, server *mariadbtest.Server) {
	s, err := store.OpenMySQL(settings(server.NewDatabase(t)), store.Options{MaxItems: 1 << 30, Limit: limit})
	must(t, err)
	closed(t, s)
	warm(t, s)
	told := map[string]bool{}
	var mu sync.Mutex
	for round := range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		many := make(chan struct{}, 1)
		var wg sync.WaitGroup
		for i := range 16 {
			wg.Go(func() {
				for n := 0; ctx.Err() == nil; n++ {
					text := fmt.Sprintf("%d %d %d", round, i, n)
					if _, err := s.Add(ctx, "a", text); err != nil {
						continue
					}
					mu.Lock()
					if told[text] = true; len(told) == (round+1)*400 {
						many <- struct{}{}
					}
					mu.Unlock()
				}
			})
		}
		<-many
		must(t, server.Kill())
		cancel()
		wg.Wait()
		must(t, server.Restart())
	}
	lost(t, told, texts(t, s, "a"))
}
