package gitrepo

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFolders has a repository that borrows objects of one that borrows some
// itself, and one that borrows its own.
func TestFolders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, alternates := range map[string]string{"a": "# a comment\n" + dir + "/b/objects\n", "b": "../../c/objects\n", "c": "", "d": dir + "/d/objects\n"} {
		info := filepath.Join(dir, name, "objects", "info")
		if err := os.MkdirAll(info, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(info, "alternates"), []byte(alternates), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := Repository{Dir: dir + "/w", Common: dir + "/a"}
	if diff := cmp.Diff([]string{dir + "/w", dir + "/a", dir + "/b/objects", dir + "/c/objects"}, r.Folders()); diff != "" {
		t.Error(diff)
	}
	r.Common = dir + "/d"
	if got := slices.Compact(r.Folders()[2:]); !slices.Equal(got, []string{dir + "/d/objects"}) {
		t.Errorf("folders %v", got)
	}
}
