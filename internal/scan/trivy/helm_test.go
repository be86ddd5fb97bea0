package trivy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/pipeline"
)

// TestHelm has a privileged container in each way in which a chart could hide it.
func TestHelm(t *testing.T) {
	t.Parallel()
	pod := plants()["pod.yaml"]
	templated := strings.Replace(strings.Replace(pod, "name: planted", "name: {{ .Release.Name }}", 1), "true", "{{ .Values.privileged }}", 1)
	const about, values = "apiVersion: v2\nname: c\nversion: 1.0.0\n", "privileged: true\nsub:\n  enabled: false\n"
	files := map[string]string{
		"manifest/Chart.yaml": "{}\n", "manifest/templates/pod.yaml": pod, "manifest/.helmignore": "*\n",
		"comment/Chart.yaml": about, "comment/templates/pod.yaml": "# {{ if false }}\n" + pod + "# {{ end }}\n",
		"library/Chart.yaml": about + "type: library\n", "library/values.yaml": values, "library/templates/pod.yaml": templated,
		"ignored/Chart.yaml": about, "ignored/values.yaml": values, "ignored/.helmignore": "templates\n", "ignored/values.schema.json": `{"not": {}}`,
		"ignored/templates/planted.yaml": "#trivy" + ":ignore:*\n" + templated,
		"parent/Chart.yaml":              about + "dependencies:\n- name: sub\n  version: 1.0.0\n  condition: sub.enabled\n", "parent/values.yaml": values,
		"parent/charts/sub/Chart.yaml": strings.Replace(about, "name: c", "name: sub", 1), "parent/charts/sub/values.yaml": values, "parent/charts/sub/templates/pod.yaml": templated,
		"fails/Chart.yaml": about, "fails/templates/pod.yaml": pod + `# {{ fail "no" }}`,
		"lacks/Chart.yaml": about + "dependencies:\n- name: redis\n  version: 1.0.0\n  repository: https://example.com\n",
		"none/Chart.yaml":  "[\n",
		"text/Chart.yaml":  about, "text/templates/deploy.txt": pod, "text/templates/deploy": pod, "text/templates/pod.json": `{"kind": {{ "Pod" }}}`, "text/templates/deep/.helmignore": pod,
		"text/templates/NOTES.txt": `{{ define "x" }}true{{ end }}`, "text/templates/_x.txt": `{{- block "y" . }}{{ end }}`,
		"reads/Chart.yaml": about + "description: '{{ .Files }}'\n", "reads/values.yaml": "a: '{{ .Files.Get \"b\" }}'\n",
		"reads/templates/a.yaml": `{{ tpl (.Files.Get "other/pod.txt") . }}`, "reads/templates/_b.tpl": `{{ define "b" }}{{ (index . "Files").Get ".helmignore" }}{{ end }}`,
		"links/Chart.yaml": about, "links/charts/sub/Chart.yaml": strings.Replace(about, "name: c", "name: sub", 1), "linked/pod.txt": pod, "linked.tpl": "",
		"usual/Chart.yaml": about, "usual/values.yaml": "privileged: false # Files\n", "usual/.helmignore": "*.swp\n", "usual/README.md": "{{ .Files }}\n", "usual/templates/pod.yaml": strings.Replace(templated, ".Values.privileged", `include "p" .`, 1),
		"usual/templates/NOTES.txt": "{{ .Release.Name }}: Define a block\n", "usual/templates/_helpers.tpl": `{{ define "p" }}{{ .Values.privileged }}{{ end }}`, "usual/templates/tests/test.yml": "# {{ .Values.privileged }}\n",
		"usual/templates/.gitkeep": "x", "usual/templates/tests/.gitkeep": "\n", "usual/templates/config.json": `{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}}`, "usual/files/a.txt": "{{ .Files }}\n",
		"dot/Chart.yaml": about, "dot/values.yaml": values, "dot/templates/.a.tpl": `{{ define "p" }}false{{ end }}`, "dot/templates/_b.tpl": `{{ define "p" }}true{{ end }}`,
		"dot/templates/pod.yaml": strings.Replace(templated, ".Values.privileged", `include "p" .`, 1),
	}
	p := withTrivy(t)
	p.Terraform.Path = needed(t, terraformName)
	dir := folder(t, files)
	p.Top = dir
	for name, to := range map[string]string{
		"links/templates": "../linked", "links/files": "../../..", "links/charts/other": "/linked", "links/charts/sub/templates": "../../../linked", "usual/templates/_linked.tpl": "../../linked.tpl", "reads/crds": "..",
	} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	r, err := work(t, IaC{probe: asIs}.Worker(), dir, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range r.Findings {
		if f.Rule == "KSV-0017" || f.Rule == chartRule {
			got[f.Rule+" "+f.Location.Path] = f.Message
		}
	}
	for name, part := range map[string]string{
		"KSV-0017 manifest/templates/pod.yaml": "", "KSV-0017 comment/templates/pod.yaml": "", "KSV-0017 library/templates/pod.yaml": "",
		"KSV-0017 ignored/templates/planted.yaml": "", "KSV-0017 parent/charts/sub/templates/pod.yaml": "", "KSV-0017 fails/templates/pod.yaml": "",
		chartRule + " manifest/Chart.yaml": "", chartRule + " fails/Chart.yaml": "no", chartRule + " lacks/Chart.yaml": "missing in charts/ directory: redis", chartRule + " none/Chart.yaml": "",
		chartRule + " text/templates/deploy.txt": "a name that ends", chartRule + " text/templates/deploy": "a name that ends", chartRule + " text/templates/pod.json": "a name that ends", "KSV-0017 text/templates/deep/.helmignore": "",
		chartRule + " text/templates/NOTES.txt": "a name that ends", chartRule + " text/templates/_x.txt": "a name that ends",
		chartRule + " reads/Chart.yaml": ".Files", chartRule + " reads/values.yaml": ".Files", chartRule + " reads/templates/a.yaml": ".Files", chartRule + " reads/templates/_b.tpl": ".Files",
		chartRule + " links/templates": "link", chartRule + " links/files": "link", chartRule + " links/charts/other": "link", chartRule + " links/charts/sub/templates": "link",
		"KSV-0017 dot/templates/pod.yaml": "",
	} {
		if message, ok := got[name]; !ok || !strings.Contains(message, part) {
			t.Errorf("%s: %q", name, message)
		}
		delete(got, name)
	}
	if diff := gocmp.Diff(map[string]string{}, got); diff != "" || r.NotRun != "" {
		t.Errorf("not run %q (-want +got):\n%s", r.NotRun, diff)
	}
	r.Findings = nil // as if each had an exception
	if d := pipeline.Decide(r, pipeline.Verdict{}, true); d.Outcome != pipeline.Passed {
		t.Errorf("%s: %s", d.Outcome, d.Reason)
	}
}

func TestPlain(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"a: b # {{ if }}\n": true, "a: {{ .b }}\n": false, "a: '{{ .b }}'\n": false, "'{{ .b }}': a\n": false, "{{ if .a }}\na: b\n{{ end }}\n": false,
		"a: b\n---\na: {{ .b }}\n": false, "a: {b: c}\n": true,
	} {
		if got := plain([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
