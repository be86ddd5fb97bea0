package gomod

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/module"

	"github.com/sluice-ci/sluice/internal/hint"
)

// lay writes files, given as "path", "content" pairs, and returns their folder.
func lay(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for path, text := range files {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// within makes paths relative to dir.
func within(t *testing.T, dir string, paths []string) (list []string) {
	t.Helper()
	for _, p := range paths {
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, rel)
	}
	return list
}

func TestFind(t *testing.T) {
	t.Parallel()
	type want struct {
		Dirs, Files []string
		Requires    []module.Version
		Go, GoAt    string
		Work        bool
		Vendored    bool
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  want
	}{
		"alone": {
			map[string]string{"app/go.mod": "module m\n\ngo 1.25\n"},
			want{Dirs: []string{"app"}, Go: "1.25", GoAt: "go.mod:3"},
		},
		"requirements and replacements": {
			map[string]string{
				"app/go.mod": "module m\ngo 1.25\nrequire (\n\ta.org/a v1.0.0\n\tb.org/b v1.0.0\n\tc.org/c v1.0.0\n\td.org/d v1.0.0\n)\n" +
					"replace b.org/b => ../b\nreplace c.org/c => e.org/e v1.2.0\nreplace d.org/d v1.0.0 => ../gone\n",
				"b/go.mod": "module b.org/b\n",
			},
			want{Dirs: []string{"app", "b"}, Files: []string{"gone/go.mod"}, Go: "1.25", GoAt: "go.mod:2",
				Requires: []module.Version{{Path: "a.org/a", Version: "v1.0.0"}, {Path: "e.org/e", Version: "v1.2.0"}}},
		},
		"workspace above": {
			map[string]string{
				"go.work":    "go 1.26\nuse (\n\t./app\n\t./lib\n)\nreplace x.org/x => ./x\n",
				"app/go.mod": "module m\ngo 1.24\nrequire x.org/x v1.0.0\n",
				"lib/go.mod": "module l\ngo 1.25\nrequire y.org/y v1.0.0\n",
				"x/go.mod":   "module x.org/x\n",
			},
			want{Dirs: []string{"app", "lib", "x"}, Files: []string{"go.work", "go.work.sum", "vendor/modules.txt"}, Work: true, Go: "1.26", GoAt: "go.work:1",
				Requires: []module.Version{{Path: "y.org/y", Version: "v1.0.0"}}},
		},
		"vendor folder": {
			map[string]string{"app/go.mod": "module m\ngo 1.25\nrequire a.org/a v1.0.0\n", "app/vendor/modules.txt": "# a.org/a v1.0.0\n"},
			want{Dirs: []string{"app"}, Go: "1.25", GoAt: "go.mod:2", Vendored: true, Requires: []module.Version{{Path: "a.org/a", Version: "v1.0.0"}}},
		},
		"a vendor folder that is too old to count": {
			map[string]string{"app/go.mod": "module m\ngo 1.13\n", "app/vendor/modules.txt": "# a.org/a v1.0.0\n"},
			want{Dirs: []string{"app"}, Go: "1.13", GoAt: "go.mod:2"},
		},
		"a module's vendor folder within a workspace": {
			map[string]string{"go.work": "go 1.25\nuse ./app\n", "app/go.mod": "module m\ngo 1.25\n", "vendor/modules.txt": "# a.org/a v1.0.0\n"},
			want{Dirs: []string{"app"}, Files: []string{"go.work", "go.work.sum", "vendor/modules.txt"}, Work: true, Go: "1.25", GoAt: "go.work:1"},
		},
		"a workspace's vendor folder": {
			map[string]string{"go.work": "go 1.25\nuse ./app\n", "app/go.mod": "module m\ngo 1.25\n", "vendor/modules.txt": "## workspace\n"},
			want{Dirs: []string{"app"}, Files: []string{"go.work", "go.work.sum", "vendor/modules.txt"}, Work: true, Go: "1.25", GoAt: "go.work:1", Vendored: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := lay(t, c.files)
			w, err := Find(filepath.Join(dir, "app"))
			if err != nil {
				t.Fatal(err)
			}
			got := want{within(t, dir, w.Dirs), within(t, dir, w.Files), w.Requires, w.Go, w.GoAt, w.Work, w.Vendored}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestFindNamesTheLineThatIsWrong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		files map[string]string
		says  string
	}{
		"go.mod":           {map[string]string{"app/go.mod": "module m\n\nrequires x v1.0.0\n"}, "go.mod:3: unknown directive: requires"},
		"go.work":          {map[string]string{"go.work": "go 1.25\nuse (\n", "app/go.mod": "module m\n"}, "go.work:"},
		"a used go.mod":    {map[string]string{"go.work": "go 1.25\nuse ./lib\n", "lib/go.mod": "module\n", "app/go.mod": "module m\n"}, "lib/go.mod:1: "},
		"no go.mod at all": {map[string]string{"app/main.go": "package main\n"}, "go.mod: no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := lay(t, c.files)
			w, err := Find(filepath.Join(dir, "app"))
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("Find: %v, want an error with %q", err, c.says)
			}
			if name != "no go.mod at all" && hint.Remedy(err) == "" {
				t.Error("there is no remedy")
			}
			if len(w.Dirs) == 0 || w.Dirs[0] != filepath.Join(dir, "app") {
				t.Errorf("Dirs = %v, want the service's folder in any case", w.Dirs)
			}
		})
	}
}

func TestFindBoundsFiles(t *testing.T) {
	t.Parallel()
	dir := lay(t, map[string]string{"go.mod": "module m\n"})
	if err := os.Truncate(filepath.Join(dir, "go.mod"), maxFile+1); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(dir); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("Find: %v, want an error about the size", err)
	}
}
