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
git update-index --add --cacheinfo 160000,1234567890123456789012345678901234567890,module
git config core.fsmonitor 'touch executed'
rm sub/a
`)
	got, modules, err := r.Tracked(t.Context())
	if diff := cmp.Diff([]string{"module"}, modules); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{".gitignore", "b c", "sub/a", "ü"}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if _, err := os.Stat(dir + "/executed"); err == nil {
		t.Error("the repository's program was executed")
	}
	if err := os.WriteFile(r.Dir+"/index", []byte("DIRC nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Tracked(t.Context()); err == nil {
		t.Error("a broken index was read")
	}
}

// TestAbsent: of submodules and theirs, those that are not checked out.
func TestAbsent(t *testing.T) {
	t.Parallel()
	r, dir := repository(t, `
module() { git -C "$1" update-index --add --cacheinfo "160000,1234567890123456789012345678901234567890,$2"; }
git init -q 'in here'
touch 'in here/file'
mkdir empty export
touch export/file
for name in 'in here' empty export none; do module . "$name"; done
module 'in here' deep
`)
	_, modules, err := r.Tracked(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := Absent(t.Context(), dir, modules)
	if diff := cmp.Diff([]string{"empty", "none", "in here/deep"}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if NotCheckedOut(nil) != nil || NotCheckedOut(got) == nil {
		t.Error("not told apart")
	}
}
