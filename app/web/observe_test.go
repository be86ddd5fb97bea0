package web

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// TestObservedStatus is that of the answer, whatever a handler does.
func TestObservedStatus(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"written at once": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("x")) }, "200"},
		"nothing":         {func(http.ResponseWriter, *http.Request) {}, "200"},
		"a fault":         {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "x", http.StatusInternalServerError) }, "500"},
		"away":            {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "x", http.StatusServiceUnavailable) }, "503"},
		"a panic":         {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "500"},
	} {
		registry := prometheus.NewRegistry()
		m, err := newMetrics(registry)
		if err != nil {
			t.Fatal(err)
		}
		s := &Site{Options: Options{}, metrics: m}
		s.Log = slog.New(slog.DiscardHandler)
		func() {
			defer func() { _ = recover() }()
			s.observe(tt.handler).ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
		}()
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, f := range families {
			if f.GetName() == "http_server_request_duration_seconds" {
				for _, label := range f.GetMetric()[0].GetLabel() {
					if label.GetName() == "status" {
						got = label.GetValue()
					}
				}
			}
		}
		if got != tt.want {
			t.Errorf("%s: status %q is observed, want %s", name, got, tt.want)
		}
	}
}
