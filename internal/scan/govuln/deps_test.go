package govuln

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

// scanDeps does the job for a folder.
func scanDeps(t *testing.T, root, dir string, db database) (pipeline.Report, error) {
	t.Helper()
	a, err := Deps{}.Worker()(t.Context(), newTask(t, root, dir, map[string]pipeline.Need{"vulndb": db.need()}))
	if err != nil {
		return pipeline.Report{}, err
	}
	if len(a.Reports) != 1 {
		t.Fatalf("%d reports, want 1", len(a.Reports))
	}
	return a.Reports[0], nil
}

func TestDepsCalled(t *testing.T) {
	t.Parallel()
	root, dir := module(t, "called")
	r, err := scanDeps(t, root, dir, databaseOf(t, parseFlaw, httpFlaw, oldFlaw))
	if err != nil {
		t.Fatal(err)
	}
	toolchain := tool(t).Version
	want := pipeline.Report{
		Stage:    "deps",
		Tools:    []pipeline.Tool{{Name: "govulncheck", Version: version()}},
		Examined: []pipeline.Count{{What: "packages", N: 3, Of: 3}, {What: "modules", N: 3, Of: 3}, {What: "advisories", N: 3, Of: 3}},
		SelfTest: &pipeline.SelfTest{Planted: plantedIDs(), Caught: plantedIDs()},
		Findings: []sarif.Finding{
			{
				Rule: "GO-2021-0113", Tool: "govulncheck", Stage: "deps", Severity: sarif.High,
				Message:  "golang.org/x/text@v0.3.5: flaw in golang.org/x/text/language: tongue.Of calls language.Parse",
				Location: sarif.Location{Path: "svc/tongue/tongue.go", Line: 8, Column: 28, Note: "tongue.Of calls language.Parse"},
				Aliases:  []string{"CVE-GO-2021-0113"}, Module: "golang.org/x/text@v0.3.5", Reach: sarif.Reachable,
				Trace: []sarif.Location{
					{Path: "svc/tongue/tongue.go", Line: 8, Column: 28, Note: "tongue.Of calls language.Parse"},
					{Path: "golang.org/x/text@v0.3.5/language/parse.go", Line: 33, Column: 6, Note: "language.Parse is vulnerable"},
				},
				Why: "flaw in golang.org/x/text/language", Fix: "run go get golang.org/x/text@v0.3.7 and go mod tidy",
				Identity: "GO-2021-0113 golang.org/x/text",
			},
			{
				Rule: "GO-2030-0002", Tool: "govulncheck", Stage: "deps", Severity: sarif.Low,
				Message:  "stdlib@" + toolchain + ": flaw in net/http: the vulnerable packages are not imported",
				Location: sarif.Location{Path: "svc/go.mod", Line: 3},
				Aliases:  []string{"CVE-GO-2030-0002"}, Module: "stdlib@" + toolchain, Reach: sarif.Required,
				Why: "flaw in net/http", Fix: "update Go to go99.0.1", Identity: "GO-2030-0002 stdlib",
			},
		},
		Values: map[string]string{"modified": "2026-01-02T03:04:05Z"},
		Rules: []sarif.Rule{
			{ID: "GO-2021-0113", Tool: "govulncheck", Name: "flaw in golang.org/x/text/language", Why: "Planted by a test.", Fix: "update golang.org/x/text to a version in which it is fixed", URI: "https://pkg.go.dev/vuln/GO-2021-0113"},
			{ID: "GO-2030-0002", Tool: "govulncheck", Name: "flaw in net/http", Why: "Planted by a test.", Fix: "update stdlib to a version in which it is fixed", URI: "https://pkg.go.dev/vuln/GO-2030-0002"},
		},
	}
	if diff := cmp.Diff(want, r); diff != "" {
		t.Error(diff)
	}
}

