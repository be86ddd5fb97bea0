package cloudrunlocal

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// stopDrain is how long open requests may take when the service is stopped.
const stopDrain = 5 * time.Second

// prune removes the files of revisions that nobody can go back to.
func (s *supervisor) prune() {
	for _, name := range s.unused() {
		if err := removeTree(s.dir.revision(name)); err != nil {
			s.log.Error("removing an old revision", "revision", name, "error", err)
		}
	}
	if err := s.pruneSecrets(); err != nil {
		s.log.Error("removing old secrets", "error", err)
	}
	if err := s.pruneLogs(); err != nil {
		s.log.Error("removing old logs", "error", err)
	}
}

func (s *supervisor) unused() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	keep := map[string]bool{s.file.Serving: true, s.file.Previous: true}
	for name := range s.live {
		keep[name] = true
	}
	for _, d := range s.draining {
		keep[d.rev.record.Name] = true
	}
	found, err := os.ReadDir(s.dir.revisions())
	if err != nil {
		s.log.Error("listing revisions", "error", err)
	}
	var names []string
	for _, f := range found {
		if !keep[f.Name()] {
			names = append(names, f.Name())
		}
	}
	return names
}

// pruneLogs keeps the logs that were written to last.
func (s *supervisor) pruneLogs() error {
	paths, err := filepath.Glob(filepath.Join(s.dir.logs(), s.name+"-*.log"))
	if err != nil {
		return err
	}
	written := map[string]time.Time{}
	for _, p := range paths {
		if info, err := os.Stat(p); err == nil {
			written[p] = info.ModTime()
		}
	}
	slices.SortFunc(paths, func(a, b string) int { return written[b].Compare(written[a]) })
	for _, p := range paths[min(len(paths), keptLogs):] {
		if strings.TrimSuffix(filepath.Base(p), ".log") == s.serving() {
			continue
		}
		err = errors.Join(err, os.Remove(p), ignoreMissing(os.Remove(p+".1")))
	}
	return err
}

func (s *supervisor) serving() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.file.Serving
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// watchIdle ends the supervisor when it has long had nothing to keep running.
func (s *supervisor) watchIdle() { time.AfterFunc(s.limits.Linger, s.endIfIdle) }

func (s *supervisor) endIfIdle() {
	unlock, ok, err := tryLock(s.dir.deployLock())
	if err != nil {
		s.log.Error("looking for deploys", "error", err)
	}
	if !ok { // a deploy is under way
		s.watchIdle()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.live) > 0 {
		unlock()
		return
	}
	// The lock is kept: a deploy that comes now waits until this process has
	// ended, and starts another.
	s.locked = unlock
	s.end()
}

// stop ends everything: new requests are refused, open ones get a little time.
func (s *supervisor) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), stopDrain)
	defer cancel()
	if err := s.server.Shutdown(ctx); err != nil {
		_ = s.server.Close() // they had their time
	}
	s.mu.Lock()
	for _, d := range s.draining {
		d.hurry()
	}
	revisions := s.live
	s.live = map[string]*revision{}
	s.mu.Unlock()
	var all sync.WaitGroup
	for _, rev := range revisions {
		all.Go(func() { rev.retire(time.Until(deadlineOf(ctx)), nil) })
	}
	all.Wait()
	s.drained.Wait()
}

func deadlineOf(ctx context.Context) time.Time {
	t, _ := ctx.Deadline()
	return t
}
