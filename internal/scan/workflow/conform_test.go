package workflow

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/scan"
	"github.com/sluice-ci/sluice/internal/scan/scantest"
)

func TestConform(t *testing.T) {
	service := func(text string, change func(t *testing.T, dir string)) func(*testing.T) scantest.Service {
		return func(t *testing.T) scantest.Service {
			t.Helper()
			dir := repository(t, map[string]string{".github/workflows/ci.yml": text, "app/go.mod": "module app\n"})
			change(t, dir)
			app := filepath.Join(dir, "app")
			return scantest.Service{Service: scan.Service{Root: app, Dir: app, GitTop: dir, Version: "v0"}}
		}
	}
	as := func(*testing.T, string) {}
	write := func(name, text string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	unpinned := strings.Replace(clean, "run: make", "uses: a/b@main", 1)
	scantest.Run(t, scantest.Adapter{
		Scanner: Scanner{},
		Make:    service(clean, as),
		Defects: map[string]func(*testing.T) scantest.Service{
			"an action that can move":        service(unpinned, as),
			"one that settings let be":       service(unpinned, write(".github/actionlint.yaml", "paths: {'**': {ignore: ['.*']}}\n")),
			"one that a remark lets be":      service(strings.Replace(unpinned, "@main", "@main # zizmor: ignore[unpinned-uses]", 1), as),
			"a file that cannot be examined": service(clean, write(".github/workflows/broken.yml", "on: [push\n")),
		},
		Blind: map[string]func(*testing.T) scantest.Service{
			"a link out of the repository": service(clean, func(t *testing.T, dir string) {
				t.Helper()
				if err := os.Symlink("/etc/passwd", filepath.Join(dir, ".github/workflows/b.yml")); err != nil {
					t.Fatal(err)
				}
			}),
			"a folder that is a link out of it": service(clean, func(t *testing.T, dir string) {
				t.Helper()
				if err := os.RemoveAll(filepath.Join(dir, ".github")); err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink(t.TempDir(), filepath.Join(dir, ".github")); err != nil {
					t.Fatal(err)
				}
			}),
		},
	})
}

// TestJob holds that a repository without a workflow is none to examine.
func TestJob(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		files   map[string]string
		applies bool
	}{
		"none":         {map[string]string{"main.go": "package main\n", ".github/dependabot.yml": "version: 2\n"}, false},
		"a workflow":   {map[string]string{".github/workflows/a.yaml": clean}, true},
		"an action":    {map[string]string{".github/actions/a/action.yml": "runs: {}\n"}, true},
		"another file": {map[string]string{".github/workflows/a.json": "{}"}, false},
	}
	for name, test := range tests {
		dir := repository(t, test.files)
		job, err := Scanner{}.Job(scan.Service{Root: dir, Dir: dir})
		if err != nil || (job.NotApplicable == "") != test.applies || !job.Check {
			t.Errorf("%s: got %+v, %v", name, job, err)
		}
	}
}
