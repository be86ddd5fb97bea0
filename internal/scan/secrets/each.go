package secrets

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// each calls do for every item, on all CPUs, and returns the first error.
func each[T any](ctx context.Context, items []T, do func(ctx context.Context, item T) error) error {
	var next atomic.Int64
	return crew(ctx, runtime.GOMAXPROCS(0), func(ctx context.Context, _ int) error {
		for {
			i := int(next.Add(1)) - 1
			if i >= len(items) {
				return nil
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := do(ctx, items[i]); err != nil {
				return err
			}
		}
	})
}

// crew runs n workers to their end. The first that fails stops the others
// through their context, and its error is returned.
func crew(ctx context.Context, n int, do func(ctx context.Context, worker int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if err := do(ctx, i); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}
