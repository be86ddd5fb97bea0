package dashboards

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// policy is an alert policy of Cloud Monitoring, as terraform/modules/monitoring
// reads it. A policy that asks in PromQL has one condition, so windows of the
// same alert are policies of their own.
type policy struct {
	Name     string `json:"name"`
	Title    string `json:"title"` // the name with the windows: no other policy of the severity has it
	Severity string `json:"severity"`
	Summary  string `json:"summary"`
	Runbook  string `json:"runbook"`
	Group    string `json:"group"`
	Query    string `json:"query"`
	Duration string `json:"duration"` // that the query holds before the alert fires, such as "120s"
	Every    string `json:"every"`    // how often it is asked
}

// elsewhere are the alerts that are about Prometheus's own way of finding
// instances. Where a collector beside each instance sends its metrics, an
// instance that ended and one that never was look the same, so that a check
// from outside stands in for them.
var elsewhere = map[string]bool{"TodoDown": true, "TodoInstanceDown": true}

// Policies are the alerts for Cloud Monitoring, as JSON.
func (r Rules) Policies() ([]byte, error) {
	var all []policy
	for _, a := range r.alerts {
		if elsewhere[a.Alert] {
			continue
		}
		p, err := r.policy(a)
		if err != nil {
			return nil, fmt.Errorf("alert %s: %w", a.Alert, err)
		}
		all = append(all, p)
	}
	return encode(all)
}

func (r Rules) policy(a alert) (policy, error) {
	query, err := r.Expand(a.Expr)
	if err != nil {
		return policy{}, err
	}
	duration, err := time.ParseDuration(a.For)
	if err != nil {
		return policy{}, fmt.Errorf("how long it lasts: %w", err)
	}
	p := policy{Name: a.Alert, Title: a.Alert, Severity: strings.ToUpper(a.Labels["severity"]), Summary: a.Annotations["summary"],
		Runbook: a.Annotations["runbook_url"], Group: a.group, Query: query, Duration: seconds(duration), Every: seconds(time.Minute)}
	if long := a.Labels["long"]; long != "" {
		p.Title = a.Alert + " in " + long + " and in " + a.Labels["short"]
		if strings.HasSuffix(long, "d") {
			p.Every = seconds(5 * time.Minute) // a window of days moves slowly, and costs more to read
		}
	}
	return p, nil
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.0fs", d.Seconds()) }

func encode(v any) ([]byte, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return []byte(b.String()), err
}
