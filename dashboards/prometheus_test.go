package dashboards_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
)

// patience is how long a program may take to get ready, and all data to be
// there after it, before that is a failure.
const patience = 2 * time.Minute

// TestQueriesAgainstPrometheus: a real Prometheus with the project's own rules
// scrapes the real service under load, and all that is asked of it has data.
func TestQueriesAgainstPrometheus(t *testing.T) {
	t.Parallel()
	program := tool(t, "prometheus")
	s := startService(t)
	s.load(t)
	p := startPrometheus(t, program, s.metrics)
	for q, err := range p.lacking(t.Context(), append(everyQuery(t), trouble()...)) {
		t.Errorf("%s: %s: %v", q.from, q.expr, err)
	}
	for _, q := range runbookQueries(t) {
		if _, err := p.query(t.Context(), q.expr); err != nil {
			t.Errorf("%s: %s: %v", q.from, q.expr, err)
		}
	}
	for _, expr := range policyQueries(t) {
		if _, err := p.query(t.Context(), expr); err != nil {
			t.Errorf("alerts.json: %s: %v", expr, err)
		}
	}
	p.checkRoutes(t.Context(), t)
	p.checkRules(t.Context(), t)
}

// asked is a query and where it stands.
type asked struct{ from, expr string }

// everyQuery is what must have data: each query of each panel and of the
// pages' variables, each recorded series, and each series that an alert reads,
// which would never fire if it were misspelt.
func everyQuery(t *testing.T) []asked {
	t.Helper()
	var all []asked
	for name, d := range readDashboards(t) {
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				all = append(all, asked{name + ": " + p.Title, substitute(q.Expr)})
			}
		}
		for _, v := range d.Templating.List {
			if series, ok := strings.CutPrefix(v.Query, "label_values("); ok {
				series, _, _ = strings.Cut(series, "},")
				all = append(all, asked{name + ": variable " + v.Name, series + "}"})
			}
		}
	}
	for _, expr := range pageQueries(t, "10s") {
		all = append(all, asked{"Cloud Monitoring", expr})
	}
	for _, r := range readRules(t) {
		if r.Record != "" {
			all = append(all, asked{"record", recorded(r)})
			continue
		}
		for _, series := range seriesOf(t, r) {
			all = append(all, asked{r.Alert, series})
		}
	}
	return all
}

// trouble is what the load makes, which must be more than 0 where the
// dashboards and alerts look for it.
func trouble() []asked {
	var all []asked
	for _, expr := range []string{
		`http_server_rate_limited_total{job="todo"}`,
		`csrf_failures_total{job="todo"}`,
		`job:todo_rate_limited:rate5m`,
		`job:todo_csrf_failures:rate5m`,
		`sum(rate(http_server_request_duration_seconds_count{job="todo", status="429"}[10s]))`,
		`min(todo_tasks_total{job="todo"})`,
	} {
		all = append(all, asked{"trouble", expr + " > 0"})
	}
	return all
}

// substitute is what Grafana does with variables, for All instances and a page
// that shows five minutes.
func substitute(expr string) string {
	return strings.NewReplacer("$__rate_interval", "10s", "$__range", "5m", "$instance", ".+").Replace(expr)
}

func recorded(r rule) string {
	var labels []string
	for name, value := range r.Labels {
		labels = append(labels, fmt.Sprintf("%s=%q", name, value))
	}
	return r.Record + "{" + strings.Join(labels, ",") + "}"
}

var seriesName = regexp.MustCompile(`\bjob(?:_instance)?:\w+(?::\w+)*|\b[a-z_]+\{`)

func seriesOf(t *testing.T, r rule) []string {
	t.Helper()
	found := seriesName.FindAllString(r.Expr, -1)
	if len(found) == 0 {
		t.Errorf("%s reads no series that the test can see: %s", r.Alert, r.Expr)
	}
	for i, name := range found {
		found[i] = strings.TrimSuffix(name, "{") + `{job="todo"}`
	}
	return found
}

func runbookQueries(t *testing.T) []asked {
	t.Helper()
	var all []asked
	for _, path := range glob(t, runbooks+"/*.md") {
		for _, expr := range promql(string(read(t, path))) {
			all = append(all, asked{filepath.Base(path), expr})
		}
	}
	return all
}

// server is a running Prometheus.
type server struct{ url string }

