package gocode

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

// workbench is a repository of one module, and what is kept between runs over it.
type workbench struct {
	t        *testing.T
	root     string
	dir      string // of the module
	cache    string
	options  scan.Options
	progress []string
	log      bytes.Buffer
	check    func(*check) // changes a run before it starts
}

// newBench lays out files. The build cache is that of the user, so that the
// standard library is not compiled for each test.
func newBench(t *testing.T, files map[string]string) *workbench {
	t.Helper()
	b := &workbench{t: t, root: t.TempDir(), cache: t.TempDir()}
	b.dir = b.root
	b.write(files)
	build := os.Getenv("GOCACHE")
	if build == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		build = filepath.Join(user, "go-build")
	}
	if err := os.Symlink(build, filepath.Join(b.cache, "go-build")); err != nil {
		t.Fatal(err)
	}
	return b
}

// inModule is files with a go.mod.
func inModule(files map[string]string) map[string]string {
	files["go.mod"] = "module example.com/m\n\ngo 1.26\n"
	return files
}

func (b *workbench) write(files map[string]string) {
	b.t.Helper()
	for name, text := range files {
		path := filepath.Join(b.root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			b.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
}

func (b *workbench) task() (pipeline.Task, error) {
	job, err := Scanner{}.Job(scan.Service{Root: b.root, Dir: b.dir, GoModule: "example.com/m", Version: "test", CacheDir: b.cache, Options: b.options})
	if err != nil {
		return pipeline.Task{}, err
	}
	raw, err := json.Marshal(job.Params)
	if err != nil {
		return pipeline.Task{}, err
	}
	task := pipeline.Task{
		Job: job.Name, Stages: job.Stages, Root: b.root, Dir: b.dir, Out: b.t.TempDir(), Cache: filepath.Join(b.cache, "gocode"), Params: raw,
		Progress: func(s string) { b.progress = append(b.progress, s) }, Log: &b.log,
	}
	return task, os.MkdirAll(task.Cache, 0o750)
}

// try runs the job as the worker does.
func (b *workbench) try() (map[string]pipeline.Report, error) {
	b.t.Helper()
	task, err := b.task()
	if err != nil {
		return nil, err
	}
	b.progress = nil
	var answer pipeline.Answer
	if b.check == nil {
		answer, err = Scanner{}.Worker()(b.t.Context(), task)
	} else {
		answer, err = b.tryChanged(task)
	}
	reports := map[string]pipeline.Report{}
	for _, r := range answer.Reports {
		reports[r.Stage] = r
	}
	return reports, err
}

func (b *workbench) tryChanged(task pipeline.Task) (answer pipeline.Answer, err error) {
	p, err := parseParams(task.Params)
	if err != nil {
		return answer, err
	}
	c, err := newCheck(task, p)
	if err != nil {
		return answer, err
	}
	b.check(c)
	return c.answer(b.t.Context())
}

func (b *workbench) run() map[string]pipeline.Report {
	b.t.Helper()
	reports, err := b.try()
	if err != nil {
		b.t.Fatalf("running: %v\n%s", err, b.log.String())
	}
	return reports
}

// analysed are the packages that the last run analysed.
func (b *workbench) analysed() []string {
	names := []string{}
	for _, p := range b.progress {
		if rest, ok := strings.CutPrefix(p, "analysing "); ok {
			name, _, _ := strings.Cut(rest, " ")
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// seen are a report's findings as "tool rule path:line".
func seen(r pipeline.Report) []string {
	all := []string{}
	for _, f := range r.Findings {
		all = append(all, fmt.Sprintf("%s %s %s:%d", f.Tool, f.Rule, f.Location.Path, f.Location.Line))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func TestFindings(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name       string
		files      map[string]string
		lint, sast []string
	}{
		{
			name:  "clean",
			files: map[string]string{"a.go": "package a\n\n// One is one.\nconst One = 1\n"},
		},
		{
			name:  "unformatted",
			files: map[string]string{"a.go": "package a\n\nconst (\n\tOne = 1\n\tThree   = 3\n)\n"},
			lint:  []string{"gofmt gofmt a.go:4"},
		},
		{
			name: "vet and staticcheck, in tests too",
			files: map[string]string{
				"a.go":      "package a\n\nimport \"fmt\"\n\nfunc F(s []int) {\n\tfmt.Println(fmt.Sprintf(\"%d\", \"x\"))\n\tfor _ = range s {\n\t}\n}\n",
				"a_test.go": "package a\n\nimport \"testing\"\n\nfunc TestF(t *testing.T) {\n\tgo func() { t.Fatal() }()\n\tF(nil)\n}\n",
				"x_test.go": "package a_test\n\nimport \"testing\"\n\nfunc TestX(t *testing.T) { t.Errorf(\"%d\", t.Name()) }\n",
			},
			lint: []string{
				"staticcheck S1005 a.go:7", "staticcheck S1038 a.go:6", "staticcheck SA2002 a_test.go:6", "staticcheck SA5009 a.go:6",
				"vet printf a.go:6", "vet printf x_test.go:5", "vet testinggoroutine a_test.go:6",
			},
		},
		{
			name: "gosec",
			files: map[string]string{
				"a.go": "package a\n\nimport (\n\t\"database/sql\"\n\t\"math/rand\"\n)\n\nfunc Q(db *sql.DB, id string) error {\n\t_, err := db.Exec(\"DELETE FROM t WHERE id = '\" + id + \"'\")\n\treturn err\n}\n\nfunc R() int { return rand.Int() }\n",
			},
			sast: []string{"gosec G202 a.go:9", "gosec G404 a.go:13"},
		},
		{
			name: "what is known of the standard library",
			files: map[string]string{
				"a.go": `package a

import (
	"context"
	"io/ioutil"
	"log"
	"net/textproto"
	"strings"
)

func Deprecated() ([]byte, error) { return ioutil.ReadAll(nil) }

func Wrapper(w *textproto.Writer) error { return w.PrintfLine("%d", "x") }

func Pure(s string) { strings.TrimSpace(s) }

func Odd() *strings.Replacer { return strings.NewReplacer("a") }

func NoReturn(bad bool) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	if bad {
		log.Fatal("bad")
		return nil
	}
	cancel()
	return ctx
}

func Returns(bad bool) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	if bad {
		log.Print("bad")
		return nil
	}
	cancel()
	return ctx
}
`,
			},
			lint: []string{
				"staticcheck SA1019 a.go:5", "staticcheck SA4017 a.go:15", "staticcheck SA5012 a.go:17",
				"vet lostcancel a.go:30", "vet lostcancel a.go:33", "vet printf a.go:13",
			},
		},
		{
			name: "what is known of the module's other packages",
			files: map[string]string{
				"b/b.go": `package b

import (
	"fmt"
	"os"
)

// Old does nothing.
//
// Deprecated: use New.
func Old() {}

// Die ends the program.
func Die() { os.Exit(1) }

// Say prints.
func Say(format string, args ...any) { fmt.Printf(format, args...) }

// Double doubles.
func Double(n int) int { return n + n }

type broken struct{}

func (*broken) Error() string { return "broken" }

// Check never returns a plain nil.
func Check() error {
	var b *broken
	if os.Getenv("BROKEN") != "" {
		b = new(broken)
	}
	return b
}
`,
				"a.go": `package a

import (
	"context"

	"example.com/m/b"
)

func F() {
	b.Old()
	b.Say("%d", "x")
	b.Double(2)
	if b.Check() != nil {
		b.Say("never nil")
	}
}

func G(bad bool) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	if bad {
		b.Die()
		return nil
	}
	cancel()
	return ctx
}
`,
			},
			lint: []string{
				"staticcheck SA1019 a.go:10", "staticcheck SA4017 a.go:12", "staticcheck SA4023 a.go:13", "vet printf a.go:11",
			},
		},
		{
			name: "ways of importing that meet again",
			files: map[string]string{
				"a.go":        "package a\n\nimport (\n\t\"example.com/m/b\"\n\t\"example.com/m/c\"\n\t\"example.com/m/d\"\n)\n\nvar _ = b.B + c.C + d.D\n",
				"b/b.go":      "package b\n\nimport \"example.com/m/d\"\n\nconst B = d.D\n",
				"c/c.go":      "package c\n\nimport (\n\t\"example.com/m/b\"\n\t\"example.com/m/d\"\n)\n\nconst C = b.B + d.D\n",
				"c/x_test.go": "package c_test\n\nimport (\n\t\"testing\"\n\n\t\"example.com/m/c\"\n\t\"example.com/m/d\"\n)\n\nfunc TestC(t *testing.T) { t.Log(c.C + d.D) }\n",
				"d/d.go":      "package d\n\nconst D = 1\n",
				"d/e_test.go": "package d\n\nconst Exported = 2\n",
				"d/x_test.go": "package d_test\n\nimport (\n\t\"testing\"\n\n\t\"example.com/m/c\"\n\t\"example.com/m/d\"\n)\n\nfunc TestD(t *testing.T) { t.Log(c.C + d.Exported) }\n",
			},
		},
		{
			name: "other modules, vendored code, test data and hidden folders are not the module's",
			files: map[string]string{
				"a.go":             "package a\n",
				"other/go.mod":     "module example.com/other\n",
				"other/o.go":       "package other\nfunc  F() {}\n",
				"testdata/t.go":    "package  t\n",
				"_hidden/h.go":     "package  h\n",
				".git/g.go":        "package  g\n",
				"vendor/x/vend.go": "package  x\n",
			},
		},
		{
			name: "file names with spaces",
			files: map[string]string{
				"a b.go": "package a\n\nimport \"math/rand\"\n\nfunc F() int { return rand.Int() }\n",
			},
			sast: []string{"gosec G404 a b.go:5"},
		},
		{
			name: "files that build constraints leave out are still formatted",
			files: map[string]string{
				"a.go":         "package a\n",
				"a_windows.go": "package a\nconst  W = 1\n",
				"w/w.go":       "//go:build windows\n\npackage w\nconst  W = 1\n",
			},
			lint: []string{"gofmt gofmt a_windows.go:2", "gofmt gofmt w/w.go:4"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			reports := newBench(t, inModule(tt.files)).run()
			for stage, want := range map[string][]string{lintStage: tt.lint, sastStage: tt.sast} {
				if want == nil {
					want = []string{}
				}
				if diff := cmp.Diff(want, seen(reports[stage])); diff != "" {
					t.Errorf("%s (-want +got):\n%s", stage, diff)
				}
				if reports[stage].NotRun != "" {
					t.Errorf("%s is not run: %s", stage, reports[stage].NotRun)
				}
			}
		})
	}
}

// TestOtherModules imports functions that print from modules that are had in
// various ways: what is known of them is known however they are had.
func TestOtherModules(t *testing.T) {
	t.Parallel()
	const (
		say  = "package dep\n\nimport \"fmt\"\n\n// Say prints.\nfunc Say(format string, args ...any) { fmt.Printf(format, args...) }\n"
		use  = "package a\n\nimport \"example.com/dep\"\n\nfunc F() { dep.Say(\"%d\", \"x\") }\n"
		need = "module example.com/m\n\ngo 1.26\n\nrequire example.com/dep v1.0.0\n"
	)
	tests := map[string]map[string]string{
		"replaced": {"svc/go.mod": need + "\nreplace example.com/dep => ../dep\n", "svc/a.go": use, "dep/go.mod": "module example.com/dep\n\ngo 1.26\n", "dep/dep.go": say},
		"vendored": {
			"svc/go.mod": need, "svc/a.go": use, "svc/vendor/example.com/dep/dep.go": say,
			"svc/vendor/modules.txt": "# example.com/dep v1.0.0\n## explicit; go 1.26\nexample.com/dep\n",
		},
		"of the workspace": {
			"go.work": "go 1.26\n\nuse (\n\t./dep\n\t./svc\n)\n", "svc/go.mod": "module example.com/m\n\ngo 1.26\n", "svc/a.go": use,
			"dep/go.mod": "module example.com/dep\n\ngo 1.26\n", "dep/dep.go": say,
		},
		"of the module, where ./... does not look": {
			"svc/go.mod": "module example.com/m\n\ngo 1.26\n", "svc/a.go": strings.ReplaceAll(use, "example.com/dep", "example.com/m/testdata/dep"), "svc/testdata/dep/dep.go": say,
		},
	}
	for name, files := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, files)
			b.dir = filepath.Join(b.root, "svc")
			for _, changed := range []string{"", "\n// changed\n"} {
				b.write(map[string]string{"svc/a.go": files["svc/a.go"] + changed})
				lint := b.run()[lintStage]
				if diff := cmp.Diff([]string{"vet printf svc/a.go:5"}, seen(lint)); diff != "" || lint.NotRun != "" {
					t.Errorf("lint, not run %q (-want +got):\n%s", lint.NotRun, diff)
				}
			}
		})
	}
}

// TestFindingInFull looks at one finding of each tool, with its rule.
func TestFindingInFull(t *testing.T) {
	t.Parallel()
	b := newBench(t, inModule(map[string]string{
		"svc/go.mod": "module example.com/m\n\ngo 1.26\n",
		"svc/a.go": `package a

import (
	"database/sql"
	"fmt"
)

func F(db *sql.DB, id string) (*sql.Rows, error) {
	fmt.Printf("%d", "x")
	if  id == "" {
		return nil, nil
	}
	query := fmt.Sprintf("SELECT * FROM t WHERE id = '%s'", id)
	rows, err := db.Query(query)
	return rows, err
}
`,
	}))
	b.dir = filepath.Join(b.root, "svc")
	reports := b.run()
	type key struct{ tool, rule string }
	got := map[key]sarif.Finding{}
	rules := map[string]sarif.Rule{}
	for _, r := range reports {
		for _, f := range r.Findings {
			got[key{f.Tool, f.Rule}] = f
		}
		for _, rule := range r.Rules {
			rules[rule.ID] = rule
		}
	}
	const path = "svc/a.go"
	want := map[key]sarif.Finding{
		{"gofmt", "gofmt"}: {
			Rule: "gofmt", Tool: "gofmt", Stage: "lint", Message: "this line is not formatted as gofmt formats it", Severity: sarif.Medium,
			Location: sarif.Location{Path: path, Line: 10}, Identity: `ifid==""{`,
		},
		{"vet", "printf"}: {
			Rule: "printf", Tool: "vet", Stage: "lint", Message: `fmt.Printf format %d has arg "x" of wrong type string`, Severity: sarif.Medium,
			Location: sarif.Location{Path: path, Line: 9, Column: 14, EndLine: 9, EndColumn: 16}, Class: "printf", Identity: `F: fmt . Printf ( "%d" , "x" )`,
		},
		{"staticcheck", "SA5009"}: {
			Rule: "SA5009", Tool: "staticcheck", Stage: "lint", Message: "Printf format %d has arg #1 of wrong type string", Severity: sarif.Medium,
			Location: sarif.Location{Path: path, Line: 9, Column: 13, EndLine: 9, EndColumn: 17}, Class: "printf", Identity: `F: fmt . Printf ( "%d" , "x" )`,
		},
		{"gosec", "G201"}: {
			Rule: "G201", Tool: "gosec", Stage: "sast", Message: "SQL string formatting", Severity: sarif.Medium, CWE: []int{89},
			Location: sarif.Location{Path: path, Line: 13, Column: 11}, Class: "sql-injection",
			Identity: "F: query := fmt . Sprintf ( \"SELECT * FROM t WHERE id = '%s'\" , id )",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	for _, f := range want {
		if rule := rules[f.Rule]; rule.Why == "" || rule.Fix == "" || rule.URI == "" || rule.Tool != f.Tool {
			t.Errorf("rule %s is not explained: %+v", f.Rule, rule)
		}
	}
	for stage, r := range reports {
		want := []pipeline.Count{{What: "packages", N: 1}, {What: "files", N: 1, Of: 1}}
		if diff := cmp.Diff(want, r.Examined); diff != "" {
			t.Errorf("examined for %s (-want +got):\n%s", stage, diff)
		}
		for _, tool := range r.Tools {
			if tool.Version == "" {
				t.Errorf("%s: no version of %s", stage, tool.Name)
			}
		}
	}
}

func TestSuppressed(t *testing.T) {
	t.Parallel()
	b := newBench(t, inModule(map[string]string{"a.go": `package a

import (
	"fmt"
	"math/rand"
)

func A() int { return rand.Int() } // #nosec G404

func B() int { return rand.Int() } //nolint:gosec // a game

//nolint:all // both
func C() int {
	fmt.Printf("%d", "x")
	return rand.Int()
}

func D() {
	//lint:ignore SA5009 it is meant
	fmt.Printf("%d", "x") //nolint:govet
}

func E() {
	//lint:ignore SA5009 nothing here
	fmt.Print()
}

func F() {
	//lint:ignore SA5009
	fmt.Printf("%d", "x") //nolint:staticcheck
}

//lint:ignore U1000 of a rule that is not run
var _ = 1

func G() int { return rand.Int() } //nolint:govet // of another linter
`}))
	reports := b.run()
	want := []string{
		"sluice suppression-unexplained a.go:12", "sluice suppression-unexplained a.go:20", "sluice suppression-unexplained a.go:29",
		"sluice suppression-unexplained a.go:30", "staticcheck staticcheck a.go:24", "vet printf a.go:30",
	}
	if diff := cmp.Diff(want, seen(reports[lintStage])); diff != "" {
		t.Errorf("lint (-want +got):\n%s", diff)
	}
	want = []string{"gosec G404 a.go:36", "sluice suppression-unexplained a.go:12", "sluice suppression-unexplained a.go:8"}
	if diff := cmp.Diff(want, seen(reports[sastStage])); diff != "" {
		t.Errorf("sast (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"5 findings suppressed in the code (lint:ignore 1, nolint 4)"}, reports[lintStage].Notes); diff != "" {
		t.Errorf("notes of lint (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"3 findings suppressed in the code (#nosec 1, nolint 2)"}, reports[sastStage].Notes); diff != "" {
		t.Errorf("notes of sast (-want +got):\n%s", diff)
	}
}

func TestGenerated(t *testing.T) {
	t.Parallel()
	var large strings.Builder
	large.WriteString("// Code generated by a test. DO NOT EDIT.\n\npackage a\n\nimport \"math/rand\"\n\nfunc G() int { return rand.Int() }\n")
	for i := range 20_000 {
		fmt.Fprintf(&large, "\nfunc f%d(n int) int {\n\tn += %d\n\treturn n\n}\n", i, i)
	}
	reports := newBench(t, inModule(map[string]string{"a.go": "package a\n\nimport \"math/rand\"\n\nfunc F() int { return rand.Int() }\n", "g.go": large.String() + "\nfunc H() { n := 1; n = n }\n"})).run()
	if diff := cmp.Diff([]string{"gosec G404 a.go:5", "gosec G404 g.go:7"}, seen(reports[sastStage])); diff != "" {
		t.Errorf("sast, which looks at all code (-want +got):\n%s", diff)
	}
	if notes := strings.Join(reports[lintStage].Notes, "\n"); !strings.Contains(notes, "in generated files left out") {
		t.Errorf("notes of lint: %s", notes)
	}
}

func TestLintIgnore(t *testing.T) {
	t.Parallel()
	b := newBench(t, inModule(map[string]string{"a.go": "package a\n\nimport \"fmt\"\n\nfunc F() { fmt.Printf(\"%d\", \"x\") }\n", "b/b.go": "package b\n\nvar x int = \"\"\n"}))
	b.options.LintIgnore = []string{"sa5009", "compile", "G104"}
	lint := b.run()[lintStage]
	if diff := cmp.Diff([]string{"compiler compile b/b.go:3", "vet printf a.go:5"}, seen(lint)); diff != "" {
		t.Errorf("lint (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"1 finding of rules that the configuration switches off"}, lint.Notes); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
}

// TestDoesNotCompile tries code that is broken in many ways: it is a finding of
// lint at its line, and sast says what it could not examine.
func TestDoesNotCompile(t *testing.T) {
	t.Parallel()
	const sound = "package sound\n\nimport \"math/rand\"\n\nfunc F() int { return rand.Int() }\n"
	tests := []struct {
		name   string
		files  map[string]string
		lint   []string
		notRun string // of sast
	}{
		{
			name:   "a type error",
			files:  map[string]string{"a/a.go": "package a\n\nfunc F() int {\n\treturn \"\"\n}\n"},
			lint:   []string{"compiler compile a/a.go:4"},
			notRun: "1 package not analysed: example.com/m/a (it does not compile)",
		},
		{
			name:   "a syntax error",
			files:  map[string]string{"a/a.go": "package a\n\nfunc (\n"},
			lint:   []string{"compiler compile a/a.go:3"},
			notRun: "1 package not analysed: example.com/m/a (it does not compile)",
		},
		{
			name: "what imports it",
			files: map[string]string{
				"a/a.go": "package a\n\nfunc F() int { return G() }\n", "b/b.go": "package b\n\nimport \"example.com/m/a\"\n\nvar X string = a.G()\n",
			},
			lint:   []string{"compiler compile a/a.go:3"},
			notRun: "2 packages not analysed: example.com/m/a (it does not compile), example.com/m/b (it imports example.com/m/a, which does not compile)",
		},
		{
			name:   "only the tests",
			files:  map[string]string{"a/a.go": "package a\n", "a/a_test.go": "package a\n\nvar x = y\n"},
			lint:   []string{"compiler compile a/a_test.go:3"},
			notRun: "1 package not analysed: example.com/m/a (it does not compile)",
		},
		{
			name:   "an import that is nowhere",
			files:  map[string]string{"a/a.go": "package a\n\nimport _ \"example.com/m/nowhere\"\n"},
			lint:   []string{"compiler compile a/a.go:3"},
			notRun: "1 package not analysed: example.com/m/a (it does not compile)",
		},
		{
			name:   "an import cycle",
			files:  map[string]string{"a/a.go": "package a\n\nimport _ \"example.com/m/b\"\n", "b/b.go": "package b\n\nimport _ \"example.com/m/a\"\n"},
			lint:   []string{"compiler compile b/b.go:3"},
			notRun: "2 packages not analysed: example.com/m/a (it imports example.com/m/b, which does not compile), example.com/m/b (it does not compile)",
		},
		{
			name:   "two packages in one folder",
			files:  map[string]string{"a/a.go": "package a\n", "a/b.go": "package b\n"},
			lint:   []string{"compiler compile a/b.go:1"},
			notRun: "1 package not analysed: example.com/m/a (it does not compile)",
		},
		{
			name:   "a folder that cannot be imported",
			files:  map[string]string{"a b/a.go": "package a\n"},
			lint:   []string{"compiler compile a b/a.go:1"},
			notRun: "1 package not analysed: example.com/m/a b (it does not compile)",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.files["sound/sound.go"] = sound
			b := newBench(t, inModule(tt.files))
			for range 2 { // the second run finds what the first has kept
				reports := b.run()
				if diff := cmp.Diff(tt.lint, seen(reports[lintStage])); diff != "" {
					t.Errorf("lint (-want +got):\n%s", diff)
				}
				if got := reports[lintStage].NotRun; got != "" {
					t.Errorf("lint is not run: %s", got)
				}
				if diff := cmp.Diff([]string{"gosec G404 sound/sound.go:5"}, seen(reports[sastStage])); diff != "" {
					t.Errorf("sast (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(tt.notRun, reports[sastStage].NotRun); diff != "" {
					t.Errorf("sast is not run (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestNothingToCheck(t *testing.T) {
	t.Parallel()
	t.Run("an empty module", func(t *testing.T) {
		t.Parallel()
		for stage, r := range newBench(t, inModule(map[string]string{})).run() {
			if r.NotApplicable == "" || r.NotRun != "" {
				t.Errorf("%s: %+v, want it not applicable", stage, r)
			}
		}
	})
	t.Run("no file is built here", func(t *testing.T) {
		t.Parallel()
		for stage, r := range newBench(t, inModule(map[string]string{"a.go": "//go:build plan9\n\npackage a\n"})).run() {
			if r.NotRun == "" {
				t.Errorf("%s: %+v, want it not run", stage, r)
			}
		}
	})
	t.Run("no module", func(t *testing.T) {
		t.Parallel()
		job, err := Scanner{}.Job(scan.Service{Dir: t.TempDir()})
		if err != nil || job.NotApplicable == "" {
			t.Errorf("job %+v, error %v, want it not applicable", job, err)
		}
	})
}

// TestPlaces tries what could lead findings to other places than they are at.
func TestPlaces(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret.go")
	if err := os.WriteFile(secret, []byte("package secret // of somebody else\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"type/a.go":   "package a\n\n//line " + secret + ":1\nvar A int = \"\"\n",
		"syntax/a.go": "package a\n\n//line " + secret + ":1\nvar A int = \"\n",
		"vet/a.go":    "package a\n\nimport \"fmt\"\n\n//line " + secret + ":1\nfunc F() { fmt.Printf(\"%d\", \"x\") }\n",
	}
	b := newBench(t, inModule(files))
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(b.root, link); err != nil {
		t.Fatal(err)
	}
	b.root, b.dir = link, link
	lint := b.run()[lintStage]
	want := []string{"compiler compile syntax/a.go:4", "compiler compile type/a.go:4", "staticcheck SA5009 vet/a.go:6", "vet printf vet/a.go:6"}
	if diff := cmp.Diff(want, seen(lint)); diff != "" {
		t.Errorf("lint (-want +got):\n%s", diff)
	}
	for _, f := range lint.Findings {
		if f.Identity == "" || strings.Contains(f.Identity, "secret") {
			t.Errorf("%s has the identity %q", f.Location, f.Identity)
		}
	}
}

func TestIncremental(t *testing.T) {
	t.Parallel()
	files := inModule(map[string]string{
		"a/a.go":      "package a\n\n// F prints.\nfunc F(format string, args ...any) {}\n",
		"b/b.go":      "package b\n\nimport \"example.com/m/a\"\n\n// G prints.\nfunc G() { a.F(\"%d\", \"x\") }\n",
		"c/c.go":      "package c\n\nimport \"example.com/m/b\"\n\nfunc H() { b.G() }\n",
		"c/c_test.go": "package c\n\nimport \"testing\"\n\nfunc TestH(t *testing.T) { H() }\n",
		"d/d.go":      "package d\n\nimport \"math/rand\"\n\nfunc I() int { return rand.Int() }\n",
	})
	b := newBench(t, files)
	steps := []struct {
		name     string
		change   map[string]string
		analysed []string
		lint     []string
	}{
		{"first", nil, []string{"a", "b", "c", "d"}, []string{}},
		{"nothing", nil, []string{}, []string{}},
		{"a leaf", map[string]string{"c/c_test.go": "package c\n\nimport \"testing\"\n\nfunc TestH(t *testing.T) { H();  H() }\n"}, []string{"c"}, []string{"gofmt gofmt c/c_test.go:5"}},
		{
			"a fact of an imported package", map[string]string{"a/a.go": "package a\n\nimport \"fmt\"\n\n// F prints.\nfunc F(format string, args ...any) { fmt.Printf(format, args...) }\n"},
			[]string{"a", "b", "c"}, []string{"gofmt gofmt c/c_test.go:5", "vet printf b/b.go:6"},
		},
		{
			"an importer, with the fact kept", map[string]string{"b/b.go": "package b\n\nimport \"example.com/m/a\"\n\n// G prints text.\nfunc G() { a.F(\"%d\", \"x\") }\n"},
			[]string{"b", "c"}, []string{"gofmt gofmt c/c_test.go:5", "vet printf b/b.go:6"},
		},
	}
	for _, s := range steps {
		b.write(s.change)
		reports := b.run()
		if diff := cmp.Diff(s.analysed, b.analysed()); diff != "" {
			t.Errorf("%s changed: analysed (-want +got):\n%s", s.name, diff)
		}
		if diff := cmp.Diff(s.lint, seen(reports[lintStage])); diff != "" {
			t.Errorf("%s changed: lint (-want +got):\n%s", s.name, diff)
		}
		if diff := cmp.Diff([]string{"gosec G404 d/d.go:5"}, seen(reports[sastStage])); diff != "" {
			t.Errorf("%s changed: sast (-want +got):\n%s", s.name, diff)
		}
		afresh := &workbench{t: t, root: b.root, dir: b.dir, cache: newBench(t, nil).cache}
		if diff := cmp.Diff(afresh.run(), reports); diff != "" {
			t.Errorf("%s changed: not what a first run says (-first +got):\n%s", s.name, diff)
		}
	}
}

// TestDamagedStore damages what is kept: then it is as if it had not been.
func TestDamagedStore(t *testing.T) {
	t.Parallel()
	b := newBench(t, inModule(map[string]string{"a.go": "package a\n\nimport \"math/rand\"\n\nfunc F() int { return rand.Int() }\n"}))
	want := b.run()
	path := filepath.Join(b.cache, "gocode", storeName)
	whole, err := os.ReadFile(path) // #nosec G304 -- the test has made it
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Replace(whole, []byte("G404"), []byte("G405"), 1)
	for name, text := range map[string][]byte{"empty": {}, "cut off": whole[:len(whole)/2], "changed": flipped, "no JSON": []byte(digest([]byte("x")) + "\nx")} {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, b.run()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff([]string{"a"}, b.analysed()); diff != "" {
			t.Errorf("%s: analysed (-want +got):\n%s", name, diff)
		}
	}
}

func TestUnavailable(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, mod, says, remedy string
	}{
		{"a module that was not downloaded", "module example.com/m\n\ngo 1.26\n\nrequire example.com/nowhere v1.0.0\n", "example.com/nowhere", "run go mod tidy"},
		{"a go.mod that cannot be read", "module example.com/m\n\nbad line\n", "go.mod:3", "correct go.mod"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, map[string]string{"go.mod": tt.mod, "a.go": "package a\n\nimport _ \"example.com/nowhere\"\n"})
			_, err := b.try()
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("error %v, want it to say %q", err, tt.says)
			}
			if got := hint.Remedy(err); !strings.Contains(got, tt.remedy) {
				t.Errorf("remedy %q, want %q", got, tt.remedy)
			}
		})
	}
}

// TestDependencyDoesNotCompile has a module that does not compile in place of another, outside of the repository: that is
// no defect of this one, but nothing can be said about it.
func TestDependencyDoesNotCompile(t *testing.T) {
	t.Parallel()
	b := newBench(t, map[string]string{
		"svc/go.mod": "module example.com/m\n\ngo 1.26\n\nrequire example.com/dep v1.0.0\n\nreplace example.com/dep => ../dep\n",
		"svc/a.go":   "package a\n\nimport _ \"example.com/dep\"\n", "dep/go.mod": "module example.com/dep\n", "dep/dep.go": "package dep\n\nvar X int = \"\"\n",
	})
	b.root = filepath.Join(b.root, "svc")
	b.dir = b.root
	for stage, r := range b.run() {
		if len(r.Findings) > 0 || !strings.Contains(r.NotRun, "compiling example.com/dep: ") || !strings.Contains(r.NotRun, "dep.go:3") {
			t.Errorf("%s: not run %q, findings %q", stage, r.NotRun, seen(r))
		}
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	b := newBench(t, inModule(map[string]string{"a.go": "package a\n"}))
	task, err := b.task()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var once sync.Once
	task.Progress = func(s string) {
		if strings.HasPrefix(s, "loading") {
			once.Do(cancel)
		}
	}
	if _, err := (Scanner{}).Worker()(ctx, task); err == nil {
		t.Error("no error, want that of the context")
	}
}
