// Package dashboards_test holds what Grafana and Prometheus are given against
// the real programs.
package dashboards_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sluice-ci/sluice/dashboards"
)

// dashboard is what is read of a file in grafana/: the model as Grafana has
// it, apart from the program that writes it.
type dashboard struct {
	UID, Title    string
	SchemaVersion int
	Templating    struct {
		List []struct{ Name, Query string }
	}
	Panels []panel
}

type panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               struct{ Type, UID string }
	GridPos                  struct{ X, Y, W, H int }
	FieldConfig              struct{ Defaults struct{ Unit string } }
	Targets                  []struct{ RefID, Expr string }
}

// readDashboards reads grafana/, by file name.
func readDashboards(t *testing.T) map[string]dashboard {
	t.Helper()
	all := map[string]dashboard{}
	for _, path := range glob(t, "grafana/*.json") {
		var d dashboard
		if err := json.Unmarshal(read(t, path), &d); err != nil {
			t.Fatalf("reading %s: %v", path, err)
		}
		all[filepath.Base(path)] = d
	}
	return all
}

// glob is of files that there must be some of.
func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(paths), err)
	}
	return paths
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// tool finds a program that the test cannot do without. In CI its absence is a
// failure: what is not run is not right.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatalf("%v: install Debian's package prometheus", err)
	}
	if err != nil {
		t.Skipf("%v: install Debian's package prometheus to run this test", err)
	}
	return path
}

func TestFilesAreWhatIsDescribed(t *testing.T) {
	t.Parallel()
	files, err := dashboards.Files(rules(t))
	if err != nil {
		t.Fatal(err)
	}
	want, got := map[string]string{}, map[string]string{}
	for path, content := range files {
		want[path] = string(content)
	}
	for _, pattern := range []string{"grafana/*", "../terraform/modules/monitoring/dashboards/*", "../terraform/modules/monitoring/*.json"} {
		for _, path := range glob(t, pattern) {
			got[filepath.ToSlash(path)] = string(read(t, path))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("run go generate ./dashboards (-described +checked in):\n%s", diff)
	}
}

func rules(t *testing.T) dashboards.Rules {
	t.Helper()
	r, err := dashboards.ReadRules(os.DirFS("rules"))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPanels(t *testing.T) {
	t.Parallel()
	uids := map[string]string{}
	for name, d := range readDashboards(t) {
		if other, taken := uids[d.UID]; taken || d.UID == "" || d.Title == "" || d.SchemaVersion < 39 {
			t.Errorf("%s: uid %q (also %q), title %q, schema %d", name, d.UID, other, d.Title, d.SchemaVersion)
		}
		uids[d.UID] = name
		checkPanels(t, name, d.Panels)
	}
}

func checkPanels(t *testing.T, name string, panels []panel) {
	t.Helper()
	ids, cells, shown := map[int]bool{}, map[[2]int]string{}, 0
	for _, p := range panels {
		if ids[p.ID] || p.ID == 0 || p.Title == "" {
			t.Errorf("%s: panel %q has the id %d, of another or of none", name, p.Title, p.ID)
		}
		ids[p.ID] = true
		occupy(t, name, p, cells)
		if p.Type != "row" {
			shown++
			checkPanel(t, name, p)
		}
	}
	if shown == 0 {
		t.Errorf("%s shows nothing", name)
	}
}

func checkPanel(t *testing.T, name string, p panel) {
	t.Helper()
	if p.Description == "" || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 {
		t.Errorf("%s: panel %q has the description %q, the unit %q and %d queries", name, p.Title, p.Description, p.FieldConfig.Defaults.Unit, len(p.Targets))
	}
	if p.Datasource.Type != "prometheus" || p.Datasource.UID != "${datasource}" {
		t.Errorf("%s: panel %q reads %v", name, p.Title, p.Datasource)
	}
	refs := map[string]bool{}
	for _, q := range p.Targets {
		if q.Expr == "" || q.RefID == "" || refs[q.RefID] {
			t.Errorf("%s: panel %q: query %q is %q", name, p.Title, q.RefID, q.Expr)
		}
		refs[q.RefID] = true
	}
}

// occupy notes the cells of a page's grid that a panel covers.
func occupy(t *testing.T, name string, p panel, cells map[[2]int]string) {
	t.Helper()
	g := p.GridPos
	if g.X < 0 || g.W < 1 || g.X+g.W > 24 || g.Y < 0 || g.H < 1 || g.H > 30 {
		t.Fatalf("%s: panel %q is off the page: %+v", name, p.Title, g)
	}
	for x := g.X; x < g.X+g.W; x++ {
		for y := g.Y; y < g.Y+g.H; y++ {
			if other := cells[[2]int{x, y}]; other != "" {
				t.Fatalf("%s: panel %q lies on %q", name, p.Title, other)
			}
			cells[[2]int{x, y}] = fmt.Sprintf("panel %d %q", p.ID, p.Title)
		}
	}
}

func TestPanelsThatDoNotFit(t *testing.T) {
	t.Parallel()
	for _, width := range []int{-1, 0, 25} {
		d := dashboards.Dashboard{Rows: []dashboards.Row{{Panels: []dashboards.Panel{{Title: "p", Width: width}}}}}
		if _, err := d.JSON(); err == nil {
			t.Errorf("a panel of %d columns was laid out", width)
		}
	}
}

// TestProvisioning: what Grafana and Prometheus are told fits together.
func TestProvisioning(t *testing.T) {
	t.Parallel()
	var sources struct {
		Datasources []struct {
			UID, URL string
			JSONData struct {
				TimeInterval string `yaml:"timeInterval"`
			} `yaml:"jsonData"`
		}
	}
	readYAML(t, "provisioning/datasources/prometheus.yml", &sources)
	var config struct {
		Global struct {
			ScrapeInterval string `yaml:"scrape_interval"`
		}
	}
	readYAML(t, "prometheus.yml", &config)
	if len(sources.Datasources) != 1 {
		t.Fatalf("%d data sources, want one", len(sources.Datasources))
	}
	s := sources.Datasources[0]
	if s.UID != "prometheus" || s.URL != "http://prometheus:9090" || s.JSONData.TimeInterval != config.Global.ScrapeInterval {
		t.Errorf("data source %+v, scraped every %q", s, config.Global.ScrapeInterval)
	}
	var providers struct {
		Providers []struct{ Options struct{ Path string } }
	}
	readYAML(t, "provisioning/dashboards/todo.yml", &providers)
	if len(providers.Providers) != 1 || providers.Providers[0].Options.Path != "/var/lib/grafana/dashboards" {
		t.Errorf("dashboards are read from %+v", providers.Providers)
	}
}
