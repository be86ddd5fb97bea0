package cloudrunlocal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/mask"
)

const (
	maxBackoff = 30 * time.Second
	stable     = time.Minute // a process that ran this long is restarted soon
	portTries  = 3
)

// errTooSlow ends the wait for a process that never gets ready.
var errTooSlow = errors.New("did not get ready in time")

// revision is a release that is running, or being kept running.
type revision struct {
	record   record
	state    state
	limits   Limits
	log      *slog.Logger
	output   *logfile
	masker   mask.Masker  // of what its processes print
	listener net.Listener // of its own URL
	server   *http.Server
	gate     *gate
	backend  atomic.Pointer[backend] // nil while no process answers

	cancel context.CancelFunc
	done   chan struct{} // closed when its last process has ended

	mu     sync.Mutex
	port   int    // of the process that answers
	reason string // why none does
}

// openRevision gives a revision a URL and a log; start gives it a process.
func openRevision(s state, r record, limits Limits, log *slog.Logger) (*revision, error) {
	secrets, err := s.secretsFor(r)
	if err != nil {
		return nil, err
	}
	output, err := openLog(s.log(r.Name))
	if err != nil {
		return nil, fmt.Errorf("opening the log of %s: %w", r.Name, err)
	}
	l, err := listen(0)
	if err != nil {
		_ = output.Close()
		return nil, fmt.Errorf("finding a free port for %s: %w", r.Name, err)
	}
	rev := &revision{
		record: r, state: s, limits: limits, log: log.With("revision", r.Name), output: output, masker: mask.New(slices.Collect(maps.Values(secrets))), listener: l,
		gate: newGate(), done: make(chan struct{}), reason: "is starting",
	}
	rev.server = serve(l, http.HandlerFunc(rev.ServeHTTP), rev.log)
	return rev, nil
}

func (r *revision) url() string { return "http://" + r.listener.Addr().String() }

// ServeHTTP answers at the revision's own URL.
func (r *revision) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if !r.gate.enter() {
		unavailable(w, "the revision is being stopped")
		return
	}
	defer r.gate.leave()
	r.forward(w, req)
}

func (r *revision) forward(w http.ResponseWriter, req *http.Request) {
	b := r.backend.Load()
	switch {
	case req.Method == http.MethodConnect:
		http.Error(w, "Method Not Allowed: this is no forward proxy", http.StatusMethodNotAllowed)
	case b == nil:
		unavailable(w, "the service is being restarted")
	default:
		// The process may answer before it has read all; that is its business.
		_ = http.NewResponseController(w).EnableFullDuplex() // HTTP/1.1 has it
		b.proxy.ServeHTTP(w, req)
	}
}

// start begins to run the revision and tells, on the channel, what came of the
// first process. When that did not get ready there is no second one, unless
// the revision is to be kept up whatever happens.
func (r *revision) start(keep bool) <-chan error {
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	first := make(chan error, 1)
	go r.run(ctx, first, keep)
	return first
}

func (r *revision) run(ctx context.Context, first chan<- error, keep bool) {
	defer close(r.done)
	pause := r.limits.Backoff
	for try := 0; ctx.Err() == nil; try++ {
		began := time.Now()
		i, err := r.bringUp(ctx)
		if err != nil {
			r.down(err.Error())
		} else {
			r.up(i)
		}
		if try == 0 {
			first <- err
			if err != nil && !keep {
				return
			}
		}
		if err == nil {
			r.watch(ctx, i)
		}
		if time.Since(began) > stable {
			pause = r.limits.Backoff
		}
		sleep(ctx, pause)
		pause = min(2*pause, maxBackoff)
	}
}

// sleep is the back-off: a process that cannot run must not keep the machine busy.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// bringUp starts a process that answers.
func (r *revision) bringUp(ctx context.Context) (*instance, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.limits.Start, fmt.Errorf("%w (%s)", errTooSlow, r.limits.Start))
	defer cancel()
	p, err := resolve(r.state, r.record)
	if err != nil {
		return nil, r.startError(err, p)
	}
	if err := give(r.state, r.record, p.user); err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		i, err := r.launch(ctx, p)
		if err != nil {
			return nil, r.startError(err, p)
		}
		err = awaitReady(ctx, i)
		if err == nil {
			return i, nil
		}
		i.stop(r.limits.Stop)
		if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, errTooSlow) {
			return nil, cause
		}
		if lost := errors.Is(err, errPortLost) || len(listeners(i.port)) > 0; !lost || try == portTries {
			return nil, r.unhealthy(err.Error())
		}
	}
}

// launch starts a process. A file that was just written cannot be executed while
// anybody's child, about to execute something else, still has it open; that is
// over in a moment.
func (r *revision) launch(ctx context.Context, p program) (*instance, error) {
	for pause := time.Millisecond; ; pause *= 2 {
		i, err := startInstance(p, r.masker.Writer(r.output))
		if !errors.Is(err, syscall.ETXTBSY) || pause > time.Second {
			return i, err
		}
		sleep(ctx, pause)
	}
}

// startError tells the image's fault from this machine's.
func (r *revision) startError(err error, p program) error {
	if errors.Is(err, errImage) {
		return r.unhealthy(err.Error())
	}
	err = fmt.Errorf("starting %s: %w", r.record.Name, err)
	if errors.Is(err, fs.ErrPermission) && p.user != nil {
		return hint.With(err, fmt.Sprintf("set XDG_STATE_HOME to a folder that user %d may enter, such as /var/lib/sluice", p.user.uid))
	}
	return err
}

func (r *revision) unhealthy(reason string) *Unhealthy {
	return &Unhealthy{Revision: r.record.Name, Reason: reason, Log: tail(r.state.log(r.record.Name))}
}

// watch returns when the process has ended, by itself or with the revision.
func (r *revision) watch(ctx context.Context, i *instance) {
	select {
	case <-i.ended:
		r.down("ended: " + i.how)
		r.log.Warn("the process ended", "how", i.how)
	case <-ctx.Done():
		i.stop(r.limits.Stop)
		r.down("is stopped")
	}
}

func (r *revision) up(i *instance) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.port, r.reason = i.port, ""
	r.backend.Store(newBackend(loopback(i.port), r.log))
	r.log.Info("the process answers", "pid", i.cmd.Process.Pid, "port", i.port, "confined", i.confined)
}

func (r *revision) down(reason string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.port, r.reason = 0, reason
	if b := r.backend.Swap(nil); b != nil {
		b.transport.closeIdle()
	}
}

// check asks the revision, now, whether it works.
func (r *revision) check(ctx context.Context) error {
	r.mu.Lock()
	port, reason := r.port, r.reason
	r.mu.Unlock()
	if port == 0 {
		return r.unhealthy(reason)
	}
	if err := probe(ctx, port); err != nil {
		return r.unhealthy("does not answer: " + err.Error())
	}
	return nil
}

// retire lets the requests inside finish, at most for the limit or until hurry
// is closed, and stops the revision.
func (r *revision) retire(limit time.Duration, hurry <-chan struct{}) {
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-r.gate.close():
	case <-t.C:
	case <-hurry:
	}
	r.stop()
}

// stop ends the revision at once. It can be called once.
func (r *revision) stop() {
	r.gate.close()
	if r.cancel != nil {
		r.cancel()
		<-r.done
	}
	_ = r.server.Close() // its connections are of no more use
	_ = r.output.Close()
}
