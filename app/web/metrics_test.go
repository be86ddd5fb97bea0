package web_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/sluice-ci/sluice/app/web"
)

func TestMetrics(t *testing.T) {
	t.Parallel()
	s := newSite(t, nil)
	v := s.visitor(t)
	token := v.token()
	v.post("/add", "name", "x", "csrf_token", token)
	v.post("/add", "name", "x", "csrf_token", "wrong")
	v.post("/complete/"+itoa(v.list()[0].ID), "csrf_token", token)
	v.post("/clear", "csrf_token", token)
	v.get("/no/such/place")
	v.get("/complete/1")
	v.do(v.request("BREW", "/", ""))
	v.get("/health")
	got := counts(t, s.metrics)
	want := map[string]float64{
		"todo_app_requests_total": 9, "csrf_failures_total": 1, "todo_add_request_latency_seconds": 2, "todo_database_up": 1,
		"todo_database_errors_total": 0, "http_server_active_requests": 0, "http_server_rate_limited_total": 0,
		"todo_tasks_total add": 1, "todo_tasks_total complete": 1, "todo_tasks_total clear": 1,
		"todo_tasks_total edit": 0, "todo_tasks_total reopen": 0, "todo_tasks_total delete": 0,
		"http_server_request_duration_seconds GET / 200": 1, "http_server_request_duration_seconds POST /add 303": 1,
		"http_server_request_duration_seconds POST /add 400": 1, "http_server_request_duration_seconds POST /complete/{id} 303": 1,
		"http_server_request_duration_seconds POST /clear 303": 1, "http_server_request_duration_seconds GET unmatched 404": 1,
		"http_server_request_duration_seconds GET /complete/{id} 405": 1, "http_server_request_duration_seconds other / 405": 1,
		"http_server_request_duration_seconds GET /health 200": 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
	families, err := s.metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	if problems, err := promlint.NewWithMetricFamilies(families).Lint(); err != nil || len(problems) != 0 {
		t.Errorf("promlint: %v, %v", problems, err)
	}
}

// counts are a registry's values, histograms by how much they observed.
func counts(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, label := range m.GetLabel() {
				name += " " + label.GetValue()
			}
			values[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return values
}

func TestMetricsAreNotPublic(t *testing.T) {
	t.Parallel()
	if got := newSite(t, nil).visitor(t).get("/metrics"); got.StatusCode != http.StatusNotFound {
		t.Errorf("/metrics: status %d, want 404", got.StatusCode)
	}
}

func TestMetricsOfADatabaseThatIsAway(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *web.Options) { o.Lists = broken{} })
	v := s.visitor(t)
	v.get("/")
	v.get("/health")
	got := counts(t, s.metrics)
	if got["todo_database_up"] != 0 || got["todo_database_errors_total"] != 1 {
		t.Errorf("up %v, errors %v; want 0 and 1", got["todo_database_up"], got["todo_database_errors_total"])
	}
	refused := newSite(t, func(o *web.Options) { o.RateLimit = 1 })
	for range 5 {
		refused.visitor(t).get("/")
	}
	if got := counts(t, refused.metrics)["http_server_rate_limited_total"]; got != 1 {
		t.Errorf("rate limited: %v, want 1", got)
	}
}
