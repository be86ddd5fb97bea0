package web

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// action is what a visitor did, as metrics name it.
type action string

const (
	actionAdd      action = "add"
	actionComplete action = "complete"
	actionReopen   action = "reopen"
	actionEdit     action = "edit"
	actionDelete   action = "delete"
	actionClear    action = "clear"
)

// metrics are what the service counts. The first three have the names of the
// application that this one took over from, so that its dashboards go on.
type metrics struct {
	requests   prometheus.Counter
	addLatency prometheus.Histogram
	csrf       prometheus.Counter
	duration   *prometheus.HistogramVec
	active     prometheus.Gauge
	limited    prometheus.Counter
	tasks      *prometheus.CounterVec
	up         prometheus.Gauge
	errors     prometheus.Counter
}

func newMetrics(to prometheus.Registerer) (*metrics, error) {
	buckets := []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5} // seconds
	m := &metrics{
		requests:   prometheus.NewCounter(prometheus.CounterOpts{Name: "todo_app_requests_total", Help: "Requests to the service."}),
		addLatency: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "todo_add_request_latency_seconds", Help: "How long adding an item took.", Buckets: buckets}),
		csrf:       prometheus.NewCounter(prometheus.CounterOpts{Name: "csrf_failures_total", Help: "Forms refused for want of a token of their session, or sent by another site."}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_server_request_duration_seconds", Help: "How long requests took, by route and status.", Buckets: buckets,
		}, []string{"method", "route", "status"}),
		active:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "http_server_active_requests", Help: "Requests under way."}),
		limited: prometheus.NewCounter(prometheus.CounterOpts{Name: "http_server_rate_limited_total", Help: "Requests of clients that asked too often."}),
		tasks:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "todo_tasks_total", Help: "Changes to lists, by action."}, []string{"action"}),
		up:      prometheus.NewGauge(prometheus.GaugeOpts{Name: "todo_database_up", Help: "1 when the database was within reach at the last probe."}),
		errors:  prometheus.NewCounter(prometheus.CounterOpts{Name: "todo_database_errors_total", Help: "Requests that the database did not answer in time or at all."}),
	}
	for _, a := range []action{actionAdd, actionComplete, actionReopen, actionEdit, actionDelete, actionClear} {
		m.tasks.WithLabelValues(string(a)) // 0 from the start, so that a rate has something to start from
	}
	for _, c := range []prometheus.Collector{m.requests, m.addLatency, m.csrf, m.duration, m.active, m.limited, m.tasks, m.up, m.errors} {
		if err := to.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// did counts what a visitor did.
func (m *metrics) did(a action, n int64) { m.tasks.WithLabelValues(string(a)).Add(float64(n)) }

// reachable notes the result of a probe of the database.
func (m *metrics) reachable(err error) {
	if err != nil {
		m.up.Set(0)
		return
	}
	m.up.Set(1)
}

// timeAdd measures a handler as the one that adds.
func (m *metrics) timeAdd(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		defer func() { m.addLatency.Observe(time.Since(start).Seconds()) }()
		next(w, r)
	}
}

// observe counts and measures every request, and gives it its names for the log.
func (s *Site) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		s.metrics.requests.Inc()
		s.metrics.active.Inc()
		seen := &statusWriter{ResponseWriter: w}
		otherwise := http.StatusInternalServerError // what a panic comes to
		r = r.WithContext(withTrace(r.Context(), r.Header))
		defer func() {
			s.metrics.active.Dec()
			took, status := time.Since(start), cmp.Or(seen.status, otherwise)
			s.metrics.duration.WithLabelValues(methodLabel(r.Method), routeLabel(r.Pattern), statusLabel(status)).Observe(took.Seconds())
			s.logRequest(r, status, took)
		}()
		next.ServeHTTP(seen, r)
		otherwise = http.StatusOK
	})
}

// statusWriter remembers the status of an answer; 0 before there is one.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// Write implements [http.ResponseWriter].
func (w *statusWriter) Write(b []byte) (int, error) {
	w.status = cmp.Or(w.status, http.StatusOK)
	return w.ResponseWriter.Write(b)
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets [http.ResponseController] reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// methodLabel is one of few: a client may send any word as a method.
func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost:
		return method
	}
	return "other"
}

// routeLabel is a path with {names} in place of what differs, of which there
// are few.
func routeLabel(pattern string) string {
	_, path, ok := strings.Cut(pattern, " ")
	if !ok {
		path = pattern
	}
	switch path {
	case "", "/":
		return "unmatched"
	case "/{$}":
		return "/"
	}
	return path
}

func statusLabel(status int) string {
	if status == http.StatusOK {
		return "200"
	}
	return strconv.Itoa(status)
}