func startPrometheus(t *testing.T, program, target string) server {
	t.Helper()
	address := freeAddress(t)
	dir := t.TempDir()
	configure(t, dir, map[string]string{"todo:9464": target, "localhost:9090": address})
	cmd := exec.CommandContext(t.Context(), program, "--config.file="+filepath.Join(dir, "prometheus.yml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address, "--log.level=warn")
	start(t, cmd, t.Output())
	s := server{"http://" + address}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := until(ctx, func() error { _, err := s.get(ctx, "/-/ready", nil); return err }); err != nil {
		t.Fatalf("waiting for Prometheus: %v", err)
	}
	return s
}

// start starts a program, and sees at the end of the test that it ends.
func start(t *testing.T, cmd *exec.Cmd, output io.Writer) {
	t.Helper()
	cmd.Stdout, cmd.Stderr = output, output
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// The test's context has ended when this is called.
	t.Cleanup(func() {
		if err := cmd.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", filepath.Base(cmd.Path), err)
		}
	})
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// configure copies the project's configuration, with the targets replaced and
// all intervals a second long.
func configure(t *testing.T, dir string, targets map[string]string) {
	t.Helper()
	interval := regexp.MustCompile(`(?m)^(\s*(?:scrape_|evaluation_)?interval: ).*$`)
	config := interval.ReplaceAllString(string(read(t, "prometheus.yml")), "${1}1s")
	for from, to := range targets {
		if strings.Count(config, from) != 1 {
			t.Fatalf("prometheus.yml does not have the target %s once", from)
		}
		config = strings.Replace(config, from, to, 1)
	}
	write(t, filepath.Join(dir, "prometheus.yml"), config)
	for _, path := range glob(t, "rules/*.yml") {
		write(t, filepath.Join(dir, path), interval.ReplaceAllString(string(read(t, path)), "${1}1s"))
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(content), new(any)); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// until tries until it works or the context ends.
func until(ctx context.Context, try func() error) error {
	again := time.NewTicker(250 * time.Millisecond)
	defer again.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-again.C:
		}
	}
}

func (s server) get(ctx context.Context, path string, query url.Values) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", answer.StatusCode, body)
	}
	return body, err
}

// sample is one series' last value.
type sample struct {
	Metric map[string]string
	Value  [2]any // time and value, the latter as text
}

func (s server) query(ctx context.Context, expr string) ([]sample, error) {
	body, err := s.get(ctx, "/api/v1/query", url.Values{"query": {expr}})
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data struct{ Result []sample }
	}
	err = json.Unmarshal(body, &answer)
	return answer.Data.Result, err
}

// hasData tells whether a query has at least one value that can be drawn.
func (s server) hasData(ctx context.Context, expr string) error {
	if strings.Contains(expr, "$") {
		return errors.New("a variable was not substituted")
	}
	samples, err := s.query(ctx, expr)
	if err != nil {
		return err
	}
	for _, each := range samples {
		text, _ := each.Value[1].(string)
		if value, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(value) && !math.IsInf(value, 0) {
			return nil
		}
	}
	return fmt.Errorf("no data: %v", samples)
}

// lacking asks all queries again and again, until each has had data or patience
// ends, and returns those that had none.
func (s server) lacking(ctx context.Context, queries []asked) map[asked]error {
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	missing := map[asked]error{}
	for _, q := range queries {
		missing[q] = nil
	}
	_ = until(within, func() error { // what it returns is in missing, with its reason
		for q := range missing {
			if missing[q] = s.hasData(ctx, q.expr); missing[q] == nil {
				delete(missing, q)
			}
		}
		if len(missing) > 0 {
			return errors.New("some queries have no data")
		}
		return nil
	})
	return missing
}

// checkRoutes sees that the load went where the dashboards look.
func (s server) checkRoutes(ctx context.Context, t *testing.T) {
	t.Helper()
	samples, err := s.query(ctx, `sum by (route) (http_server_request_duration_seconds_count{job="todo"})`)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, each := range samples {
		seen[each.Metric["route"]] = true
	}
	for _, route := range []string{"/", "/add", "/complete/{id}", "/reopen/{id}", "/edit/{id}", "/delete/{id}", "/clear", "/health", "/health/live", "/health/ready", "/static/{file}", "unmatched"} {
		if !seen[route] {
			t.Errorf("nothing was asked of route %s: %v", route, seen)
		}
	}
}

// checkRules sees that Prometheus could evaluate every rule, and that none of
// the service being down or its database fires.
func (s server) checkRules(ctx context.Context, t *testing.T) {
	t.Helper()
	body, err := s.get(ctx, "/api/v1/rules", nil)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Health, LastError, State string }
			}
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatal(err)
	}
	rules := 0
	for _, g := range answer.Data.Groups {
		for _, r := range g.Rules {
			rules++
			if r.Health != "ok" || r.State == "firing" {
				t.Errorf("rule %s: health %q, state %q: %s", r.Name, r.Health, r.State, r.LastError)
			}
		}
	}
	if want := len(readRules(t)); rules != want {
		t.Errorf("Prometheus has %d rules, want %d", rules, want)
	}
}
