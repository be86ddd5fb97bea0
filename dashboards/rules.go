package dashboards

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// rule is a recording rule or an alert of Prometheus.
type rule struct {
	Record, Alert, Expr, For string
	Labels, Annotations      map[string]string
}

type group struct {
	Name  string
	Rules []rule
}

// Rules are those of Prometheus, for a place that records nothing: there each
// query has to ask for everything itself.
type Rules struct {
	recorded map[string]string // expressions by the name of what they record
	alerts   []alert
}

type alert struct {
	rule
	group string
}

// ReadRules reads the rules of a folder's *.yml files.
func ReadRules(dir fs.FS) (Rules, error) {
	paths, err := fs.Glob(dir, "*.yml")
	if err != nil {
		return Rules{}, fmt.Errorf("looking for rules: %w", err)
	}
	if len(paths) == 0 {
		return Rules{}, errors.New("there are no rules")
	}
	r := Rules{recorded: map[string]string{}}
	for _, path := range paths {
		text, err := fs.ReadFile(dir, path)
		if err != nil {
			return Rules{}, fmt.Errorf("reading rules: %w", err)
		}
		var file struct{ Groups []group }
		if err := yaml.Unmarshal(text, &file); err != nil {
			return Rules{}, fmt.Errorf("reading rules of %s: %w", path, err)
		}
		for _, g := range file.Groups {
			r.add(g)
		}
	}
	return r, nil
}

// add takes a group's rules in. A name that several rules record, told apart by
// labels, stands for no single expression, and is left out.
func (r *Rules) add(g group) {
	for _, x := range g.Rules {
		switch {
		case x.Alert != "":
			r.alerts = append(r.alerts, alert{x, g.Name})
		case len(x.Labels) == 0:
			r.recorded[x.Record] = x.Expr
		}
	}
}

// name is what is recorded, perhaps of one job, perhaps over a time.
var name = regexp.MustCompile(`\b(?:job|job_instance):[a-z0-9_]+:[a-z0-9_]+\b(?:\{job="todo"\})?(\[[0-9a-z]+\])?`)

// maxDepth is how deep recordings of recordings go.
const maxDepth = 4

// Expand puts the expressions of what is recorded in the place of the names.
func (r Rules) Expand(expr string) (string, error) {
	for range maxDepth {
		if !name.MatchString(expr) {
			return strings.Join(strings.Fields(expr), " "), nil
		}
		expr = name.ReplaceAllStringFunc(expr, r.replace)
	}
	return "", fmt.Errorf("expanding the rules: %q is not recorded, or by more than one rule, or by way of itself", name.FindString(expr))
}

func (r Rules) replace(found string) string {
	record := strings.FieldsFunc(found, func(c rune) bool { return c == '{' || c == '[' })[0]
	expr, ok := r.recorded[record]
	if !ok {
		return found
	}
	over := name.FindStringSubmatch(found)[1]
	return "(" + expr + ")" + strings.Replace(over, "]", ":1m]", 1) // a subquery, as nothing is recorded
}
