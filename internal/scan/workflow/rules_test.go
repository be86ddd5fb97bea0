package workflow

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// wants matches the rules of which a line has defects.
var wants = regexp.MustCompile(`want: ([a-z -]+)$`)

// TestRules holds that exactly those lines have defects that say so.
func TestRules(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/rules/*.yml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(marked(string(text)), told(examine(t, string(text)).findings)); d != "" {
				t.Errorf("defects (-want +got):\n%s", d)
			}
		})
	}
}

func marked(text string) (want []string) {
	for i, line := range strings.Split(text, "\n") {
		if m := wants.FindStringSubmatch(line); m != nil {
			for _, rule := range strings.Fields(m[1]) {
				want = append(want, fmt.Sprintf("%d %s", i+1, rule))
			}
		}
	}
	slices.Sort(want)
	return want
}

func told(findings []sarif.Finding) (got []string) {
	for _, f := range findings {
		got = append(got, fmt.Sprintf("%d %s", f.Location.Line, f.Rule))
	}
	slices.Sort(got)
	return got
}

// examine looks at one workflow.
func examine(t *testing.T, text string) *seen {
	t.Helper()
	return lookAt(t, map[string]string{".github/workflows/ci.yml": text})
}

// lookAt looks at a repository that has some files.
func lookAt(t *testing.T, files map[string]string) *seen {
	t.Helper()
	root, err := os.OpenRoot(repository(t, files))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	s, err := look(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// repository makes a folder of files.
func repository(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[name]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestExplained holds that every rule that is told has an explanation.
func TestExplained(t *testing.T) {
	t.Parallel()
	for id, r := range rules() {
		if r.ID != id || r.Tool == "" || r.Name == "" || r.Why == "" || r.Fix == "" {
			t.Errorf("%s is not explained: %+v", id, r)
		}
	}
}
