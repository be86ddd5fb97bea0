package config

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/sluice-ci/sluice/internal/policy"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

const day = 24 * time.Hour

func defaultGates() policy.Gates {
	return policy.Gates{
		"lint": {Fail: sarif.Medium}, "test": {}, "sast": {Fail: sarif.Medium}, "secrets": {}, "workflow": {Fail: sarif.Medium},
		"deps": {Reach: sarif.Reachable, MaxAge: 7 * day}, "image-scan": {Fail: sarif.High, Reach: sarif.Reachable, MaxAge: 7 * day}, "dast": {Fail: sarif.Medium}, "iac": {Fail: sarif.High}, "licenses": {Fail: sarif.High}, "policy": {Fail: sarif.High},
	}
}

func TestReadWithoutAFile(t *testing.T) {
	t.Parallel()
	top := tree(t, map[string]string{".git/HEAD": "", "app/go.mod": "module example.com/app\n", "app/cmd/app/main.go": mainGo, "app/x.py": ""})
	got, err := Read(filepath.Join(top, "app"))
	if err != nil {
		t.Fatal(err)
	}
	want := Pipeline{
		Service: scan.Service{Name: "app", Root: top, Dir: top + "/app", GitTop: top, GoModule: "example.com/app", Main: "cmd/app",
			Target: "local", Options: scan.Options{TestLimit: "10m0s"}},
		Policy: policy.Policy{Gates: defaultGates()},
		Notes:  []string{"Python is not examined, as there is no requirements.txt, pyproject.toml, setup.py or Pipfile: x.py"},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Pipeline{}, "Root", "Written")); diff != "" {
		t.Error(diff)
	}
}

func TestReadPython(t *testing.T) {
	t.Parallel()
	top := tree(t, map[string]string{".git/HEAD": "", "My_Shop/requirements.txt": "", "go/requirements.txt": "", "go/sluice.yaml": "build: {main: cmd/x}\n", "go/cmd/x/y": ""})
	got, err := Read(filepath.Join(top, "My_Shop"))
	if s := got.Service; err != nil || s.Name != "my-shop" || !s.Python || s.GoModule != "" || s.Main != "" || len(got.Notes) > 0 {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = Read(filepath.Join(top, "go"))
	fails(t, err, "", "sluice.yaml:1:", "there is no go.mod")
}

func TestReadWithAFile(t *testing.T) {
	t.Parallel()
	top := tree(t, map[string]string{Name: whole, "app/go.mod": "module example.com/other\n", "app/cmd/todo/main.go": mainGo, "docs/x": ""})
	want := Pipeline{
		Service: scan.Service{Name: "todo", Root: top, Dir: top + "/app", GoModule: "example.com/other", Main: "cmd/todo", Target: "local",
			Options: scan.Options{LintIgnore: []string{"SA1019", "ST1000"}, VulnDB: "https://vuln.example.org", Coverage: 70, TestLimit: "5m0s",
				Env: map[string]string{"LOG_LEVEL": "info", "GREETING": "8"}, Port: 8080}},
		Policy: policy.Policy{Gates: policy.Gates{
			"lint": {Fail: sarif.High}, "test": {Never: true}, "sast": {Fail: sarif.Low}, "secrets": {}, "workflow": {Fail: sarif.Medium},
			"deps": {Reach: sarif.Imported, MaxAge: 30 * day}, "image-scan": {Fail: sarif.Critical, Reach: sarif.Imported, MaxAge: 30 * day}, "dast": {Never: true}, "iac": {Fail: sarif.High}, "licenses": {Fail: sarif.High}, "policy": {Fail: sarif.High},
		}},
		File: top + "/" + Name,
	}
	for _, start := range []string{".", "app", "app/cmd", "docs"} {
		got, err := Read(filepath.Join(top, start))
		if err != nil {
			t.Fatalf("%s: %v", start, err)
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Pipeline{}, "Root", "Written")); diff != "" {
			t.Errorf("%s: %s", start, diff)
		}
	}
}

func TestReadFillsInDefaults(t *testing.T) {
	t.Parallel()
	top := tree(t, map[string]string{Name: "gates: {deps: {fail: never}, lint: {ignore: [ST1000]}}\nvulndb: data\n", "data/x": "", "go.mod": "module m\n", "main.go": mainGo})
	got, err := Read(top)
	if err != nil {
		t.Fatal(err)
	}
	gates := defaultGates()
	gates["deps"] = policy.Gate{Never: true, MaxAge: 7 * day}
	gates["image-scan"] = policy.Gate{Fail: sarif.High, MaxAge: 7 * day}
	if diff := cmp.Diff(gates, got.Policy.Gates); diff != "" {
		t.Error(diff)
	}
	if want := (scan.Options{LintIgnore: []string{"ST1000"}, VulnDB: top + "/data", TestLimit: "10m0s"}); !cmp.Equal(want, got.Service.Options) {
		t.Error(cmp.Diff(want, got.Service.Options))
	}
}

func TestReadErrors(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		files        map[string]string
		start        string
		says, remedy string
	}{
		"broken file":     {map[string]string{Name: "gatse: {}\n"}, ".", `sluice.yaml:1:1: unknown key "gatse" (did you mean "gates"?)`, "correct sluice.yaml"},
		"no command":      {map[string]string{Name: "service: x\nbuild:\n  main: cmd/x\n", "go.mod": "module m\n"}, ".", `sluice.yaml:3:9: "main" names the folder "cmd/x", which does not exist`, "correct sluice.yaml"},
		"command is none": {map[string]string{Name: "build: {main: lib}\n", "go.mod": "module m\n", "lib/x.go": "package lib\n"}, ".", `sluice.yaml:1:15: "main" names the folder "lib", which has no main package that is built for Linux`, "correct sluice.yaml"},
		"no name":         {map[string]string{"go.mod": "module example.com/42\n", "main.go": mainGo}, ".", "the module path example.com/42 yields no name for the service", "service: todo"},
		"a package":       {map[string]string{".git/HEAD": "", "go.mod": "module m\n", "cmd/x/main.go": mainGo}, "cmd/x", "cmd/x is no service: there is no go.mod in it", "cmd/x is part of the Go module in "},
		"another service": {map[string]string{Name: "path: a\n", "a/go.mod": "module a\n", "a/main.go": mainGo, "b/go.mod": "module b\n"}, "b", "b is a Go module of its own, but ", "write a sluice.yaml in that folder"},
		"no folder":       {nil, "none", "does not exist", "name the folder of a service"},
		"empty":           {nil, ".", "is empty: there is no go.mod in it", "go mod init"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Read(filepath.Join(tree(t, test.files), test.start))
			fails(t, err, test.remedy, test.says)
		})
	}
}
