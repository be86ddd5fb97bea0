package trivy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sluice-ci/sluice/internal/pipeline"
)

// chart is a Helm chart: what Trivy is given of it to render.
type chart struct {
	dir   string // relative to the tree's top, with slashes; "." is the top
	files []file // by their names in it
}

// chartFile is what makes a folder a chart.
const chartFile = "Chart.yaml"

// findCharts notes the charts that some files make.
func (t *tree) findCharts(names []string) {
	t.charts = nil
	for _, name := range names {
		if path.Base(name) == chartFile {
			t.charts = append(t.charts, chart{dir: path.Dir(name)})
		}
	}
}

// part is the name that a file has in a chart; "" where it is none that Helm
// renders or that a template may read. A schema or a list of files to leave out
// is none: both can only keep something from being rendered.
func (c chart) part(name string) string {
	if c.dir != "." {
		rest, ok := strings.CutPrefix(name, c.dir+"/")
		if !ok {
			return ""
		}
		name = rest
	}
	base := path.Base(name)
	switch {
	case (base == ".helmignore" || base == "values.schema.json") && !strings.Contains("/"+name, "/templates/"):
		return ""
	case strings.HasPrefix(name, "templates/."): // Helm leaves it out
		return ""
	case strings.Contains(name, "/") && !inFolder(name):
		return ""
	}
	return name
}

// inFolder tells whether a part of a chart is one of the folders that Helm reads,
// or in one.
func inFolder(part string) bool {
	first, _, _ := strings.Cut(part, "/")
	return first == "templates" || first == "charts" || first == "files"
}

// isTemplate tells whether a file is a template of the chart.
func (c chart) isTemplate(name string) bool {
	return strings.HasPrefix(name, path.Join(c.dir, "templates")+"/")
}

// What has Helm read a file of the chart, and what defines a template for others.
var (
	readsFiles = regexp.MustCompile("\\.Files\\b|[\"'`]Files[\"'`]")
	defines    = regexp.MustCompile(`\{\{-?\s*(?:define|block)\b`)
)

// otherwise is why Helm may make something else of a part of a chart than Trivy,
// which renders templates of some names only, and has nothing else to read; "" is
// for no reason.
func otherwise(part string, text []byte) string {
	template := strings.HasPrefix(part, "templates/")
	switch base := path.Base(part); {
	case (template || part == chartFile || part == "values.yaml") && readsFiles.Match(text):
		return "it has a template read files of the chart, and what follows from them was not looked at: write it without .Files"
	case !template || len(bytes.TrimSpace(text)) == 0 || isRendered(base, text):
		return ""
	case base != "NOTES.txt" && !strings.HasPrefix(base, "_") || defines.Match(text):
		return "Helm renders it, and it was not looked at: give it a name that ends with .yaml, or with .tpl where it deploys nothing"
	}
	return ""
}

// isRendered tells whether Trivy renders a template. JSON it does not, but
// without anything to render in it that is looked at as it stands.
func isRendered(base string, text []byte) bool {
	switch ext := strings.ToLower(path.Ext(base)); {
	case ext == ".yaml", ext == ".yml", ext == ".tpl", base == ".helmignore":
		return true
	case ext == ".json":
		return json.Valid(text) && !bytes.Contains(text, []byte("{{"))
	}
	return false
}

// library is a chart of which templates of others take parts. It deploys nothing,
// and is not rendered by itself, unless it is called an application.
var library = regexp.MustCompile(`(?m)^type:[ \t]*["']?library["']?[ \t]*\r?$`)

// takeForCharts gives a file to the charts that it is part of.
func (t *tree) takeForCharts(name string) error {
	for i := range t.charts {
		part := t.charts[i].part(name)
		if part == "" {
			continue
		}
		text, err := t.read(name)
		if errors.Is(err, errNoFile) && inFolder(part) {
			t.partly[name] = "it is a symbolic link to no file of the repository: Helm follows it, and the chart was looked at without it; put there what it leads to"
			continue
		}
		if err != nil && !strings.Contains(part, "/") && part != chartFile && part != "values.yaml" {
			continue // beside the templates anything may lie
		}
		if err != nil {
			t.fault(name, 0, err)
			continue
		}
		if reason := otherwise(part, text); reason != "" {
			t.partly[name] = reason
		}
		if t.size += len(text); t.size > maxText {
			return errText
		}
		if !strings.HasSuffix(name, ".tgz") {
			text = withoutIgnores(text)
		}
		if part == chartFile {
			text = library.ReplaceAll(text, []byte("type: application"))
		}
		t.charts[i].files = append(t.charts[i].files, file{name: part, text: text})
	}
	return nil
}

