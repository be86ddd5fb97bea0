package govuln

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
)

// changed is when the tests' databases were changed.
var changed = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// flaw is an advisory of a test's database.
type flaw struct {
	id, module, fixed string
	pkg               string
	functions         []string
	extra             map[string]any // more of the entry
}

var (
	// parseFlaw is a real one.
	parseFlaw = flaw{id: "GO-2021-0113", module: "golang.org/x/text", fixed: "0.3.7", pkg: "golang.org/x/text/language", functions: []string{"MatchStrings", "MustParse", "Parse", "ParseAcceptLanguage"}}
	// The others are made up.
	printFlaw = flaw{id: "GO-2030-0001", module: "stdlib", fixed: "99.0.1", pkg: "fmt", functions: []string{"Println"}}
	httpFlaw  = flaw{id: "GO-2030-0002", module: "stdlib", fixed: "99.0.1", pkg: "net/http", functions: []string{"Get"}}
	oldFlaw   = flaw{id: "GO-2030-0003", module: "stdlib", fixed: "1.2.0", pkg: "fmt", functions: []string{"Println"}}
)

func (f flaw) entry() map[string]any {
	type object = map[string]any
	events := []object{{"introduced": "0"}}
	if f.fixed != "" {
		events = append(events, object{"fixed": f.fixed})
	}
	entry := object{
		"id": f.id, "modified": changed, "aliases": []string{"CVE-" + f.id}, "summary": "flaw in " + f.pkg, "details": "Planted\nby a test.",
		"affected": []object{{
			"package":            object{"name": f.module, "ecosystem": "Go"},
			"ranges":             []object{{"type": "SEMVER", "events": events}},
			"ecosystem_specific": object{"imports": []object{{"path": f.pkg, "symbols": f.functions}}},
		}},
	}
	for name, value := range f.extra {
		entry[name] = value
	}
	return entry
}

// databaseOf writes a database in a folder of its own.
func databaseOf(t *testing.T, flaws ...flaw) database {
	t.Helper()
	type vuln map[string]string
	modules := map[string][]vuln{}
	files := map[string]string{"index/db.json": `{"modified":"` + changed.Format(time.RFC3339) + `"}`}
	for _, f := range flaws {
		files["ID/"+f.id+".json"] = encode(t, f.entry())
		modules[f.module] = append(modules[f.module], vuln{"id": f.id})
	}
	index := []map[string]any{}
	for path, vulns := range modules {
		index = append(index, map[string]any{"path": path, "vulns": vulns})
	}
	files["index/modules.json"] = encode(t, index)
	return database{path: folder(t, files), modified: changed}
}

func encode(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// folder is a new folder with files.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	if err := writeFiles(dir, files); err != nil {
		t.Fatal(err)
	}
	return dir
}

// need is what the job "vulndb" leaves.
func (d database) need() pipeline.Need {
	return pipeline.Need{Reports: map[string]pipeline.Report{"vulndb": {
		Stage: "vulndb", Values: map[string]string{"path": d.path, "modified": d.modified.Format(time.RFC3339)},
	}}}
}

// module is a module of testdata, copied to a repository's folder "svc", with
// what it needs in the module cache.
func module(t *testing.T, name string) (root, dir string) {
	t.Helper()
	root = t.TempDir()
	dir = filepath.Join(root, "svc")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", name))); err != nil {
		t.Fatal(err)
	}
	download(t, dir)
	return root, dir
}

// download does what the job "modules" does.
func download(t *testing.T, dir string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "mod", "download")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=", "GOWORK=off", "GOTOOLCHAIN=local")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("downloading modules: %v\n%s", err, out)
	}
}

// newTask is a task in a repository, with what the needed jobs left.
func newTask(t *testing.T, root, dir string, needs map[string]pipeline.Need) pipeline.Task {
	t.Helper()
	return pipeline.Task{
		Job: t.Name(), Root: root, Dir: dir, Needs: needs,
		Params: json.RawMessage(encode(t, params{Cache: t.TempDir(), Version: "v1"})), Out: t.TempDir(), Cache: t.TempDir(),
		Progress: func(string) {}, Log: t.Output(),
	}
}

// tool is the toolchain that runs the tests.
func tool(t *testing.T) gotool.Toolchain {
	t.Helper()
	tool, err := gotool.Find()
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

// sourceQuery looks at a folder with a database.
func sourceQuery(t *testing.T, root, dir string, db database) query {
	t.Helper()
	tool := tool(t)
	return query{mode: sourceMode, level: symbolLevel, db: db, env: environment(tool, t.TempDir(), root, dir), dir: dir, patterns: patterns(""), goVersion: tool.Version}
}

// outline is the part of findings that most tests are about.
func outline(findings []sarif.Finding) []string {
	var lines []string
	for _, f := range findings {
		lines = append(lines, strings.Join([]string{f.Rule, f.Module, string(f.Reach), f.Severity.String(), f.Location.String()}, " "))
	}
	return lines
}
