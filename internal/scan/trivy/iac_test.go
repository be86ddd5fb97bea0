package trivy

import (
	"cmp"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/tool"
)

// folder is a new folder with files.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := write(filepath.Join(dir, filepath.FromSlash(name)), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const (
	goodPod  = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n"
	composed = "services:\n  web:\n    image: web:1\n    security_opt: [no-new-privileges:true]\n"
)

func TestLook(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"a b/main.tf": "", "x.tf.json": "{}", "Dockerfile": "", "Dockerfile.prod": "", "web.dockerfile": "", "Containerfile": "", "Dockerfile.dockerignore": "",
		"pod.yaml": "# comment\n---\n" + goodPod, "two.yml": "a: 1\n---\n" + goodPod, "list.yaml": "apiVersion: v1\nkind: List\nitems: []\n",
		"pod.json": `{"apiVersion":"v1","kind":"Pod","metadata":{}}`, "escaped.yaml": "\"\\x61piVersion\": v1\nkind: Pod\nmetadata: {}\n",
		"kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n", "values.yaml": "services: 3\n", "openapi.yaml": "services:\n  a: {b: c}\n",
		"other case.json": `{"apiVersion":"v1","kind":"Pod","metadata":{},"Kind":"","APIVERSION":1,"Items":[]}`, "otherwise.json": `{"ApiVersion":"v1","kind":"Pod","metadata":{}}`,
		"twice.yaml": goodPod + "kind: Pod\n", "folded.yaml": "? \"api\\\n  Version\"\n: v1\nkind: Pod\nmetadata: {}\n",
		"compose.yaml": composed, "deep/stack.yml": "services:\n  web:\n    build: .\n",
		"chart/Chart.yaml": "apiVersion: v2\nkind: x\nmetadata: {}\n", "chart/templates/pod.yaml": goodPod + "{{ if }}\n",
		".terraform/modules/m/main.tf": "", ".git/config": "", "main.go": "",
		"broken.yaml": goodPod + "  labels: [\n", "other.yaml": "a: [\n", "broken.json": "{\n\"apiVersion\": \"v1\",\n\"kind\": \"Pod\",\n\"metadata\": {\n",
	})
	if err := os.Symlink("Dockerfile.prod", filepath.Join(dir, "link.Dockerfile")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/hostname", filepath.Join(dir, "outside.tf")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(".", filepath.Join(dir, "loop")); err != nil {
		t.Fatal(err)
	}
	got, err := look(t.Context(), dir, nothingIgnored)
	if err != nil {
		t.Fatal(err)
	}
	names := map[kind][]string{}
	for _, f := range got.files {
		names[f.kind] = append(names[f.kind], f.name)
	}
	want := map[kind][]string{
		terraformKind:  {"a b/main.tf", "x.tf.json"},
		dockerfileKind: {"Containerfile", "Dockerfile", "Dockerfile.prod", "link.Dockerfile", "web.dockerfile"},
		kubernetesKind: {"escaped.yaml", "folded.yaml", "other case.json", "pod.json", "pod.yaml", "twice.yaml", "two.yml"},
		composeKind:    {"compose.yaml", "deep/stack.yml"},
	}
	if diff := gocmp.Diff(want, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	broken := []string{"broken.json:5: unexpected end of JSON input", "broken.yaml:5: did not find expected node content", "list.yaml:1: a list of objects, which Trivy does not look into: write each as a document of its own", "outside.tf: it is no file of the repository"}
	if diff := gocmp.Diff(broken, got.broken); diff != "" {
		t.Errorf("broken (-want +got):\n%s", diff)
	}
	if len(got.charts) != 1 || got.charts[0].dir != "chart" || len(got.charts[0].files) != 2 {
		t.Errorf("charts: %+v", got.charts)
	}
}

func TestLookRefusesNamesThatCannotBePassedOn(t *testing.T) {
	t.Parallel()
	got, err := look(t.Context(), folder(t, map[string]string{"a\nb.tf": "", "c\xff.tf": "", "d\nf.go": ""}), nothingIgnored)
	if err != nil || len(got.files) > 0 || len(got.broken) != 2 {
		t.Errorf("%v, %v, %v", got, got.broken, err)
	}
}