func TestDeps(t *testing.T) {
	t.Parallel()
	toolchain := tool(t).Version
	parse := "GO-2021-0113 golang.org/x/text@v0.3.5 "
	for name, c := range map[string]struct {
		module string
		flaws  []flaw
		want   []string
	}{
		"imported":                  {"imported", []flaw{parseFlaw, oldFlaw}, []string{parse + "imported medium svc/go.mod:5"}},
		"required":                  {"required", []flaw{parseFlaw, oldFlaw}, []string{parse + "required low svc/go.mod:5"}},
		"fixed":                     {"called", []flaw{oldFlaw}, nil},
		"of Go":                     {"imported", []flaw{printFlaw}, []string{"GO-2030-0001 stdlib@" + toolchain + " reachable high svc/main.go:10:26"}},
		"withdrawn":                 {"called", []flaw{parseFlaw.with("withdrawn", "2026-01-02T03:04:05Z"), oldFlaw}, nil},
		"critical":                  {"called", []flaw{parseFlaw.with("database_specific", map[string]string{"severity": "CRITICAL"}), oldFlaw}, []string{parse + "reachable critical svc/tongue/tongue.go:8:28"}},
		"of the service's own name": {"called", []flaw{{id: "GO-2030-0009", module: "example.com/called", pkg: "example.com/called/tongue", functions: []string{"Of"}}, oldFlaw}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root, dir := module(t, c.module)
			r, err := scanDeps(t, root, dir, databaseOf(t, c.flaws...))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, outline(r.Findings)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// with is the flaw with one more property.
func (f flaw) with(name string, value any) flaw {
	f.extra = map[string]any{name: value}
	return f
}

// A module that is replaced by a folder of the repository is the service's own
// code; one that is replaced by another module has that module's flaws.
func TestDepsReplaced(t *testing.T) {
	t.Parallel()
	files := map[string]string{
		"go.work":          "go 1.26.0\n\nuse ./svc\nuse ./shared\n",
		"svc/go.mod":       "module example.com/svc\n\ngo 1.26.0\n\nrequire example.com/lib v1.0.0\n\nreplace example.com/lib => ../lib\n",
		"svc/main.go":      "package main\n\nimport (\n\t\"example.com/lib\"\n\t\"example.com/shared\"\n)\n\nfunc main() {\n\tlib.Print()\n\tshared.Get()\n}\n",
		"lib/go.mod":       "module example.com/lib\n\ngo 1.26.0\n",
		"lib/lib.go":       "package lib\n\nimport \"fmt\"\n\nfunc Print() {\n\tfmt.Println()\n}\n",
		"shared/go.mod":    "module example.com/shared\n\ngo 1.26.0\n",
		"shared/shared.go": "package shared\n\nimport \"net/http\"\n\nfunc Get() {\n\t_, _ = http.Get(\"\")\n}\n",
	}
	root := folder(t, files)
	r, err := scanDeps(t, root, filepath.Join(root, "svc"), databaseOf(t, printFlaw, httpFlaw))
	if err != nil {
		t.Fatal(err)
	}
	toolchain := tool(t).Version
	want := []string{
		"GO-2030-0001 stdlib@" + toolchain + " reachable high lib/lib.go:6:13",
		"GO-2030-0002 stdlib@" + toolchain + " reachable high shared/shared.go:6:17",
	}
	if diff := cmp.Diff(want, outline(r.Findings)); diff != "" {
		t.Error(diff)
	}
	wantTrees := []string{"go.work", "go.work.sum", "lib", "shared", "svc"}
	for i, name := range wantTrees {
		wantTrees[i] = filepath.Join(root, name)
	}
	if diff := cmp.Diff(wantTrees, sources(root, filepath.Join(root, "svc"))); diff != "" {
		t.Error(diff)
	}
}

func TestDepsFork(t *testing.T) {
	t.Parallel()
	root, dir := module(t, "called")
	text, err := os.ReadFile(dir + "/go.mod")
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), "v0.3.5", "v0.3.4", 1) + "\nreplace golang.org/x/text v0.3.4 => golang.org/x/text v0.3.5\n"
	if err := os.WriteFile(dir+"/go.mod", []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := scanDeps(t, root, dir, databaseOf(t, parseFlaw, oldFlaw))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"GO-2021-0113 golang.org/x/text@v0.3.5 reachable high svc/tongue/tongue.go:8:28"}, outline(r.Findings)); diff != "" {
		t.Error(diff)
	}
}

// What cannot be judged is an error with a remedy, and no empty report.
func TestDepsNotRun(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files        map[string]string
		flaws        []flaw
		want, remedy string
	}{
		"does not compile": {
			map[string]string{"main.go": "package main\n\nimport \"fmt\"\n\nfunc main() {\n\tfmt.Println(x)\n}\n"}, []flaw{printFlaw},
			"main.go:6:14: undefined: x", "make the code compile",
		},
		"cannot be parsed": {
			map[string]string{"main.go": "package main\n\nimport \"fmt\n"}, []flaw{oldFlaw},
			"main.go:3:8: ", "",
		},
		"a missing module": {
			map[string]string{"go.mod": "module m\n\ngo 1.26.0\n\nrequire example.com/nowhere v1.0.0\n", "main.go": "package main\n\nimport _ \"example.com/nowhere\"\n\nfunc main() {}\n"}, []flaw{oldFlaw},
			"example.com/nowhere", "go mod tidy",
		},
		"a newer Go": {
			map[string]string{"go.mod": "module m\n\ngo 99.0\n"}, []flaw{oldFlaw},
			"go.mod requires go >= 99.0", "install the Go version that go.mod asks for",
		},
		"a broken go.mod": {map[string]string{"go.mod": "modul m\n"}, []flaw{oldFlaw}, "go.mod:1: unknown directive: modul", "run go mod tidy"},
		"no package":      {map[string]string{"main.go": ""}, []flaw{oldFlaw}, "listing the packages", ""},
		"empty data":      {nil, nil, "no advisory about Go's standard library", "vulndb in sluice.yaml"},
		"data without Go": {nil, []flaw{parseFlaw}, "no advisory about Go's standard library", "vulndb in sluice.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{"go.mod": "module m\n\ngo 1.26.0\n", "main.go": "package main\n\nfunc main() {}\n"}
			for name, text := range c.files {
				if files[name] = text; text == "" {
					delete(files, name)
				}
			}
			dir := folder(t, files)
			r, err := scanDeps(t, dir, dir, databaseOf(t, c.flaws...))
			if err == nil {
				t.Fatalf("the report is %+v", r)
			}
			if !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("the error is %q, want one line with %q", err, c.want)
			}
			if !strings.Contains(hint.Remedy(err), c.remedy) {
				t.Errorf("the remedy of %q is %q, want %q", err, hint.Remedy(err), c.remedy)
			}
		})
	}
}