// plain tells whether a template is a YAML file as it stands, in whose values
// there is nothing to render: what is only in comments can be used to have it
// rendered to nothing, and applied nevertheless.
func plain(text []byte) bool {
	for dec := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var doc yaml.Node
		switch err := dec.Decode(&doc); {
		case errors.Is(err, io.EOF):
			return true
		case err != nil || templated(&doc):
			return false
		}
	}
}

// templated tells whether there is something to render in a node: braces in a
// text, or, where they have no quotation marks, an object that is a key.
func templated(n *yaml.Node) bool {
	if strings.Contains(n.Value, "{{") {
		return true
	}
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && child.Kind == yaml.MappingNode || templated(child) {
			return true
		}
	}
	return false
}

// chartsFolder is where a mirror has the charts, each in a folder that is its
// number. One that is in another one is there by itself, too: it may be switched
// off in that.
const chartsFolder = "helm"

// addCharts writes charts into the mirror, and plants a privileged container in
// each: where that is found, the chart was rendered.
func (m *mirror) addCharts(charts []chart) error {
	for i, c := range charts {
		dir := filepath.Join(m.dir, chartsFolder, strconv.Itoa(i))
		for _, f := range c.files {
			if err := write(filepath.Join(dir, filepath.FromSlash(f.name)), f.text); err != nil {
				return err
			}
		}
		text := strings.Replace(plants()["pod.yaml"], "name: planted", "name: {{ .Release.Name }}", 1)
		if err := write(filepath.Join(dir, filepath.FromSlash(c.planted())), []byte(text)); err != nil {
			return err
		}
	}
	return nil
}

// planted is the name of the template that is planted, which no other one has.
func (c chart) planted() string {
	name := "templates/planted.yaml"
	for slices.ContainsFunc(c.files, func(f file) bool { return strings.EqualFold(f.name, name) }) {
		name = strings.TrimSuffix(name, ".yaml") + "-.yaml"
	}
	return name
}

// takeChart takes what Trivy says of a template. The lines are those of what was
// rendered, and say nothing.
func (m *misconfigurations) takeChart(t *tree, charts []chart, r result) {
	number, name, _ := strings.Cut(strings.TrimPrefix(r.Target, chartsFolder+"/"), "/")
	i, err := strconv.Atoi(number)
	if err != nil || i < 0 || i >= len(charts) {
		return
	}
	planted := name == charts[i].planted()
	if name = path.Join(charts[i].dir, name); r.Type != "helm" && slices.Contains(t.named(kubernetesKind), name) {
		return // it is plain, and looked at as it stands
	}
	for _, c := range r.Misconfigurations {
		switch {
		case c.Status != "FAIL" || r.Type != "helm" && r.Type != "kubernetes":
		case planted:
			m.rendered[i] = m.rendered[i] || c.rule() == expected()["pod.yaml"]
		default:
			c.target, c.Cause.StartLine, c.Cause.EndLine = treeFolder+"/"+name, 0, 0
			m.failed = append(m.failed, c)
		}
	}
}

// noChart is what Trivy says of a chart that it passes over.
var noChart = regexp.MustCompile(`Skipping chart\s+file_path="?` + chartsFolder + `/(\d+)[^" ]*"? err="(.*)"$`)

// charts tells what became of each chart.
func (e *examination) charts(m *misconfigurations) {
	if len(e.tree.charts) == 0 {
		return
	}
	reasons := map[int]string{}
	for _, f := range m.failures {
		if match := noChart.FindStringSubmatch(f); match != nil {
			i, _ := strconv.Atoi(match[1]) // digits; too many are no chart's
			reasons[i] = match[2]
		}
	}
	for i, c := range e.tree.charts {
		if !m.rendered[i] {
			reason := reasons[i]
			if reason == "" {
				reason = "Trivy does not say why"
			}
			e.unseenFinding(chartRule, path.Join(c.dir, chartFile), "it cannot be rendered with its default values, and was not looked at: "+clean(reason, maxReason))
		}
	}
	e.plant(chartRule, otherwise("templates/planted", []byte("kind: Pod\n")) != "")
	for _, name := range slices.Sorted(maps.Keys(e.tree.partly)) {
		e.unseenFinding(chartRule, name, e.tree.partly[name])
	}
	if !slices.ContainsFunc(e.report.Tools, func(t pipeline.Tool) bool { return t.Name == ownTool }) {
		e.report.Tools = append(e.report.Tools, pipeline.Tool{Name: ownTool, Version: e.params.Version})
	}
	n := len(e.tree.charts) // each was rendered, or there is a finding that says that it was not
	e.report.Examined = append(e.report.Examined, pipeline.Count{What: "Helm charts", N: n, Of: n})
}

var errText = fmt.Errorf("the infrastructure files have more than %d MiB", maxText>>20)
