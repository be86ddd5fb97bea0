package dashboards_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

const runbooks = "../docs/runbooks"

// rule is a recording rule or an alert.
type rule struct {
	Record, Alert, Expr string
	Labels, Annotations map[string]string
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	if err := yaml.Unmarshal(read(t, path), into); err != nil {
		t.Fatalf("reading %s: %v", path, err)
	}
}

func readRules(t *testing.T) []rule {
	t.Helper()
	var all []rule
	for _, path := range glob(t, "rules/*.yml") {
		var file struct{ Groups []struct{ Rules []rule } }
		readYAML(t, path, &file)
		for _, g := range file.Groups {
			all = append(all, g.Rules...)
		}
	}
	return all
}

func TestPromtoolAcceptsTheFiles(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"check", "config", "prometheus.yml"},
		append([]string{"check", "rules", "--lint-fatal"}, glob(t, "rules/*.yml")...),
	} {
		if out, err := exec.CommandContext(t.Context(), tool(t, "promtool"), args...).CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	for _, path := range glob(t, "rules/tests/*.yml") {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yml"), func(t *testing.T) {
			t.Parallel()
			if out, err := exec.CommandContext(t.Context(), tool(t, "promtool"), "test", "rules", path).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// TestEveryAlertIsTested: each fires in one case, and in another does not.
func TestEveryAlertIsTested(t *testing.T) {
	t.Parallel()
	fires, quiet := map[string]bool{}, map[string]bool{}
	for _, path := range glob(t, "rules/tests/*.yml") {
		var file struct {
			Tests []struct {
				Alerts []struct {
					Name string `yaml:"alertname"`
					Want []struct {
						Labels map[string]string `yaml:"exp_labels"`
					} `yaml:"exp_alerts"`
				} `yaml:"alert_rule_test"`
			}
		}
		readYAML(t, path, &file)
		for _, test := range file.Tests {
			for _, a := range test.Alerts {
				quiet[a.Name] = quiet[a.Name] || len(a.Want) == 0
				for _, want := range a.Want {
					fires[a.Name+" "+want.Labels["long"]] = true
				}
			}
		}
	}
	for _, r := range readRules(t) {
		if r.Alert != "" && (!fires[r.Alert+" "+r.Labels["long"]] || !quiet[r.Alert]) {
			t.Errorf("%s %s: fires in a test: %v; does not in another: %v", r.Alert, r.Labels["long"], fires[r.Alert+" "+r.Labels["long"]], quiet[r.Alert])
		}
	}
}

func TestEveryAlertHasARunbookAndEveryRunbookAnAlert(t *testing.T) {
	t.Parallel()
	const at = "https://github.com/sluice-ci/sluice/blob/main/docs/runbooks/"
	want := map[string]bool{"README": true}
	for _, r := range readRules(t) {
		if r.Alert == "" {
			continue
		}
		want[r.Alert] = true
		if r.Annotations["runbook_url"] != at+r.Alert+".md" || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("%s has the annotations %q", r.Alert, r.Annotations)
		}
		if s := r.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s has the severity %q", r.Alert, s)
		}
	}
	got := map[string]bool{}
	for _, path := range glob(t, runbooks+"/*") {
		got[strings.TrimSuffix(filepath.Base(path), ".md")] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("runbooks (-wanted +there):\n%s", diff)
	}
}

func TestRunbooks(t *testing.T) {
	t.Parallel()
	want := []string{"What it means", "What users see", "How to look", "What to do", "How to know it is over"}
	heading := regexp.MustCompile(`(?m)^## (.+)$`)
	index := string(read(t, runbooks+"/README.md"))
	for _, path := range glob(t, runbooks+"/Todo*.md") {
		name := strings.TrimSuffix(filepath.Base(path), ".md")
		text := string(read(t, path))
		var got []string
		for _, found := range heading.FindAllStringSubmatch(text, -1) {
			got = append(got, found[1])
		}
		if diff := cmp.Diff(want, got); diff != "" || !strings.HasPrefix(text, "# "+name+"\n") || len(promql(text)) == 0 {
			t.Errorf("%s begins %.40q, has %d queries and these sections (-wanted +there):\n%s", name, text, len(promql(text)), diff)
		}
		if !strings.Contains(index, "["+name+"]("+name+".md)") {
			t.Errorf("the index does not name %s", name)
		}
		for _, link := range regexp.MustCompile(`\]\(([^):]+)\)`).FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(runbooks, link[1])); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// promql returns the queries of a runbook, one a line.
func promql(text string) []string {
	var all []string
	for _, block := range regexp.MustCompile("(?s)```promql\n(.*?)```").FindAllStringSubmatch(text, -1) {
		all = append(all, strings.Split(strings.TrimSpace(block[1]), "\n")...)
	}
	return all
}

// TestWindowsAreAlike: the rules of one window differ from those of another by
// the window alone.
func TestWindowsAreAlike(t *testing.T) {
	t.Parallel()
	perWindow := regexp.MustCompile(`^(job:.*:?)rate(\d+[mhd])$`)
	shapes, windows := map[string]map[string]bool{}, map[string]int{}
	for _, r := range readRules(t) {
		found := perWindow.FindStringSubmatch(r.Record)
		if found == nil || !regexp.MustCompile(`^job:todo_(requests|errors|slow)`).MatchString(r.Record) {
			continue
		}
		shape := strings.NewReplacer("["+found[2]+"]", "[WINDOW]", "rate"+found[2], "rateWINDOW").Replace(r.Expr)
		if shapes[found[1]] == nil {
			shapes[found[1]] = map[string]bool{}
		}
		shapes[found[1]][shape] = true
		windows[found[2]]++
	}
	if diff := cmp.Diff(map[string]int{"5m": 3, "30m": 3, "1h": 3, "2h": 3, "6h": 3, "1d": 3, "3d": 3}, windows); diff != "" {
		t.Errorf("rules of each window (-want +got):\n%s", diff)
	}
	for name, of := range shapes {
		if len(of) != 1 {
			t.Errorf("%s is recorded in %d ways:\n%v", name, len(of), of)
		}
	}
}
