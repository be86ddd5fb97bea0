//go:build infra

package terraform

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

const monitoring = "modules/monitoring"

// TestLogFilters holds the filters of metrics made of the log, and the queries of
// the guide, to what the service really writes: each finds its own message, and no other.
func TestLogFilters(t *testing.T) {
	t.Parallel()
	lines := runTodo(t).log
	want := map[string][]string{
		"app_started":    {"App started successfully"},
		"task_added":     {"Task added: ", "Task added: "},
		"task_completed": {"Task completed: "},
		"csrf_failure":   {"CSRF failure: "},
	}
	got := map[string][]string{}
	for name, text := range logFilters(t) {
		got[name] = matched(t, text, lines)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("messages by filter (-want +got):\n%s\nof the log:\n%s", diff, strings.Join(lines, "\n"))
	}
	var guide [][]string
	for _, text := range guideQueries(t) {
		guide = append(guide, matched(t, text, lines))
	}
	if diff := cmp.Diff([][]string{want["app_started"], want["task_added"], want["task_completed"], want["csrf_failure"]}, guide); diff != "" {
		t.Errorf("messages by query of the guide (-want +got):\n%s", diff)
	}
}

// matched are the messages of the lines that a filter lets through, up to what
// differs each time.
func matched(t *testing.T, text string, lines []string) (messages []string) {
	t.Helper()
	f, err := parseFilter(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines {
		if entry := cloudEntry(t, line); f.matches(entry) {
			messages = append(messages, regexp.MustCompile(`: .*`).ReplaceAllString(entry["jsonPayload.message"], ": "))
		}
	}
	return messages
}

// guideQueries are those that the guide has a reader paste into the Logs Explorer.
func guideQueries(t *testing.T) (queries []string) {
	t.Helper()
	text, err := os.ReadFile("../docs/guide/05-logs.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?s)```logging\n(.*?)\n```").FindAllSubmatch(text, -1) {
		queries = append(queries, string(m[1]))
	}
	return queries
}

// logFilters are those of log-filters.tf, as Terraform itself reads the file.
func logFilters(t *testing.T) map[string]string {
	t.Helper()
	const variables = "variable \"service_name\" {\n  default = \"todo\"\n}\n\nvariable \"region\" {\n  default = \"europe-west2\"\n}\n"
	dir := t.TempDir()
	content, err := os.ReadFile(filepath.Join(monitoring, "log-filters.tf"))
	for name, text := range map[string]string{"filters.tf": string(content), "variables.tf": variables, "cli.tfrc": ""} {
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	out := execute(t, dir, "jsonencode(local.log_filters)\n", []string{"TF_CLI_CONFIG_FILE=" + filepath.Join(dir, "cli.tfrc"), "CHECKPOINT_DISABLE=1"}, "terraform", "console")
	var text string
	var filters map[string]string
	if err := json.Unmarshal([]byte(out), &text); err != nil {
		t.Fatalf("terraform console: %v in %s", err, out)
	}
	if err := json.Unmarshal([]byte(text), &filters); err != nil || len(filters) == 0 {
		t.Fatalf("there are %d filters: %v", len(filters), err)
	}
	return filters
}

// cloudEntry is a line of the log as Cloud Logging keeps it, field by field:
// severity and trace are the entry's own, the rest is jsonPayload.
//
// https://cloud.google.com/logging/docs/structured-logging
func cloudEntry(t *testing.T, line string) map[string]string {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(line), &fields); err != nil {
		t.Fatalf("the service writes a line that is no JSON: %s: %v", line, err)
	}
	entry := map[string]string{
		"resource.type": "cloud_run_revision", "resource.labels.service_name": "todo", "resource.labels.location": "europe-west2",
	}
	for name, value := range fields {
		text, isText := value.(string)
		switch {
		case name == "severity":
			entry[name] = text
		case isText && name != "time" && !strings.HasPrefix(name, "logging.googleapis.com/"):
			entry["jsonPayload."+name] = text
		}
	}
	return entry
}

// burn is one alert on an error budget: too fast in both windows.
type burn struct {
	Alert, Severity string
	For             time.Duration
	Windows         [2]window
}

type window struct {
	Length       string
	Rate, Budget float64
}

// TestBurnRates holds the alerts of Cloud Monitoring to Prometheus's numbers.
func TestBurnRates(t *testing.T) {
	t.Parallel()
	want, got := prometheusBurns(t), cloudBurns(t)
	if len(want) != 8 {
		t.Errorf("Prometheus has %d alerts on budgets, want 8", len(want))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("burn rates (-Prometheus +Cloud Monitoring):\n%s", diff)
	}
}

func prometheusBurns(t *testing.T) (all []burn) {
	t.Helper()
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr, For string
				Labels           map[string]string
			}
		}
	}
	text, err := os.ReadFile("../dashboards/rules/slo-alerts.yml")
	if err == nil {
		err = yaml.Unmarshal(text, &file)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			b := burn{Alert: r.Alert, Severity: strings.ToUpper(r.Labels["severity"]), For: lasting(t, r.For),
				Windows: windows(t, r.Expr, regexp.MustCompile(`ratio_rate(\w+) > ([0-9.]+) \* ([0-9.]+)`))}
			all = append(all, b)
		}
	}
	return all
}

