// Package dashboards describes the to-do service's dashboards. What is in
// grafana/ and what Cloud Monitoring is given is written from here, by
//
//	go generate ./dashboards
package dashboards

//go:generate go run ./generate

import "fmt"

// monitoring is Terraform's module, from this folder.
const monitoring = "../terraform/modules/monitoring/"

// Dashboard is one page of Grafana's.
type Dashboard struct {
	Name        string // of its file, without ".json"
	UID         string // in its address
	Title       string
	Description string
	Rows        []Row
}

// Row is a heading and the panels below it, from left to right.
type Row struct {
	Title  string
	Panels []Panel
}

// Panel is one graph or figure. Description says what is to be seen in it, and
// what is normal.
type Panel struct {
	Title       string
	Description string
	Kind        Kind
	Width       int    // of the 24 columns of a page
	Unit        string // one of Grafana's: "s", "reqps", "percentunit"
	Decimals    int    // 0 leaves it to Grafana
	Full        bool   // a share, whose axis ends at 100 %
	Lines       []Line
	Words       map[string]Word // what values mean, by value
	Queries     []Query
}

// Kind is how a panel shows its queries.
type Kind string

// The kinds of panels.
const (
	Graph  Kind = "timeseries"
	Figure Kind = "stat"
	States Kind = "state-timeline"
)

// Line is a value from which on a panel has a colour. A graph shows it as a line.
type Line struct {
	From  float64
	Color string
}

// Word stands for a value.
type Word struct {
	Text  string `json:"text"`
	Color string `json:"color"`
}

// Query is PromQL and how its series are called in the legend.
type Query struct {
	Expr, Legend string
}

// All are the dashboards that there are.
func All() []Dashboard { return []Dashboard{service(), database()} }

// Files are all that is written, by path from this folder.
func Files(r Rules) (map[string][]byte, error) {
	all := map[string][]byte{}
	policies, err := r.Policies()
	if err != nil {
		return nil, err
	}
	all[monitoring+"alerts.json"] = policies
	for _, d := range All() {
		grafana, err := d.JSON()
		if err != nil {
			return nil, err
		}
		google, err := d.CloudMonitoring(r)
		if err != nil {
			return nil, fmt.Errorf("dashboard %s: %w", d.UID, err)
		}
		all["grafana/"+d.Name+".json"], all[monitoring+"dashboards/"+d.Name+".json"] = grafana, google
	}
	return all, nil
}
