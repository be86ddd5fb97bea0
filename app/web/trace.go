package web

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Trace names a request in logs. Whoever sends a request may choose the trace
// and span, so that they join his own; they are hexadecimal or nothing.
type Trace struct {
	ID      string // 32 hexadecimal digits; "" when the request was not traced
	Span    string // 16 hexadecimal digits
	Sampled bool
	Request string // made here, different for each request
}

type traceKey struct{}

// TraceOf returns the names of the request that a context belongs to.
func TraceOf(ctx context.Context) (Trace, bool) {
	headers, ok := ctx.Value(traceKey{}).(*traced)
	if !ok {
		return Trace{}, false
	}
	return headers.trace(), true
}

// traced is what a trace is read from, once one is wanted: most requests log
// nothing.
type traced struct {
	headers http.Header
	once    sync.Once
	value   Trace
}

func withTrace(ctx context.Context, headers http.Header) context.Context {
	return context.WithValue(ctx, traceKey{}, &traced{headers: headers})
}

func (t *traced) trace() Trace {
	t.once.Do(func() {
		t.value = readTrace(t.headers)
		t.value.Request = rand.Text()
	})
	return t.value
}

// readTrace reads the W3C's header (Trace Context, 3.2), or Google's older one.
func readTrace(h http.Header) Trace {
	if parts := strings.Split(h.Get("Traceparent"), "-"); len(parts) >= 4 && isHex(parts[0], 2) && isHex(parts[1], 32) && isHex(parts[2], 16) && isHex(parts[3], 2) {
		flags, _ := strconv.ParseUint(parts[3], 16, 8)
		return Trace{ID: parts[1], Span: parts[2], Sampled: flags&1 == 1}
	}
	id, rest, _ := strings.Cut(h.Get("X-Cloud-Trace-Context"), "/")
	if !isHex(id, 32) {
		return Trace{}
	}
	number, options, _ := strings.Cut(rest, ";")
	t := Trace{ID: id, Sampled: options == "o=1"}
	if span, err := strconv.ParseUint(number, 10, 64); err == nil {
		text := strconv.FormatUint(span, 16)
		t.Span = strings.Repeat("0", 16-len(text)) + text
	}
	return t
}

func isHex(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789abcdef") == ""
}

// logRequest writes a line on each request, for who looks for one: a platform
// such as Cloud Run has its own.
func (s *Site) logRequest(r *http.Request, status int, took time.Duration) {
	if !s.Log.Enabled(r.Context(), slog.LevelDebug) {
		return
	}
	s.Log.DebugContext(r.Context(), "request", slog.Group("httpRequest",
		slog.String("requestMethod", r.Method), slog.String("requestUrl", r.URL.Path),
		slog.Int("status", status), slog.String("latency", strconv.FormatFloat(took.Seconds(), 'f', 6, 64)+"s")))
}