// cloudAlerts is alerts.json.
func cloudAlerts(t *testing.T) (all []struct {
	Name, Severity, Query, Duration string
}) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(monitoring, "alerts.json"))
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// cloudBurns reads the windows where the last rate of each comparison is taken.
func cloudBurns(t *testing.T) (all []burn) {
	t.Helper()
	for _, p := range cloudAlerts(t) {
		if strings.HasSuffix(p.Name, "BudgetBurn") {
			all = append(all, burn{p.Name, p.Severity, lasting(t, p.Duration),
				windows(t, p.Query, regexp.MustCompile(`\[(\w+)\]\)\)[^\[]*?> ([0-9.]+) \* ([0-9.]+)`))})
		}
	}
	return all
}

func lasting(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func windows(t *testing.T, query string, pattern *regexp.Regexp) (both [2]window) {
	t.Helper()
	found := pattern.FindAllStringSubmatch(query, -1)
	if len(found) != len(both) {
		t.Fatalf("%d windows in %s", len(found), query)
	}
	for i, m := range found {
		rate, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		budget, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			t.Fatal(err)
		}
		both[i] = window{m[1], rate, budget}
	}
	return both
}

// TestMetricsExist: whatever dashboards and alerts ask for, the service exports.
func TestMetricsExist(t *testing.T) {
	t.Parallel()
	exported := runTodo(t).metrics
	asked := regexp.MustCompile(`\b([a-zA-Z_:][a-zA-Z0-9_:]*)\{`)
	for _, path := range []string{"alerts.json", "dashboards/service.json", "dashboards/database.json"} {
		text, err := os.ReadFile(filepath.Join(monitoring, path))
		if err != nil {
			t.Fatal(err)
		}
		found := asked.FindAllStringSubmatch(string(text), -1)
		if len(found) == 0 {
			t.Errorf("%s asks for nothing", path)
		}
		for _, m := range found {
			if name := m[1]; name != "up" && !slices.Contains(exported, name) { // up is the collector's own
				t.Errorf("%s asks for %s, which the service does not export", path, name)
			}
		}
	}
}

// TestCollector: the collector beside the service is the job that the queries
// name, as in Prometheus's own configuration.
func TestCollector(t *testing.T) {
	t.Parallel()
	var collector struct {
		Metadata struct{ Name string }
		Spec     struct {
			Endpoints []struct{ Port, Path, Interval string }
		}
	}
	text, err := os.ReadFile("modules/service/collector.yaml")
	if err == nil {
		err = yaml.Unmarshal(text, &collector)
	}
	if err != nil || len(collector.Spec.Endpoints) != 1 {
		t.Fatalf("%d endpoints: %v", len(collector.Spec.Endpoints), err)
	}
	prometheus, err := os.ReadFile("../dashboards/prometheus.yml")
	if err != nil {
		t.Fatal(err)
	}
	e := collector.Spec.Endpoints[0]
	for _, line := range []string{"- job_name: " + collector.Metadata.Name + "\n", "scrape_interval: " + e.Interval + "\n", ":" + e.Port + "\"]\n"} {
		if !strings.Contains(string(prometheus), line) || e.Path != "/metrics" {
			t.Errorf("dashboards/prometheus.yml has no %q", line)
		}
	}
}
