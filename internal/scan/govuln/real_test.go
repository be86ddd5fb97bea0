package govuln_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
	"github.com/sluice-ci/sluice/internal/scan/govuln"
	"github.com/sluice-ci/sluice/internal/vulndb"
)

// do plans and does a scanner's job.
func do(t *testing.T, s scan.Scanner, service scan.Service, needs map[string]pipeline.Need) pipeline.Need {
	t.Helper()
	job, err := s.Job(service)
	if err != nil {
		t.Fatal(err)
	}
	params, err := json.Marshal(job.Params)
	if err != nil {
		t.Fatal(err)
	}
	task := pipeline.Task{
		Job: job.Name, Stages: job.Stages, Root: service.Root, Dir: service.Dir, Out: t.TempDir(), Cache: t.TempDir(),
		Params: params, Needs: needs, Progress: func(string) {}, Log: t.Output(),
	}
	a, err := s.Worker()(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	need := pipeline.Need{Reports: map[string]pipeline.Report{}, Out: task.Out}
	for _, r := range a.Reports {
		need.Reports[r.Stage] = r
	}
	return need
}

// goDo runs the go command.
func goDo(t *testing.T, dir string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=", "GOWORK=off", "GOTOOLCHAIN=local")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %v: %v\n%s", args, err, out)
	}
	return out
}

// With the Go project's own data, the vulnerable call in testdata is found at
// its line.
func TestRealData(t *testing.T) {
	t.Parallel()
	var data struct{ Dir string }
	// A version that is as good as any: the flaw is of 2021.
	if err := json.Unmarshal(goDo(t, t.TempDir(), "mod", "download", "-json", "golang.org/x/vulndb@v0.0.0-20260813214354-9de686e1fb00"), &data); err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	dir := filepath.Join(root, "svc")
	if err := os.CopyFS(dir, os.DirFS("testdata/called")); err != nil {
		t.Fatal(err)
	}
	goDo(t, dir, "mod", "download")
	service := scan.Service{Root: root, Dir: dir, GoModule: "example.com/called", CacheDir: t.TempDir(), Options: scan.Options{VulnDB: data.Dir}}
	needs := map[string]pipeline.Need{"vulndb": do(t, vulndb.Scanner{}, service, nil)}
	r := do(t, govuln.Deps{}, service, needs).Reports["deps"]
	i := slices.IndexFunc(r.Findings, func(f sarif.Finding) bool { return f.Rule == "GO-2021-0113" })
	if i < 0 {
		t.Fatalf("GO-2021-0113 was not found, but %+v", r.Findings)
	}
	f := r.Findings[i]
	if f.Location.String() != "svc/tongue/tongue.go:8:28" || f.Reach != sarif.Reachable || f.Severity != sarif.High || !slices.Contains(f.Aliases, "CVE-2021-38561") {
		t.Errorf("the finding is %+v", f)
	}
	if n := r.Examined[2].N; n < 100 {
		t.Errorf("%d advisories were consulted, want at least the hundred about the standard library", n)
	}
}
