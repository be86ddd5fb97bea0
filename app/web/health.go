package web

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

// probeInterval is how old the answer of the last probe may be. Health is asked
// for often, by several askers, and must not be a load on the database.
const probeInterval = time.Second

// readiness remembers whether the lists were within reach a moment ago.
type readiness struct {
	ping func(context.Context) error
	now  func() time.Time
	tell func(now, before error) // what each probe found

	mu     sync.Mutex
	probed time.Time
	err    error
}

// check probes when the last probe is too old. Askers who come meanwhile wait
// for that one probe, which the lists themselves put a limit on.
func (r *readiness) check(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if age := r.now().Sub(r.probed); age < 0 || age >= probeInterval {
		// An asker who leaves must not make the others' answer.
		before := r.err
		r.err = r.ping(context.WithoutCancel(ctx))
		r.probed = r.now()
		r.tell(r.err, before)
	}
	return r.err
}

func isHealth(path string) bool {
	return path == "/health" || path == "/health/ready" || path == "/health/live"
}

// health is GET /health and GET /health/ready: 200 when requests can be served.
func (s *Site) health(w http.ResponseWriter, r *http.Request) {
	if err := s.ready.check(r.Context()); err != nil {
		w.Header().Set("Retry-After", "2")
		answerJSON(w, http.StatusServiceUnavailable, `{"status":"unavailable"}`)
		return
	}
	answerJSON(w, http.StatusOK, `{"status":"ok"}`)
}

// live is GET /health/live: 200 as long as the process answers at all, since
// starting it anew would not bring a database back.
func (s *Site) live(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, http.StatusOK, `{"status":"ok"}`)
}

func answerJSON(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body+"\n") // the asker may be gone
}
