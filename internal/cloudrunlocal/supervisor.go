package cloudrunlocal

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/sluice-ci/sluice/internal/hint"
)

// Limits are how long a supervisor waits for what. A field that is 0 has the
// value of DefaultLimits.
type Limits struct {
	Start   time.Duration // for a process to answer
	Stop    time.Duration // for a process to end once it was asked to
	Drain   time.Duration // for the requests in a revision that lost the traffic
	Linger  time.Duration // for a revision to get traffic, and a supervisor a revision
	Backoff time.Duration // before a process that died is restarted; doubled each time
}

// DefaultLimits are those of a service that nobody set any for. Drain is
// Cloud Run's default request timeout.
func DefaultLimits() Limits {
	return Limits{Start: 30 * time.Second, Stop: 10 * time.Second, Drain: 5 * time.Minute, Linger: 10 * time.Minute, Backoff: 500 * time.Millisecond}
}

const (
	maxWaiting  = 8 // revisions without traffic at a time
	maxDraining = 4 // revisions that finish their last requests at a time
	keptLogs    = 8 // logs of revisions
)

// supervisor keeps one service running.
type supervisor struct {
	dir    state
	name   string // of the service
	limits Limits
	log    *slog.Logger
	front  front
	over   chan struct{} // closed when it is to end
	end    func()        // closes over
	locked func()        // gives the deploys' lock back; it is kept to the end instead

	traffic sync.Mutex // held while traffic is moved or a revision dropped
	back    sync.Mutex // held while traffic is moved back

	mu       sync.Mutex
	file     serviceFile
	live     map[string]*revision // that has the traffic, or waits for it
	draining []*drain
	listener net.Listener
	server   *http.Server
	drained  sync.WaitGroup
}

// drain is a revision that finishes its last requests.
type drain struct {
	rev   *revision
	soon  chan struct{}
	hurry func() // closes soon: it has had time enough
}

func newDrain(rev *revision) *drain {
	soon := make(chan struct{})
	return &drain{rev: rev, soon: soon, hurry: sync.OnceFunc(func() { close(soon) })}
}

func newSupervisor(dir state, file serviceFile, limits Limits, log *slog.Logger) *supervisor {
	over := make(chan struct{})
	return &supervisor{dir: dir, name: file.Name, file: file, limits: limits, log: log, over: over, end: sync.OnceFunc(func() { close(over) }), live: map[string]*revision{}}
}

// open takes the service's port.
func (s *supervisor) open(wanted int) error {
	l, err := listenService(s.dir, wanted, s.file.Port)
	if err != nil {
		return err
	}
	return s.moveTo(l)
}

// moveTo makes a listener that of the service, in place of the one it had,
// whose established connections stay until they are idle.
func (s *supervisor) moveTo(l net.Listener) error {
	s.mu.Lock()
	old, server := s.listener, s.server
	s.listener, s.server = l, serve(l, &s.front, s.log)
	s.file.Port = portOf(l)
	s.mu.Unlock()
	if old != nil {
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), s.limits.Drain)
			defer cancel()
			if err := server.Shutdown(ctx); err != nil {
				s.log.Warn("closing the old port", "error", err)
			}
		}()
	}
	return s.save()
}

// save writes down what has changed.
func (s *supervisor) save() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := writeJSON(s.dir.service(), s.file); err != nil {
		return err
	}
	return writeJSON(s.dir.supervisor(), supervisorFile{
		PID: os.Getpid(), Start: processStart(os.Getpid()), Socket: socketFile, Port: s.file.Port, Protocol: protocol,
	})
}

// restore starts what had the traffic when an earlier supervisor ended, and
// returns when that works or has shown that it does not.
func (s *supervisor) restore() {
	defer s.prune()
	defer s.watchIdle()
	name := s.serving()
	if name == "" {
		return
	}
	rev, err := s.load(name)
	if err != nil {
		s.log.Error("restoring", "revision", name, "error", err)
		s.lose()
		return
	}
	first := rev.start(true)
	s.add(rev)
	s.front.current.Store(rev)
	if err := <-first; err != nil {
		s.log.Error("restoring", "revision", name, "error", err)
	}
}

// lose forgets a revision whose files are damaged.
func (s *supervisor) lose() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.file.Serving, s.file.Image = "", ""
}

// load opens a revision that is kept on disk.
func (s *supervisor) load(name string) (*revision, error) {
	var r record
	if err := readJSON(s.dir.recordOf(name), &r); err != nil {
		return nil, err
	}
	if r.Name != name {
		return nil, fmt.Errorf("reading %s: it is about %q", s.dir.recordOf(name), r.Name)
	}
	return openRevision(s.dir, r, s.limits, s.log)
}

func (s *supervisor) add(rev *revision) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live[rev.record.Name] = rev
}

// create makes a revision of unpacked files and starts it, without traffic.
func (s *supervisor) create(ctx context.Context, r record, incoming string, secrets values) (*revision, error) {
	rev, err := s.adopt(r, incoming, secrets)
	if err != nil {
		s.prune()
		return nil, err
	}
	if err := s.first(ctx, rev); err != nil {
		return nil, err
	}
	time.AfterFunc(s.limits.Linger, func() { s.drop(rev) })
	return rev, nil
}

// first starts a revision's first process and waits until it works. Otherwise
// the revision is dropped.
func (s *supervisor) first(ctx context.Context, rev *revision) (err error) {
	first := rev.start(false)
	select {
	case err = <-first:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		s.log.Warn("a revision is dropped", "revision", rev.record.Name, "error", err)
		s.drop(rev)
	}
	return err
}

// adopt gives unpacked files the name of the next revision.
func (s *supervisor) adopt(r record, incoming string, secrets values) (*revision, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.live) > maxWaiting {
		return nil, hint.With(fmt.Errorf("%d revisions of %s are waiting for traffic already", maxWaiting, s.name), fmt.Sprintf("wait for the other runs to end; after %s such revisions are dropped", s.limits.Linger))
	}
	s.file.Generation++
	r.Name, r.Created = fmt.Sprintf("%s-%05d-%s", s.name, s.file.Generation, suffix()), time.Now().UTC()
	if err := writeJSON(s.dir.service(), s.file); err != nil { // a number is never used twice
		return nil, err
	}
	if err := s.dir.keepSecrets(r.Name, secrets); err != nil {
		return nil, err
	}
	from := filepath.Join(s.dir.incoming(), filepath.Base(incoming))
	if err := writeJSON(filepath.Join(from, "revision.json"), r); err != nil {
		return nil, err
	}
	if err := os.Rename(from, s.dir.revision(r.Name)); err != nil {
		return nil, fmt.Errorf("keeping revision %s: %w", r.Name, err)
	}
	rev, err := openRevision(s.dir, r, s.limits, s.log)
	if err == nil {
		s.live[r.Name] = rev
	}
	return rev, err
}

// suffix is three letters that make no word.
func suffix() string {
	const letters = "bcdfghjklmnpqrstvwxz"
	var b [3]byte
	_, _ = rand.Read(b[:]) // never fails
	for i := range b {
		b[i] = letters[int(b[i])%len(letters)]
	}
	return string(b[:])
}