func TestNoDatabase(t *testing.T) {
	t.Parallel()
	gone := database{path: filepath.Join(t.TempDir(), "gone"), modified: changed}
	broken := databaseOf(t, oldFlaw).need()
	partly := broken.Reports["vulndb"]
	partly.NotRun = "a full disk"
	broken.Reports["vulndb"] = partly
	undated := gone.need()
	undated.Reports["vulndb"].Values["modified"] = "yesterday"
	image := build(t, safe, item{name: "app", text: compile(t, "required", "-w"), mode: 0o555})
	for name, c := range map[string]struct {
		need pipeline.Need
		want string
	}{
		"no job":    {pipeline.Need{}, "there is no vulnerability data: stage vulndb left none"},
		"not run":   {pipeline.Need{Reports: map[string]pipeline.Report{"vulndb": {NotRun: "no network"}}}, "there is no vulnerability data: no network"},
		"in part":   {broken, "there is no vulnerability data: a full disk"},
		"no folder": {gone.need(), "no such file or directory"},
		"no age":    {undated, "reading the age of the vulnerability data"},
	} {
		for job, worker := range map[string]pipeline.Worker{"deps": Deps{}.Worker(), "image-scan": Image{}.Worker()} {
			a, err := worker(t.Context(), newTask(t, ".", ".", map[string]pipeline.Need{"vulndb": c.need, "build": image}))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s, %s: the answer is %+v, the error %v, want %q", name, job, a, err, c.want)
			}
		}
	}
}

// govulncheck finds the go command in this process's PATH, whatever its
// environment says, and misses a go.mod when there is none.
func TestNoGoInPath(t *testing.T) {
	root, dir := module(t, "required")
	q := sourceQuery(t, root, dir, databaseOf(t, oldFlaw))
	t.Setenv("PATH", t.TempDir())
	if o, err := q.run(t.Context()); err == nil || !strings.Contains(hint.Remedy(err), "put the go command in PATH") {
		t.Errorf("the outcome is %+v, the error %v, the remedy %q", o, err, hint.Remedy(err))
	}
	if r, err := scanDeps(t, root, dir, q.db); err == nil || !strings.Contains(hint.Remedy(err), "install Go") {
		t.Errorf("the report is %+v, the error %v, the remedy %q", r, err, hint.Remedy(err))
	}
}

// A cancelled run ends at once, though govulncheck goes on for a while.
func TestCancelled(t *testing.T) {
	t.Parallel()
	root, dir := module(t, "called")
	q := sourceQuery(t, root, dir, databaseOf(t, parseFlaw, oldFlaw))
	stopped := errors.New("stopped by the user")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stopped)
	if o, err := q.run(ctx); !errors.Is(err, stopped) {
		t.Errorf("the outcome is %+v, the error %v, want %v", o, err, stopped)
	}
}

func TestDepsPlan(t *testing.T) {
	t.Parallel()
	root, dir := module(t, "called")
	job, err := Deps{}.Job(scan.Service{Root: root, Dir: dir, GoModule: "example.com/called", Version: "v1", CacheDir: "/cache", Main: "cmd/x"})
	if err != nil {
		t.Fatal(err)
	}
	values := tool(t).Facts()
	values["sluice"], values["govulncheck"] = "v1", version()
	want := pipeline.Job{
		Name: "deps", Stages: []string{"deps"}, Needs: []string{"modules", "vulndb"}, Check: true,
		Params: params{Cache: "/cache", Version: "v1", Main: "cmd/x"},
		Inputs: pipeline.Inputs{Trees: []string{dir}, Values: values},
		Access: pipeline.Access{Network: pipeline.NoNetwork, Read: append(tool(t).Reads(), "/cache/jobs/vulndb"), Write: []string{"/cache/go-build"}},
	}
	if diff := cmp.Diff(want, job, cmpopts.IgnoreFields(pipeline.Job{}, "Cost", "Valid")); diff != "" {
		t.Error(diff)
	}
	none, err := Deps{}.Job(scan.Service{Root: root, Dir: root})
	if err != nil || none.NotApplicable == "" {
		t.Errorf("without a Go module the job is %+v, the error %v", none, err)
	}
}
