package dashboards_test

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sluice-ci/sluice/dashboards"
	"go.yaml.in/yaml/v3"
)

// TestCloudQueries: what Cloud Monitoring is asked is PromQL, names nothing
// that only Prometheus's rules record, and nothing that only Grafana knows.
func TestCloudQueries(t *testing.T) {
	t.Parallel()
	var all []map[string]string
	for i, query := range append(policyQueries(t), pageQueries(t, "5m")...) {
		if strings.Contains(query, "$") || strings.Contains(query, "ALERTS") || strings.Contains(query, "job:") || strings.Contains(query, "job_instance:") {
			t.Errorf("Cloud Monitoring cannot answer %s", query)
		}
		all = append(all, map[string]string{"record": fmt.Sprintf("query_%d", i), "expr": query})
	}
	text, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "cloud", "rules": all}}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cloud.yml")
	write(t, path, string(text))
	if out, err := exec.CommandContext(t.Context(), tool(t, "promtool"), "check", "rules", "--lint=none", path).CombinedOutput(); err != nil {
		t.Errorf("promtool: %v\n%s", err, out)
	}
}

// policyQueries are those of alerts.json.
func policyQueries(t *testing.T) (all []string) {
	t.Helper()
	for _, p := range policies(t) {
		all = append(all, p.Query)
	}
	return all
}

// pageQueries are those of both dashboards, for a page whose points are so far
// apart.
func pageQueries(t *testing.T, interval string) (all []string) {
	t.Helper()
	const key = `"prometheusQuery": `
	for _, path := range glob(t, "../terraform/modules/monitoring/dashboards/*.json") {
		before := len(all)
		for line := range strings.Lines(string(read(t, path))) {
			if _, text, ok := strings.Cut(strings.TrimRight(line, ",\n"), key); ok {
				var query string
				if err := json.Unmarshal([]byte(text), &query); err != nil {
					t.Fatalf("%s: %v in %s", path, err, line)
				}
				all = append(all, strings.ReplaceAll(query, "${__interval}", interval))
			}
		}
		if len(all) == before {
			t.Fatalf("%s asks nothing", path)
		}
	}
	return all
}

// TestNothingIsEmpty: the API leaves out what is 0 or empty, and Terraform
// would take that for a change.
func TestNothingIsEmpty(t *testing.T) {
	t.Parallel()
	for _, path := range glob(t, "../terraform/modules/monitoring/dashboards/*.json") {
		for n, line := range strings.Split(string(read(t, path)), "\n") {
			if _, value, _ := strings.Cut(strings.TrimSuffix(line, ","), ": "); value == "0" || value == "[]" || value == `""` || value == "false" || value == "null" {
				t.Errorf("%s:%d: %s", path, n+1, line)
			}
		}
	}
}

type policy struct {
	Name, Title, Severity, Summary, Runbook, Group, Query, Duration, Every string
}

func policies(t *testing.T) (all []policy) {
	t.Helper()
	if err := json.Unmarshal(read(t, "../terraform/modules/monitoring/alerts.json"), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestPolicies holds the alerts to the limits of Cloud Monitoring's API, and to
// being all that there are.
func TestPolicies(t *testing.T) {
	t.Parallel()
	got := map[string]int{"TodoDown": 1, "TodoInstanceDown": 1} // what the check from outside stands in for
	for _, p := range policies(t) {
		if p.Severity != "CRITICAL" && p.Severity != "WARNING" || p.Summary == "" || p.Runbook == "" || p.Query == "" {
			t.Errorf("policy %s: severity %q, %q, runbook %q, query %q", p.Title, p.Severity, p.Summary, p.Runbook, p.Query)
		}
		if every, err := time.ParseDuration(p.Every); err != nil || every <= 0 || every%(30*time.Second) != 0 {
			t.Errorf("%s is asked every %q: want a multiple of 30 s", p.Title, p.Every)
		}
		got[p.Name]++
	}
	for _, r := range readRules(t) {
		if r.Alert != "" {
			got[r.Alert]--
		}
	}
	for name, n := range got {
		if n != 0 {
			t.Errorf("%s: %+d policies more than rules", name, n)
		}
	}
}

func TestExpand(t *testing.T) {
	t.Parallel()
	const rules = `groups: [{name: g, rules: [
  {record: "job:a:rate5m", expr: "sum by (job) (rate(a[5m]))"},
  {record: "job:b:ratio", expr: "1 - job:a:rate5m / 2"},
  {record: "job:c:quantile", expr: "c", labels: {quantile: "0.5"}},
  {record: "job:d:self", expr: "job:d:self"}]}]`
	for _, test := range []struct{ expr, want string }{
		{`up{job="todo"} == 1`, `up{job="todo"} == 1`},
		{`job:a:rate5m > 1`, `(sum by (job) (rate(a[5m]))) > 1`},
		{`job:b:ratio{job="todo"}`, `(1 - (sum by (job) (rate(a[5m]))) / 2)`},
		{`avg_over_time(job:a:rate5m[10m])`, `avg_over_time((sum by (job) (rate(a[5m])))[10m:1m])`},
		{`job:c:quantile`, ""},
		{`job:d:self`, ""},
		{`job:e:unknown`, ""},
	} {
		t.Run(test.expr, func(t *testing.T) {
			t.Parallel()
			r, err := dashboards.ReadRules(fstest.MapFS{"r.yml": {Data: []byte(rules)}})
			if err != nil {
				t.Fatal(err)
			}
			got, err := r.Expand(test.expr)
			if got != test.want || (err != nil) != (test.want == "") {
				t.Errorf("got %q, %v; want %q", got, err, test.want)
			}
		})
	}
}

func TestRulesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, dir := range map[string]fstest.MapFS{"none": {}, "no YAML": {"r.yml": {Data: []byte("groups: [")}}} {
		if _, err := dashboards.ReadRules(dir); err == nil {
			t.Errorf("%s: there is no error", name)
		}
	}
}
