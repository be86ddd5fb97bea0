package gocode

import (
	"context"
	"runtime"
	"sync"
)

// slots let as many things run at a time as there are CPUs. What others wait for
// goes first.
type slots struct {
	mu     sync.Mutex
	freed  sync.Cond
	free   int
	urgent int // how many wait that others wait for
}

func newSlots() *slots {
	s := &slots{free: runtime.GOMAXPROCS(0)}
	s.freed.L = &s.mu
	return s
}

func (s *slots) take(urgent bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if urgent {
		s.urgent++
		defer func() { s.urgent-- }()
	}
	for s.free == 0 || (!urgent && s.urgent > 0) {
		s.freed.Wait()
	}
	s.free--
}

func (s *slots) give() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free++
	s.freed.Broadcast()
}

// inOrder does something with all items, on all CPUs, with each after those that
// it waits for. No item may wait for itself, through whatever others. What is
// returned by do is done when there is nothing more urgent.
func inOrder[T comparable](ctx context.Context, items []T, waits func(T) []T, do func(T) (rest func())) {
	done := make(map[T]chan struct{}, len(items))
	for _, item := range items {
		done[item] = make(chan struct{})
	}
	slots := newSlots()
	var all sync.WaitGroup
	for _, item := range items {
		all.Go(func() {
			rest := func() func() {
				defer close(done[item])
				for _, other := range waits(item) {
					if ready := done[other]; ready != nil {
						<-ready
					}
				}
				slots.take(true)
				defer slots.give()
				return do(item)
			}()
			if rest != nil && ctx.Err() == nil {
				slots.take(false)
				defer slots.give()
				rest()
			}
		})
	}
	all.Wait()
}
