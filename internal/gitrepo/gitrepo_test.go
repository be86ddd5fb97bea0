package gitrepo

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// repository makes a repository from a script, in a folder of its own.
func repository(t *testing.T, script string) (Repository, string) {
	t.Helper()
	dir := t.TempDir()
	run(t, dir, "git init -q -b main .\n"+script)
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r, dir
}

func run(t *testing.T, dir, script string) string {
	t.Helper()
	c := exec.Command("sh", "-euc", script)
	c.Dir = dir
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestExport takes a commit out of a repository that would have git convert,
// leave out and execute things.
func TestExport(t *testing.T) {
	t.Parallel()
	r, dir := repository(t, `
mkdir -p sub/deep
printf 'one\ntwo\n' > text
printf '#!/bin/sh\n' > sub/run && chmod +x sub/run
printf 'hidden $Id$\n' > sub/deep/hidden
ln -s ../text sub/link
: > empty
printf 'sub/deep export-ignore\n* text eol=crlf ident filter=evil\n' > .gitattributes
git add . && git commit -q -m first
git config filter.evil.smudge 'touch executed'
git config core.fsmonitor 'touch executed'
printf 'later\n' > text && git commit -q -a -m second
`)
	out := filepath.Join(t.TempDir(), "out")
	first := run(t, dir, "rm -f executed; git rev-parse HEAD~1")
	if err := r.Export(t.Context(), first, out); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"text": "one\ntwo\n", "sub/run": "#!/bin/sh\n", "sub/deep/hidden": "hidden $Id$\n", "empty": ""} {
		got, err := os.ReadFile(filepath.Join(out, name))
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, want)
		}
	}
	if to, err := os.Readlink(filepath.Join(out, "sub/link")); err != nil || to != "../text" {
		t.Errorf("sub/link leads to %q, %v", to, err)
	}
	if info, err := os.Stat(filepath.Join(out, "sub/run")); err != nil || info.Mode()&0o100 == 0 {
		t.Errorf("sub/run cannot be executed: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "executed")); err == nil {
		t.Error("git ran a program that the repository names")
	}
}

func TestExportRefuses(t *testing.T) {
	t.Parallel()
	blob := "100644 blob e69de29bb2d1d6434b8b29ae775ad8c2e48c5391 "
	for line, good := range map[string]bool{
		blob + "0\ta/b":          true,
		blob + "0\t../b":         false,
		blob + "0\t/b":           false,
		blob + "0\ta//b":         false,
		blob + "0\t.git/hooks/x": false,
		blob + "0\ta/.GIT/x":     false,
		blob + "-\ta":            false,
		blob + "-1\ta":           false,
		blob + "0\t":             false,
		"0\ta":                   false,
		"160000 commit e69de29bb2d1d6434b8b29ae775ad8c2e48c5391 -\tmodule": true,
		"040000 tree e69de29bb2d1d6434b8b29ae775ad8c2e48c5391 -\tfolder":   false,
	} {
		if _, err := parseEntry(line); (err == nil) != good {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func TestResolveAndMergeBases(t *testing.T) {
	t.Parallel()
	r, dir := repository(t, `
git commit -q --allow-empty -m base && git tag fork
git checkout -q -b topic && git commit -q --allow-empty -m topic
git checkout -q main && git commit -q --allow-empty -m main
git update-ref refs/remotes/origin/main main && git update-ref refs/remotes/origin/same main && git tag origin/same main
git checkout -q topic
git tag origin/main fork
git checkout -q --orphan other && git commit -q --allow-empty -m other && git checkout -q topic`)
	id := func(ref string) string { return run(t, dir, "git rev-parse "+ref+"^{commit}") }
	fork := id("fork")
	for ref, want := range map[string]string{"main": id("refs/heads/main"), "fork": fork, "HEAD~1": fork, fork: fork, "refs/remotes/origin/main": id("refs/heads/main"), "origin/same": id("refs/heads/main")} {
		got, err := r.Resolve(t.Context(), ref)
		if err != nil || got != want {
			t.Errorf("%s: %q, %v, want %s", ref, got, err, want)
		}
		if bases, err := r.MergeBases(t.Context(), got); err != nil || len(bases) != 1 || bases[0] != fork {
			t.Errorf("%s: bases %q, %v, want %s", ref, bases, err, fork)
		}
	}
	for _, ref := range []string{"", "nothing", "--all", "-h", "main\nfork", "origin/main"} {
		if got, err := r.Resolve(t.Context(), ref); err == nil {
			t.Errorf("%q: %s", ref, got)
		}
	}
	if bases, err := r.MergeBases(t.Context(), id("other")); err == nil {
		t.Errorf("of nothing in common: %s", bases)
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	r, dir := repository(t, `
mkdir d && printf text > d/file && ln -s d/file link && printf '* export-ignore\n' > .gitattributes
git init -q sub && git -C sub commit -q --allow-empty -m sub
git add . 2>/dev/null && git commit -q -m first`)
	commit := run(t, dir, "git rev-parse HEAD")
	if got, err := r.File(t.Context(), commit, "d/file", 10); err != nil || string(got) != "text" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := r.File(t.Context(), commit, "none", 10); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	for name, most := range map[string]int64{"d/file": 3, "link": 10, "d": 10, "sub": 10, "*": 10} {
		if got, err := r.File(t.Context(), commit, name, most); err == nil {
			t.Errorf("%s: %q", name, got)
		}
	}
	if !r.IsSubmodule(t.Context(), "sub") || r.IsSubmodule(t.Context(), "d") || r.IsSubmodule(t.Context(), "none") {
		t.Error("sub is a submodule, and nothing else is")
	}
}

// TestLinkedWorkTree opens a work tree whose .git is a file.
func TestLinkedWorkTree(t *testing.T) {
	t.Parallel()
	_, dir := repository(t, `git commit -q --allow-empty -m base && git worktree add -q linked`)
	r, err := Open(filepath.Join(dir, "linked"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Resolve(t.Context(), "main"); err != nil {
		t.Error(err)
	}
}
