//go:build infra

package terraform

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEnvironmentsAlike: what is tried in staging is what production is. They
// differ in the defaults of variables, in what they let a database be, and in
// where their state is.
func TestEnvironmentsAlike(t *testing.T) {
	t.Parallel()
	mayDiffer := regexp.MustCompile(`(?m)^ +(default|allow_shared_core|prefix|condition|error_message) += .*$`)
	staging, production := environment(t, "staging"), environment(t, "production")
	for _, files := range []map[string]string{staging, production} {
		for name, text := range files {
			files[name] = mayDiffer.ReplaceAllString(text, "")
		}
	}
	if diff := cmp.Diff(staging, production); diff != "" {
		t.Errorf("environments (-staging +production):\n%s", diff)
	}
}

// environment is the text of its files, by name.
func environment(t *testing.T, name string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("environments", name, "*.tf"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %d files, %v", name, len(paths), err)
	}
	all := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(path)] = string(text)
	}
	return all
}
