package store

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

// readiness tells whether the tables are up to date.
type readiness struct {
	cause atomic.Pointer[error] // nil once they are
	stop  context.CancelFunc
	done  chan struct{}
}

// isReady is for tables that are up to date from the start.
func isReady() *readiness {
	done := make(chan struct{})
	close(done)
	return &readiness{stop: func() {}, done: done}
}

// The waits between attempts to make a database ready.
const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = 2 * time.Second
)

// becomeReady tries in the background until an attempt has no error.
func becomeReady(log *slog.Logger, attempt func(context.Context) error) *readiness {
	ctx, stop := context.WithCancel(context.Background())
	r := &readiness{stop: stop, done: make(chan struct{})}
	r.cause.Store(new(ErrNotReady))
	go func() {
		defer close(r.done)
		r.retry(ctx, log, attempt)
	}()
	return r
}

func (r *readiness) retry(ctx context.Context, log *slog.Logger, attempt func(context.Context) error) {
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		err := attempt(ctx)
		if err == nil {
			r.cause.Store(nil)
			log.Info("the database is ready")
			return
		}
		if ctx.Err() != nil {
			return
		}
		if wait == firstRetry {
			log.Error("the database is not ready: trying again", "error", err)
		}
		r.cause.Store(new(fmt.Errorf("%w: %w", ErrNotReady, err)))
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// err is nil, or [ErrNotReady] with the last cause.
func (r *readiness) err() error {
	if cause := r.cause.Load(); cause != nil {
		return *cause
	}
	return nil
}

// close ends the attempts.
func (r *readiness) close() {
	r.stop()
	<-r.done
}
