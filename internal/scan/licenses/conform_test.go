package licenses

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/scan"
	"github.com/sluice-ci/sluice/internal/scan/scantest"
)

func TestConform(t *testing.T) {
	service := func(module, planted string, terms scan.Licenses) func(*testing.T) scantest.Service {
		return func(t *testing.T) scantest.Service {
			t.Helper()
			dir := folder(t, module, planted)
			return scantest.Service{Service: scan.Service{
				Root: dir, Dir: filepath.Join(dir, "svc"), GoModule: module, Main: "cmd/s", Version: "v1", CacheDir: sharedCache(t), Options: scan.Options{Licenses: terms},
			}}
		}
	}
	scantest.Run(t, scantest.Adapter{
		Scanner: Scanner{},
		Make:    service("example.com/s", "MIT", scan.Licenses{}),
		Defects: map[string]func(*testing.T) scantest.Service{
			"strong copyleft":         service("example.com/s", "GPL-3.0-or-later", scan.Licenses{}),
			"network copyleft":        service("example.com/s", "AGPL-3.0-or-later", scan.Licenses{}),
			"an unknown licence":      service("example.com/s", "unknown", scan.Licenses{}),
			"one that is not allowed": service("example.com/s", "MIT", scan.Licenses{Allow: []string{"BSD-3-Clause"}}),
			"one that is denied":      service("example.com/s", "MIT", scan.Licenses{Deny: []string{"MIT"}}),
		},
		Blind: map[string]func(*testing.T) scantest.Service{
			"a module is not there": func(t *testing.T) scantest.Service {
				s := service("example.com/s", "MIT", scan.Licenses{})(t)
				if err := os.RemoveAll(filepath.Join(s.Root, "dep")); err != nil {
					t.Fatal(err)
				}
				return s
			},
		},
		Tools: []scantest.Tool{{Name: "go", Stay: []string{"env", "version"},
			Elsewhere: func(t *testing.T) string {
				return filepath.Join(service("example.com/other", "GPL-3.0-or-later", scan.Licenses{})(t).Dir)
			}}},
	})
}

// folder is a repository with a service in svc and a module beside it, in dep, which
// is under a planted licence and comes by another one, in mid.
func folder(t *testing.T, module, planted string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"svc/go.mod":          "module " + module + "\n\ngo 1.21\n\nrequire (\n\texample.com/dep v0.0.0 // indirect\n\texample.com/mid v1.0.0\n\texample.com/tested v1.0.0\n)\n\nreplace (\n\texample.com/mid => ../mid\n\texample.com/dep => ../dep\n\texample.com/tested => ../tested\n)\n",
		"svc/cmd/s/main.go":   "package main\n\nimport _ \"example.com/mid\"\n\nfunc main() { println() }\n",
		"svc/cmd/s/s_test.go": "package main\n\nimport _ \"example.com/tested\"\n",
		"mid/go.mod":          "module example.com/mid\n\ngo 1.21\n\nrequire example.com/dep v0.0.0\n",
		"mid/mid.go":          "package mid\n\nimport _ \"example.com/dep/deep\"\n",
		"dep/go.mod":          "module example.com/dep\n\ngo 1.21\n",
		"dep/deep/deep.go":    "package deep\n\nimport _ \"errors\"\n",
		"tested/go.mod":       "module example.com/tested\n\ngo 1.21\n",
		"tested/tested.go":    "package tested\n",
		"tested/LICENSE":      text(t, "AGPL-3.0-or-later"),
	} {
		write(t, filepath.Join(dir, name), text)
	}
	write(t, filepath.Join(dir, "dep", "LICENSE"), text(t, planted))
	return dir
}

// text is one of the planted.
func text(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("planted", name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// sharedCache is a cache folder of Sluice's with the go command's own in it.
func sharedCache(t *testing.T) string {
	t.Helper()
	shared, err := exec.CommandContext(t.Context(), "go", "env", "GOCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	if err := os.Symlink(strings.TrimSpace(string(shared)), filepath.Join(cache, string(gotool.CheckZone))); err != nil {
		t.Fatal(err)
	}
	return cache
}
