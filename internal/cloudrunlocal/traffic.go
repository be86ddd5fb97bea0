package cloudrunlocal

import (
	"context"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/sluice-ci/sluice/internal/hint"
)

func (s *supervisor) find(name string) (*revision, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if rev := s.live[name]; rev != nil {
		return rev, nil
	}
	return nil, hint.With(fmt.Errorf("there is no running revision %q of %s", name, s.name), fmt.Sprintf("deploy again; a revision that gets no traffic is dropped after %s", s.limits.Linger))
}

// promote gives a revision the traffic, at a port (0: the same as before).
func (s *supervisor) promote(ctx context.Context, name string, port int) (*revision, error) {
	s.traffic.Lock()
	defer s.traffic.Unlock()
	rev, err := s.find(name)
	if err != nil {
		return nil, err
	}
	if err := rev.check(ctx); err != nil {
		return nil, err
	}
	l, err := s.listenElsewhere(port)
	if err != nil {
		return nil, err
	}
	if err := s.record(rev, port); err != nil {
		if l != nil {
			_ = l.Close() // it is not used
		}
		return nil, err
	}
	if old := s.front.current.Swap(rev); old != nil && old != rev {
		s.retire(old)
	}
	s.prune()
	if l != nil {
		err = s.moveTo(l)
	}
	return rev, err
}

// listenElsewhere takes a port, if it is not the one that the service has.
func (s *supervisor) listenElsewhere(port int) (net.Listener, error) {
	if port == 0 || port == s.port() {
		return nil, nil
	}
	return listenService(s.dir, port, 0)
}

func (s *supervisor) port() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.file.Port
}

// record writes down who gets the traffic, before it does: after a crash
// between the two, the next supervisor starts a revision that was healthy.
func (s *supervisor) record(rev *revision, port int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.file
	if port != 0 {
		next.Port = port
	}
	if next.Serving != rev.record.Name {
		next.Previous, next.Since = next.Serving, time.Now().UTC()
	}
	next.Serving, next.Image = rev.record.Name, rev.record.Image
	if err := writeJSON(s.dir.service(), next); err != nil {
		return err
	}
	s.file = next
	return nil
}

// rollback starts the revision that had the traffic before, and gives it back.
func (s *supervisor) rollback(ctx context.Context) (*revision, error) {
	s.back.Lock()
	defer s.back.Unlock()
	s.mu.Lock()
	previous := s.file.Previous
	s.mu.Unlock()
	if previous == "" {
		return nil, hint.With(fmt.Errorf("%s has no earlier revision to go back to", s.name), "deploy the commit that you want")
	}
	rev, err := s.load(previous)
	if err != nil {
		return nil, fmt.Errorf("going back to %s: %w", previous, err)
	}
	s.add(rev)
	if err := s.first(ctx, rev); err != nil {
		return nil, err
	}
	if _, err := s.promote(ctx, previous, 0); err != nil {
		s.drop(rev)
		return nil, err
	}
	return rev, nil
}

// retire stops a revision once its last request is answered.
func (s *supervisor) retire(rev *revision) {
	d := newDrain(rev)
	s.mu.Lock()
	delete(s.live, rev.record.Name)
	s.draining = append(s.draining, d)
	for _, old := range s.draining[:max(0, len(s.draining)-maxDraining)] {
		old.hurry()
	}
	s.drained.Add(1)
	s.mu.Unlock()
	go func() {
		defer s.drained.Done()
		rev.retire(s.limits.Drain, d.soon)
		s.mu.Lock()
		s.draining = slices.DeleteFunc(s.draining, func(o *drain) bool { return o == d })
		s.mu.Unlock()
		s.prune()
	}()
}

// drop stops and removes a revision that has no traffic; one that has stays.
func (s *supervisor) drop(rev *revision) {
	if !s.takeOut(rev) {
		return
	}
	rev.stop()
	s.prune()
	s.watchIdle()
}

func (s *supervisor) takeOut(rev *revision) bool {
	s.traffic.Lock()
	defer s.traffic.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.live[rev.record.Name] != rev || s.front.current.Load() == rev {
		return false
	}
	delete(s.live, rev.record.Name)
	return true
}
