package secrets

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What the files of references name, in all the ways that git keeps them, is
// what git lists; so a scan of such a repository is complete.
func TestReferences(t *testing.T) {
	t.Parallel()
	tests := map[string]func(r *repo){
		"a branch":                  func(*repo) {},
		"all packed":                func(r *repo) { r.git("pack-refs", "--all") },
		"packed, and changed since": func(r *repo) { r.git("pack-refs", "--all"); r.put("b", "b\n") },
		"packed, and deleted since": func(r *repo) { r.git("tag", "v1"); r.git("pack-refs", "--all"); r.git("tag", "-d", "v1") },
		"a tag with a message":      func(r *repo) { r.git("tag", "-a", "-m", "one", "v1"); r.git("pack-refs", "--all") },
		"a tag of a file":           func(r *repo) { r.git("tag", "file", "HEAD:a") },
		"folders of branches":       func(r *repo) { r.git("branch", "a/b/c") },
		"a name for a name":         func(r *repo) { r.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/heads/main") },
		"one that is being written": func(r *repo) { r.write(".git/refs/heads/new.lock", "") },
		"no branch":                 func(r *repo) { r.git("checkout", "-q", "--detach"); r.git("branch", "-D", "main") },
		"a bisection, seen from beside": func(r *repo) {
			r.git("checkout", "-q", "--detach")
			r.git("update-ref", "refs/bisect/bad", r.git("commit-tree", "-m", "bad", "HEAD^{tree}"))
			linked := filepath.Join(r.t.TempDir(), "linked")
			r.git("worktree", "add", "-q", linked, "main")
			r.dir = linked
		},
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRepo(t)
			r.put("a", "a\n")
			change(r)
			if n := examined(r.complete(), "commits"); n == 0 {
				t.Error("no commit was examined")
			}
		})
	}
}

// A commit that only the HEAD of another work tree leads to is scanned too.
func TestHeadOfAnotherWorkTree(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.put("a", "a\n")
	linked := &repo{t: t, dir: filepath.Join(t.TempDir(), "linked"), clock: 100}
	r.git("worktree", "add", "-q", "--detach", linked.dir)
	commit := linked.put("a.env", awsKey()+"\n")
	if diff := cmp.Diff([]string{"aws-access-token a.env:1 " + commit}, places(r.complete().Findings)); diff != "" {
		t.Error(diff)
	}
}

func TestReferencesThatCannotBeTrusted(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		file, text, want string
	}{
		"kept in tables":      {"HEAD", "ref: refs/heads/.invalid\n", "kept in tables"},
		"no object's name":    {"worktrees/other/HEAD", "garbage\n", "does not name an object"},
		"a packed one broken": {"packed-refs", "# pack-refs with: peeled\ngarbage refs/heads/a\n", "has the line"},
		"too long":            {"HEAD", strings.Repeat("a", 100<<10), "not a file of at most"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := repository{common: t.TempDir()}
			r.dir = r.common
			file := filepath.Join(r.common, filepath.FromSlash(test.file))
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := r.heads()
			if err == nil {
				_, err = r.packed()
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}
