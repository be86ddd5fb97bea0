package dashboards

import "fmt"

// object is a JSON object of Grafana's dashboard model, schema version 39,
// which Grafana 11 writes and later versions read. What is left out has
// Grafana's default.
type object = map[string]any

const (
	columns       = 24
	graphHeight   = 8
	shortHeight   = 4
	headingHeight = 1
)

// JSON is the dashboard as Grafana reads it.
func (d Dashboard) JSON() ([]byte, error) {
	panels, err := d.panels()
	if err != nil {
		return nil, fmt.Errorf("laying out dashboard %s: %w", d.UID, err)
	}
	return encode(object{
		"uid": d.UID, "title": d.Title, "description": d.Description, "tags": []string{"todo"},
		"schemaVersion": 39, "version": 1, "editable": true, "graphTooltip": 1,
		"refresh": "30s", "time": object{"from": "now-6h", "to": "now"}, "timezone": "browser",
		"links":       []object{{"type": "dashboards", "title": "To-do service", "tags": []string{"todo"}, "includeVars": true, "keepTime": true}},
		"templating":  object{"list": []object{sourceVariable(), instanceVariable()}},
		"annotations": object{"list": []object{alertMarks()}},
		"panels":      panels,
	})
}

// source is the data source chosen at the top of the page.
func source() object { return object{"type": "prometheus", "uid": "${datasource}"} }

func sourceVariable() object {
	return object{
		"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus",
		"current": object{"text": "Prometheus", "value": "prometheus"},
	}
}

func instanceVariable() object {
	return object{
		"name": "instance", "label": "Instance", "type": "query", "datasource": source(), "query": `label_values(up{job="todo"}, instance)`,
		"refresh": 2, "sort": 1, "multi": true, "includeAll": true, "allValue": ".+", // 2: whenever the time shown changes
		"current": object{"text": []string{"All"}, "value": []string{"$__all"}},
	}
}

func alertMarks() object {
	return object{
		"name": "Alerts", "enable": true, "iconColor": "red", "datasource": source(),
		"expr": `ALERTS{alertname=~"Todo.+", alertstate="firing"}`, "titleFormat": "{{alertname}}", "step": "60s",
	}
}

// place is where a panel, or the heading of a row, lies on a page.
type place struct {
	row        string
	panel      *Panel // nil for a heading
	x, y, w, h int
}

func (p place) title() string {
	if p.panel == nil {
		return p.row
	}
	return p.panel.Title
}

// placed lays the rows out below one another.
func (d Dashboard) placed() ([]place, error) {
	var all []place
	y := 0
	for _, row := range d.Rows {
		all = append(all, place{row.Title, nil, 0, y, columns, headingHeight})
		y += headingHeight
		x, height := 0, 0
		for _, p := range row.Panels {
			if p.Width < 1 || p.Width > columns {
				return nil, fmt.Errorf("panel %q is %d columns wide: want 1 to %d", p.Title, p.Width, columns)
			}
			if x+p.Width > columns {
				x, y, height = 0, y+height, 0
			}
			all = append(all, place{row.Title, &p, x, y, p.Width, p.height()})
			x, height = x+p.Width, max(height, p.height())
		}
		y += height
	}
	return all, nil
}

func (d Dashboard) panels() ([]object, error) {
	placed, err := d.placed()
	var all []object
	for _, p := range placed {
		id, position := len(all)+1, at(p.x, p.y, p.w, p.h)
		if p.panel != nil {
			all = append(all, p.panel.object(id, position))
			continue
		}
		all = append(all, object{"id": id, "type": "row", "title": p.row, "collapsed": false, "panels": []object{}, "gridPos": position})
	}
	return all, err
}

func at(x, y, w, h int) object { return object{"x": x, "y": y, "w": w, "h": h} }

func (p Panel) height() int {
	if p.Kind == Figure {
		return shortHeight
	}
	return graphHeight
}

func (p Panel) object(id int, position object) object {
	kind := p.Kind
	if kind == "" {
		kind = Graph
	}
	return object{
		"id": id, "type": kind, "title": p.Title, "description": p.Description, "gridPos": position, "datasource": source(),
		"targets": p.targets(kind), "fieldConfig": object{"defaults": p.field(kind), "overrides": []object{}}, "options": options(kind),
	}
}

func (p Panel) targets(kind Kind) []object {
	var all []object
	for i, q := range p.Queries {
		target := object{"refId": string(rune('A' + i)), "expr": q.Expr}
		if q.Legend != "" {
			target["legendFormat"] = q.Legend
		}
		if kind == Figure {
			target["instant"] = true
		}
		all = append(all, target)
	}
	return all
}

// field is how values are shown.
func (p Panel) field(kind Kind) object {
	f := object{"unit": p.Unit}
	if kind == Graph {
		f["custom"] = p.style()
	}
	if p.Full {
		f["max"] = 1
	}
	if p.Decimals > 0 {
		f["decimals"] = p.Decimals
	}
	if len(p.Lines) > 0 {
		f["thresholds"] = object{"mode": "absolute", "steps": steps(p.Lines)}
	}
	if len(p.Words) > 0 {
		f["mappings"] = []object{{"type": "value", "options": p.Words}}
	}
	if kind != Graph && len(p.Lines) > 0 {
		f["color"] = object{"mode": "thresholds"}
	}
	return f
}

// style is of a graph. Its axis begins at 0, but for what goes below, so that
// a small change looks like one.
func (p Panel) style() object {
	style := object{"axisSoftMin": 0, "fillOpacity": 5, "showPoints": "never"}
	if len(p.Lines) > 0 {
		style["thresholdsStyle"] = object{"mode": "dashed"}
	}
	return style
}

// steps begins at no value at all, as Grafana wants it.
func steps(lines []Line) []object {
	var all []object
	for i, l := range lines {
		step := object{"color": l.Color, "value": l.From}
		if i == 0 {
			step["value"] = nil
		}
		all = append(all, step)
	}
	return all
}

func options(kind Kind) object {
	switch kind {
	case Figure:
		return object{"colorMode": "value", "graphMode": "none", "reduceOptions": object{"calcs": []string{"lastNotNull"}}}
	case States:
		return object{"showValue": "never", "mergeValues": true}
	}
	return object{
		"legend":  object{"displayMode": "list", "placement": "bottom"},
		"tooltip": object{"mode": "multi", "sort": "desc"},
	}
}