// git runs git in a folder.
func git(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", dir, "-c", "user.name=n", "-c", "user.email=e"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}

func TestWhatGitIgnoresIsNotLookedAt(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{".gitignore": "*.tf\nDockerfile*\n!Dockerfile.kept\n", "a.tf": "", "tracked.tf": "", "Dockerfile": "", "Dockerfile.kept": "", ":(top)x.yaml": goodPod})
	git(t, dir, "init", "-q")
	git(t, dir, "add", "-f", "tracked.tf")
	git(t, dir, "init", "-q", "inner")
	if err := write(filepath.Join(dir, "inner", "inner.tf"), nil); err != nil {
		t.Fatal(err)
	}
	got, err := look(t.Context(), dir, ignoredByGit)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range got.files {
		names = append(names, f.name)
	}
	if diff := gocmp.Diff([]string{":(top)x.yaml", "Dockerfile.kept", "inner/inner.tf", "tracked.tf"}, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestParseIgnored(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "\x00\x00\x00./b\x00", "\x00\x00\x00./a\x00\x00\x00\x00./b\x00", "x"} {
		if _, err := parseIgnored(text, []string{"a"}); err == nil {
			t.Errorf("%q was taken for an answer", text)
		}
	}
	got, err := parseIgnored(".gitignore\x001\x00a\x00./a\x00.gitignore\x002\x00!b\x00./b\x00\x00\x00\x00./c\x00", []string{"a", "b", "c"})
	if diff := gocmp.Diff(map[string]bool{"a": true}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestIgnoreCommentsAreTakenAway(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a # trivy:ignore:GCP-1 trivy:ignore:*\nb": "a # trivy:ignore GCP-1 trivy:ignore *\nb",
		"#tfsec:ws:dev:ignore:x":                   "#tfsec:ws:dev:ignore x",
		"FROM aquasec/trivy:0.70\nignore: y":       "FROM aquasec/trivy:0.70\nignore: y",
	} {
		if got := string(withoutIgnores([]byte(text))); got != want || len(got) != len(text) {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestSeparated(t *testing.T) {
	t.Parallel()
	got, err := separated([]byte("a: 1\r\n---  \r\nb: 2\n--- # c\nd: 3\n"))
	if want := "a: 1\n---\nb: 2\n---\nd: 3\n"; string(got) != want || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := separated([]byte("a: 1\n--- {b: 2}\n")); err == nil {
		t.Error("a document in the line of its separator was let be")
	}
}

func TestPlantInJSON(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"{}", " {\n\"locals\": {}\n}\n"} {
		got, err := plantInJSON([]byte(text), 1)
		if err != nil || !json.Valid(got) || strings.Count(string(got), "\n") != strings.Count(text, "\n") {
			t.Errorf("%q became %q, %v", text, got, err)
		}
	}
}

// needed is a tool as "sluice tools install" has installed it, or as PATH has it.
func needed(t *testing.T, name string) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err == nil {
		cache = filepath.Join(cache, "sluice")
	}
	box := tool.Box{Dir: filepath.Join(cmp.Or(os.Getenv("SLUICE_CACHE"), cache), "tools"), Path: os.Getenv("PATH")}
	found, err := box.Find(name)
	if err == nil {
		return found.Path
	}
	path, pathErr := exec.LookPath(name)
	if pathErr != nil && os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	if pathErr != nil {
		t.Skip(err)
	}
	return path
}

func newTerraform(t *testing.T) terraformProgram {
	t.Helper()
	return terraformProgram{path: needed(t, "terraform"), dir: t.TempDir(), log: t.Output()}
}

func TestTerraformFormat(t *testing.T) {
	t.Parallel()
	files := map[string]string{"good.tf": "a = 1\n", "sub dir/-bad.tf": "a = 1\nb    = 2\n", "sub dir/worse.tf": "a = 1\nresource \"x\" {\n"}
	dir := folder(t, files)
	tf := newTerraform(t)
	changed, caught, broken, err := tf.format(t.Context(), dir, []string{"good.tf", "sub dir/-bad.tf"})
	if diff := gocmp.Diff([]string{"sub dir/-bad.tf"}, changed); diff != "" || !caught || broken != nil || err != nil {
		t.Errorf("caught %v, broken %v, error %v (-want +got):\n%s", caught, broken, err, diff)
	}
	if line, err := tf.firstChange(t.Context(), []byte(files["sub dir/-bad.tf"])); line != 2 || err != nil {
		t.Errorf("line %d, %v", line, err)
	}
	_, _, broken, err = tf.format(t.Context(), dir, []string{"good.tf", "sub dir/worse.tf"})
	if len(broken) != 1 || !strings.HasPrefix(broken[0], "sub dir/worse.tf:2: ") || err != nil {
		t.Errorf("broken %q, error %v", broken, err)
	}
}

func TestComposeRules(t *testing.T) {
	t.Parallel()
	const text = `x-base: &base
  privileged: true
services:
  bad:
    <<: *base
    image: web
    user: "0:0"
    pid: host
    network_mode: host
    cap_add: [cap_sys_admin, NET_BIND_SERVICE]
    security_opt: ["seccomp=unconfined"]
    volumes: ["/var/run/docker.sock:/s", "/:/host:ro", "data:/data", {type: bind, source: /etc, target: /e}]
  good:
    image: web:1@sha256:0
    security_opt: [no-new-privileges:true, label=type:web]
    privileged: false
`
	found, err := composeFindings([]byte(text), "compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range found {
		got = append(got, f.Location.String()+" "+f.Rule+" "+f.Severity.String()+": "+f.Message)
	}
	want := []string{
		"compose.yaml:5 compose-privileged critical: service bad: it is privileged",
		"compose.yaml:8 compose-host-namespace high: service bad: pid is the machine's",
		"compose.yaml:9 compose-host-network medium: service bad: its network is the machine's",
		"compose.yaml:7 compose-root medium: service bad: it runs as root",
		"compose.yaml:12 compose-engine-socket critical: service bad: /var/run/docker.sock is mounted",
		"compose.yaml:12 compose-host-path high: service bad: / of the machine is mounted",
		"compose.yaml:12 compose-host-path high: service bad: /etc of the machine is mounted",
		"compose.yaml:10 compose-capability high: service bad: it has the capability SYS_ADMIN",
		"compose.yaml:11 compose-unconfined high: service bad: seccomp=unconfined",
		"compose.yaml:11 compose-new-privileges low: service bad: it does not refuse new privileges",
		"compose.yaml:6 compose-mutable-image medium: service bad: the image web has no version",
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	rules := composeRules()
	for _, f := range found {
		if rules[f.Rule].Fix == "" {
			t.Errorf("there is no rule %s", f.Rule)
		}
	}
}

func FuzzComposeFindings(f *testing.F) {
	f.Add([]byte(plantedCompose))
	f.Add([]byte("services:\n  a: &a {<<: *a}\n"))
	f.Add([]byte("services: {a: {volumes: [{source: 1}], cap_add: 3}}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		found, err := composeFindings(text, "f")
		for _, x := range found {
			if x.Rule == "" || strings.ContainsAny(x.Message, "\n\x1b") || err != nil && len(found) > 0 {
				t.Errorf("%+v, %v", x, err)
			}
		}
	})
}

func FuzzUnderstand(f *testing.F) {
	for _, seed := range []string{goodPod, composed, plantedCompose, `{"apiVersion":"v1","kind":"Pod","metadata":{}}`, "--- {a: b}\n", "apiVersion: {{ .a }}\n", "? {a: &a {b: *a}}\n: {{ c }}\n", "apiVersion: a\nkind: b\nkind: c\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, name := range []string{"a.yaml", "a.json", "c/templates/a.yaml"} {
			tree := &tree{charts: []chart{{dir: "c"}}}
			tree.understand(name, text)
			for _, b := range tree.broken {
				if len(b) > maxReason+10 || strings.ContainsAny(b, "\n\x1b") {
					t.Errorf("%q", b)
				}
			}
		}
		_, _ = separated(text)
		_ = plain(text)
		_, _ = plantInJSON(text, 1)
	})
}

func FuzzReadReport(f *testing.F) {
	f.Add(`{"SchemaVersion":2,"Results":[{"Target":"a","Misconfigurations":[{"ID":"X","CauseMetadata":{"StartLine":1}}]}]}`)
	f.Add(`{"SchemaVersion":2}`)
	f.Add(`{"SchemaVersion":2}0}`)
	f.Add(`{}`)
	f.Fuzz(func(t *testing.T, text string) {
		results := 0
		if err := readReport(strings.NewReader(text), func(result) error { results++; return nil }); err == nil && !json.Valid([]byte(text[:strings.LastIndexByte(text, '}')+1])) {
			t.Errorf("%q was read", text)
		}
	})
}

// newTask is a task on a folder.
func newTask(t *testing.T, dir string, p params) pipeline.Task {
	t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return pipeline.Task{Job: IaCName, Root: dir, Dir: dir, Out: t.TempDir(), Cache: t.TempDir(), Params: text, Progress: func(string) {}, Log: t.Output()}
}

// iac does the job on a folder.
func iac(t *testing.T, dir string, p params) pipeline.Report {
	t.Helper()
	p.Top = dir
	a, err := IaC{}.Worker()(context.WithoutCancel(t.Context()), newTask(t, dir, p))
	if err != nil {
		t.Fatal(err)
	}
	return a.Reports[0]
}

func TestWithoutToolsItIsNotRun(t *testing.T) {
	t.Parallel()
	r := iac(t, folder(t, map[string]string{"main.tf": ""}), params{Missing: "trivy 1 is not installed", Remedy: "sluice tools install trivy", Terraform: terraform{Missing: "terraform 1 is not installed"}})
	want := "the infrastructure was not looked at in full: the format of Terraform files was not checked: terraform 1 is not installed; trivy 1 is not installed"
	if r.NotRun != want {
		t.Errorf("%q", r.NotRun)
	}
	if r := iac(t, folder(t, map[string]string{"main.go": ""}), params{}); r.NotApplicable == "" || r.NotRun != "" {
		t.Errorf("nothing there: %+v", r)
	}
	r = iac(t, folder(t, map[string]string{"compose.yaml": composed}), params{})
	if d := pipeline.Decide(r, pipeline.Verdict{}, true); d.Outcome != pipeline.Passed {
		t.Errorf("Compose alone: %s %s", d.Outcome, d.Reason)
	}
}

// trivyPath is the Trivy of the tests: what SLUICE_TEST_TRIVY names, or what
// needed finds.
func trivyPath(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("SLUICE_TEST_TRIVY"); path != "" {
		return path
	}
	return needed(t, toolName)
}

// TestDefects plants a defect in each way that Trivy, or the repository, could
// have it missed.
func TestDefects(t *testing.T) {
	t.Parallel()
	files := infrastructure()
	for name, text := range map[string]string{
		"infra/commented.tf":       "#trivy:ignore:*\n" + firewall,
		"dev/f.tf":                 strings.ReplaceAll(firewall, `"f"`, `"dev"`),
		"infra/f.tf.json":          `{"resource": {"google_storage_bucket": {"json": {"name": "j", "location": "l", "uniform_bucket_level_access": false}}}}`,
		"called/main.tf":           strings.ReplaceAll(firewall, `"f"`, `"called"`),
		"never/main.tf":            strings.ReplaceAll(firewall, `"f"`, `"never"`),
		"root/main.tf":             "module \"a\" {\n  source = \"../called\"\n}\nmodule \"b\" {\n  source = \"../never\"\n  count  = 0\n}\n",
		"root/variable.tf":         "variable \"unset\" {\n  type = string\n}\n",
		"root/elsewhere.tf":        "module \"c\" {\n  source = \"terraform-aws-modules/vpc/aws\"\n}\n",
		"a b/web.Dockerfile":       "FROM debian:12\nUSER root\n",
		"k8s/second.yaml":          goodPod + "---  # next\n" + plants()["pod.yaml"],
		"k8s/windows.yml":          strings.ReplaceAll(goodPod+"---\n"+plants()["pod.yaml"], "\n", "\r\n"),
		"k8s/pod.json":             `{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i:1", "securityContext": {"privileged": true}}]}}`,
		"stack/docker-compose.yml": plantedCompose,
		"trivy.yaml":               "severity: [LOW]\nscan:\n  skip-dirs: ['**']\n",
		".trivyignore":             "GCP-0027\nDS-0002\nKSV-0017\n",
	} {
		files[name] = text
	}
	dir := folder(t, files)
	git(t, dir, "init", "-q")
	p := withTrivy(t)
	p.Top, p.Git, p.Terraform.Path = dir, true, needed(t, terraformName)
	r, err := work(t, IaC{probe: asIs}.Worker(), dir, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, f := range r.Findings {
		if slices.Contains([]string{"GCP-0002", "GCP-0027", "DS-0002", "KSV-0017", "compose-privileged"}, f.Rule) {
			got[f.Rule+" "+f.Location.String()] = true
		}
	}
	var want = map[string]bool{
		"GCP-0027 infra/commented.tf:5": true, "GCP-0027 dev/f.tf:4": true, "GCP-0002 infra/f.tf.json:1": true, "GCP-0027 called/main.tf:4": true,
		"GCP-0027 never/main.tf:4": true, "DS-0002 a b/web.Dockerfile:2": true,
		"KSV-0017 k8s/second.yaml:11": true, "KSV-0017 k8s/windows.yml:11": true, "KSV-0017 k8s/pod.json": true, "compose-privileged stack/docker-compose.yml:4": true,
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	notes := []string{"root/elsewhere.tf:1: a Terraform module from elsewhere, in which nothing was examined",
		"files with trivy:ignore comments, which are not honoured (exceptions belong in sluice.yaml): 1",
		"Terraform variables have no value here, and what follows from them was not examined: unset"}
	if diff := gocmp.Diff(notes, r.Notes); diff != "" || r.NotRun != "" {
		t.Errorf("not run %q (-want +got):\n%s", r.NotRun, diff)
	}
	for _, f := range r.Findings {
		if f.Rule == "GCP-0027" && f.Location.Path == "called/main.tf" && (f.Identity != "called google_compute_firewall.called" || len(f.Trace) != 1 || f.Trace[0].Path != "root/main.tf") {
			t.Errorf("%+v", f)
		}
	}
}

// TestBlind has what cannot be looked at, and one that can.
func TestBlind(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"k8s/pod.yaml": goodPod + "  labels: [\n", "stack.yaml": composed + "    volumes: {\n", "f.tf.json": "{", "Dockerfile": "FROM\nRUNN x\n",
		"m/main.tf": "module \"m\" {\n  source = \"./gone\"\n}\n", "inline.yaml": goodPod + "--- {a: b}\n", "good/Dockerfile": "FROM scratch\nUSER root\n",
	})
	p := withTrivy(t)
	p.Top, p.Terraform.Path = dir, needed(t, terraformName)
	r, err := work(t, IaC{probe: asIs}.Worker(), dir, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"Dockerfile: parse dockerfile instruction", "f.tf.json:1: ", "m/main.tf:1: the folder of the module is not there", "k8s/pod.yaml:5: ", "stack.yaml:", "and 1 more"} {
		if !strings.Contains(r.NotRun, part) {
			t.Errorf("%q is not in %q", part, r.NotRun)
		}
	}
	if !slices.ContainsFunc(r.Findings, func(f sarif.Finding) bool { return f.Rule == "DS-0002" && f.Location.Path == "good/Dockerfile" }) {
		t.Errorf("%+v", r.Findings)
	}
}
