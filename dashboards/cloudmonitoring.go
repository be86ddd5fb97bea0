package dashboards

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
)

const (
	finer       = 2  // how much finer Cloud Monitoring's grid of 48 columns is than Grafana's
	notesHeight = 20 // of the text that says what is to be seen
)

// CloudMonitoring is the dashboard as Google's Cloud Monitoring reads it, with
// the same panels and queries.
//
// https://cloud.google.com/monitoring/api/ref_v3/rest/v1/projects.dashboards
func (d Dashboard) CloudMonitoring(r Rules) ([]byte, error) {
	placed, err := d.placed()
	if err != nil {
		return nil, fmt.Errorf("laying out dashboard %s: %w", d.UID, err)
	}
	var tiles []object
	said, bottom := d.Description+"\n", 0
	for _, p := range placed {
		widget, err := p.widget(r)
		if err != nil {
			return nil, fmt.Errorf("panel %q: %w", p.title(), err)
		}
		tiles = append(tiles, tile(p.x, p.y, p.w, p.h, widget))
		bottom = max(bottom, p.y+p.h)
		if p.panel != nil {
			said += "\n- **" + p.panel.Title + "**: " + lastDay(p.panel.Description)
		}
	}
	text := object{"title": "What is to be seen", "text": object{"content": said, "format": "MARKDOWN"}}
	tiles = append(tiles, tile(0, bottom, columns, notesHeight, text))
	return encode(object{"displayName": d.Title, "mosaicLayout": object{"columns": columns * finer, "tiles": tiles}})
}

func tile(x, y, w, h int, widget object) object {
	return sparse(object{"xPos": x * finer, "yPos": y * finer, "width": w * finer, "height": h * finer, "widget": widget})
}

// sparse leaves out what is 0 or empty, as the API does when it is asked:
// Terraform would see a change each time.
func sparse(o object) object {
	maps.DeleteFunc(o, func(_ string, value any) bool {
		list, isList := value.([]object)
		return value == 0 || value == 0.0 || isList && len(list) == 0
	})
	return o
}

// widget is one panel, or the heading of a row.
func (p place) widget(r Rules) (object, error) {
	if p.panel == nil {
		return object{"title": p.row, "sectionHeader": object{"dividerBelow": true}}, nil
	}
	if strings.Contains(p.panel.Queries[0].Expr, "ALERTS{") { // a metric of Prometheus itself
		return object{"title": p.panel.Title, "incidentList": object{}}, nil
	}
	sets, err := p.panel.dataSets(r)
	if err != nil {
		return nil, err
	}
	if p.panel.Kind == Figure {
		card := sparse(object{"timeSeriesQuery": sets[0]["timeSeriesQuery"], "thresholds": p.panel.limits()})
		return object{"title": lastDay(p.panel.Title), "scorecard": card}, nil
	}
	chart := sparse(object{"dataSets": sets, "thresholds": p.panel.marks(), "yAxis": object{"scale": "LINEAR"}})
	return object{"title": p.panel.Title, "xyChart": chart}, nil
}

func (p Panel) dataSets(r Rules) ([]object, error) {
	var all []object
	for _, q := range p.Queries {
		expr, err := r.Expand(cloudQuery(q.Expr))
		if err != nil {
			return nil, err
		}
		query := object{"prometheusQuery": expr}
		if unit := units[p.Unit]; unit != "" {
			query["unitOverride"] = unit
		}
		set := object{"plotType": "LINE", "timeSeriesQuery": query}
		if legend := strings.TrimSpace(label.ReplaceAllString(q.Legend, "")); legend != "" {
			set["legendTemplate"] = legend
		}
		all = append(all, set)
	}
	return all, nil
}

// label is a label in Grafana's legends. Cloud Monitoring shows labels by itself.
var label = regexp.MustCompile(`\{\{\w+\}\}`)

// units are those of UCUM, by Grafana's names.
var units = map[string]string{"s": "s", "reqps": "1/s", "cpm": "1/min", "percentunit": "10^2.%", "bytes": "By"}

// cloudQuery replaces what only Grafana knows: a choice of instances, and
// lengths of time that it works out. A figure is of a day, not of the time
// shown, which a query cannot ask for.
func cloudQuery(expr string) string {
	return strings.NewReplacer(`, instance=~"$instance"`, "", "$__rate_interval", "${__interval}", "$__range", "1d").Replace(expr)
}

func lastDay(text string) string {
	return strings.ReplaceAll(text, "in the time shown", "in the last day")
}

// marks are lines across a graph.
func (p Panel) marks() []object {
	var all []object
	for _, l := range p.Lines[min(1, len(p.Lines)):] {
		all = append(all, sparse(object{"value": l.From}))
	}
	return all
}

// limits colour a figure: it is bad below where it gets good, or above where
// it gets bad.
func (p Panel) limits() []object {
	var all []object
	for _, l := range p.Lines[min(1, len(p.Lines)):] {
		limit := object{"value": l.From, "color": "RED", "direction": "ABOVE"}
		switch l.Color {
		case "green":
			limit["direction"] = "BELOW"
		case "orange":
			limit["color"] = "YELLOW"
		}
		all = append(all, sparse(limit))
	}
	return all
}
