package gitrepo

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTracked(t *testing.T) {
	t.Parallel()
	r, dir := repository(t, `
mkdir sub
: > sub/a; : > 'b c'; : > ü; : > other
printf 'sub\n' > .gitignore
git add -f sub 'b c' ü .gitignore
git config core.fsmonitor 'touch executed'
rm sub/a
`)
	got, err := r.Tracked(t.Context())
	if diff := cmp.Diff([]string{".gitignore", "b c", "sub/a", "ü"}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if _, err := os.Stat(dir + "/executed"); err == nil {
		t.Error("the repository's program was executed")
	}
	if err := os.WriteFile(r.Dir+"/index", []byte("DIRC nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Tracked(t.Context()); err == nil {
		t.Error("a broken index was read")
	}
}
