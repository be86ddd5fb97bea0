package secrets

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// hidden commits a secret and takes it out again, so that only the history has it.
func hidden(r *repo) (secret, commit string) {
	r.t.Helper()
	secret = awsKey()
	r.put("README", "a service\n")
	commit = r.put("deploy.sh", "#!/bin/sh\nexport KEY="+secret+"\n")
	r.put("deploy.sh", "#!/bin/sh\n")
	return secret, commit
}

func TestSecretInAnOldCommit(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"sha1", "sha256"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			r := newRepo(t, "--object-format="+format)
			_, commit := hidden(r)
			report := r.complete()
			want := []string{"aws-access-token deploy.sh:2 " + commit}
			if diff := cmp.Diff(want, places(report.Findings)); diff != "" {
				t.Error(diff)
			}
			if n := examined(report, "commits"); n != 3 {
				t.Errorf("commits examined = %d, want 3", n)
			}
			if f := report.Findings[0]; f.Location.Column != len("export KEY=")+1 || !strings.Contains(f.Fix, "filter-repo") || !strings.HasPrefix(f.Fix, "First revoke") {
				t.Errorf("finding = %+v", f)
			}
		})
	}
}

// What a repository can say in its files and its configuration must neither
// hide a line of its history nor start a program.
func TestRepositoryCannotHideItsHistory(t *testing.T) {
	t.Parallel()
	tricks := map[string]func(r *repo, touch string){
		"attribute -diff":  func(r *repo, _ string) { r.put(".gitattributes", "* -diff\n") },
		"attribute binary": func(r *repo, _ string) { r.put(".gitattributes", "* binary\n") },
		"info/attributes":  func(r *repo, _ string) { r.write(".git/info/attributes", "* -diff\n") },
		"diff.noprefix":    func(r *repo, _ string) { r.git("config", "diff.noprefix", "true") },
		"bigFileThreshold": func(r *repo, _ string) { r.git("config", "core.bigFileThreshold", "1") },
		"diff.orderFile":   func(r *repo, _ string) { r.git("config", "diff.orderFile", "/dev/null") },
		"external diff": func(r *repo, touch string) {
			r.put(".gitattributes", "* diff=x\n")
			for _, key := range []string{"diff.external", "diff.x.command", "diff.x.textconv", "core.pager", "pager.log", "core.fsmonitor", "core.sshCommand", "alias.rev-list", "alias.diff-tree", "core.editor", "gpg.program", "credential.helper", "uploadpack.packObjectsHook"} {
				r.git("config", key, "sh -c 'touch "+touch+"'")
			}
			r.git("config", "log.showSignature", "true")
		},
		"filters": func(r *repo, touch string) {
			r.put(".gitattributes", "* filter=x\n")
			r.git("config", "filter.x.clean", "touch "+touch+"; cat")
			r.git("config", "filter.x.smudge", "touch "+touch+"; cat")
			r.git("config", "filter.x.process", "touch "+touch)
		},
		"included configuration": func(r *repo, touch string) {
			r.write("more.config", "[core]\n\tfsmonitor = touch "+touch+"\n[diff]\n\tnoprefix = true\n")
			r.commit()
			r.git("config", "includeIf.gitdir:**.path", filepath.Join(r.dir, "more.config"))
			r.git("config", "include.path", filepath.Join(r.dir, "more.config"))
		},
		"hooks": func(r *repo, touch string) {
			for _, hook := range []string{"post-index-change", "reference-transaction", "fsmonitor-watchman", "pre-auto-gc"} {
				r.write(".git/hooks/"+hook, "#!/bin/sh\ntouch "+touch+"\n")
				if err := os.Chmod(filepath.Join(r.dir, ".git/hooks", hook), 0o755); err != nil {
					r.t.Fatal(err)
				}
			}
		},
		"export-ignore": func(r *repo, _ string) { r.put(".gitattributes", "* export-ignore\n") },
		"replaced file": func(r *repo, _ string) {
			r.git("replace", r.git("rev-parse", "HEAD~1:deploy.sh"), r.git("rev-parse", "HEAD:deploy.sh"))
		},
		"replaced commit":     func(r *repo, _ string) { r.git("replace", "--graft", "HEAD") },
		"grafts":              func(r *repo, _ string) { r.write(".git/info/grafts", r.git("rev-parse", "HEAD")+"\n") },
		"forged commit-graph": forgeCommitGraph,
		"gitleaks settings": func(r *repo, _ string) {
			r.write(".gitleaks.toml", "[allowlist]\npaths = ['.*']\n")
			r.write(".gitleaksignore", r.git("rev-parse", "HEAD~1")+":deploy.sh:aws-access-token:2\n")
			r.commit()
		},
	}
	for name, trick := range tricks {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRepo(t)
			_, commit := hidden(r)
			touched := filepath.Join(t.TempDir(), "touched")
			trick(r, touched)
			// What making the repository started itself does not count.
			if err := os.RemoveAll(touched); err != nil {
				t.Fatal(err)
			}
			want := []string{"aws-access-token deploy.sh:2 " + commit}
			if diff := cmp.Diff(want, places(r.complete().Findings)); diff != "" {
				t.Error(diff)
			}
			if _, err := os.Stat(touched); err == nil {
				t.Error("the repository started a program")
			}
		})
	}
}

// forgeCommitGraph writes git's cache of the history and takes the parents of
// all commits out of it. The format is gitformat-commit-graph(5).
func forgeCommitGraph(r *repo, _ string) {
	r.t.Helper()
	r.git("commit-graph", "write", "--reachable")
	file := filepath.Join(r.dir, ".git/objects/info/commit-graph")
	graph, err := os.ReadFile(file)
	if err != nil {
		r.t.Fatal(err)
	}
	for chunk := 8; string(graph[chunk:chunk+4]) != "\x00\x00\x00\x00"; chunk += 12 {
		if string(graph[chunk:chunk+4]) != "CDAT" {
			continue
		}
		from, to := binary.BigEndian.Uint64(graph[chunk+4:]), binary.BigEndian.Uint64(graph[chunk+16:])
		for commit := from; commit < to; commit += 36 {
			binary.BigEndian.PutUint32(graph[commit+20:], 0x70000000) // no parent
		}
	}
	if err := os.Chmod(file, 0o600); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(file, graph, 0o600); err != nil {
		r.t.Fatal(err)
	}
	if n := r.git("rev-list", "--count", "HEAD"); n != "1" {
		r.t.Fatalf("git sees %s commits; the forgery does not work", n)
	}
}

func TestCommitsAreThoseOfRevList(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.put("a", "a\n")
	r.git("checkout", "-q", "-b", "side")
	r.put("b", "b\n")
	r.git("tag", "-a", "-m", "a tag", "annotated")
	r.git("tag", "-a", "-m", "a tag of a tag", "nested", "annotated")
	r.git("checkout", "-q", "main")
	r.put("c", "c\n")
	r.git("merge", "-q", "--no-ff", "-m", "merge", "side")
	r.commit() // empty
	r.git("checkout", "-q", "--orphan", "other")
	r.put("d", "d\n")
	r.write("e", "e\n")
	r.git("stash", "push", "-q", "--include-untracked")
	r.git("worktree", "add", "-q", "--detach", filepath.Join(t.TempDir(), "linked"), "main")
	r.git("tag", "blob", "HEAD:d")
	r.git("checkout", "-q", "--detach")
	r.commit()
	want := strings.Count(r.git("rev-list", "--all"), "\n") + 1
	report := r.complete()
	if got := examined(report, "commits"); got != want || want < 9 {
		t.Errorf("commits examined = %d, want %d", got, want)
	}
	if !slices.Contains(report.Notes, "references that lead to no commit and were not scanned: 1") {
		t.Errorf("notes = %q, want one about the tag of a file", report.Notes)
	}
}

// A secret that comes in with a merge is in no patch that git log shows.
func TestSecretAddedByAMerge(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.put("a", "1\n2\n3\n")
	r.git("checkout", "-q", "-b", "side")
	r.put("a", "1\n2\nside\n")
	r.git("checkout", "-q", "main")
	r.put("a", "main\n2\n3\n")
	r.git("merge", "-q", "--no-ff", "--no-commit", "side")
	r.write("a", "main\n"+awsKey()+"\nside\n")
	r.git("add", "-A")
	r.git("commit", "-q", "-m", "merge")
	merge := r.git("rev-parse", "HEAD")
	r.put("a", "gone\n")
	want := []string{"aws-access-token a:2 " + merge}
	if diff := cmp.Diff(want, places(r.complete().Findings)); diff != "" {
		t.Error(diff)
	}
}

func TestOneSecretIsOneFinding(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	first, second := awsKey(), awsKey()
	oldest := r.put("a.env", "KEY="+first+"\n")
	r.git("mv", "a.env", "b.env")
	r.commit()
	r.put("c.env", "x\nKEY="+first+"\n")
	r.put("d.env", "KEY="+second+"\n")
	r.git("rm", "-q", "b.env", "c.env")
	r.commit()
	want := []string{"aws-access-token d.env:1", "aws-access-token a.env:1 " + oldest}
	if diff := cmp.Diff(want, places(r.complete().Findings)); diff != "" {
		t.Error(diff)
	}
}

func TestIncompleteClones(t *testing.T) {
	t.Parallel()
	origin := newRepo(t)
	hidden(origin)
	origin.git("config", "uploadpack.allowFilter", "true")
	clone := func(t *testing.T, args ...string) *repo {
		r := &repo{t: t, dir: filepath.Join(t.TempDir(), "clone"), cache: t.TempDir()}
		origin, url := &repo{t: t, dir: origin.dir}, "file://"+origin.dir
		if slices.Contains(args, "--shared") {
			url = origin.dir
		}
		origin.git(append(append([]string{"clone", "-q"}, args...), url, r.dir)...)
		return r
	}
	t.Run("whole", func(t *testing.T) {
		t.Parallel()
		if n := len(clone(t).complete().Findings); n != 1 {
			t.Errorf("findings = %d, want 1", n)
		}
	})
	t.Run("sharing objects", func(t *testing.T) {
		t.Parallel()
		if n := len(clone(t, "--shared").complete().Findings); n != 1 {
			t.Errorf("findings = %d, want 1", n)
		}
	})
	t.Run("shallow", func(t *testing.T) {
		t.Parallel()
		r := clone(t, "--depth=1")
		r.write("new.env", awsKey())
		report := r.notRun("shallow clone", "fetch-depth: 0")
		if diff := cmp.Diff([]string{"aws-access-token new.env:1"}, places(report.Findings)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("shallow, without the mark", func(t *testing.T) {
		t.Parallel()
		r := clone(t, "--depth=1")
		if err := os.Remove(filepath.Join(r.dir, ".git/shallow")); err != nil {
			t.Fatal(err)
		}
		r.notRun("listing commits", "clone it again")
	})
	t.Run("partial", func(t *testing.T) {
		t.Parallel()
		clone(t, "--filter=blob:none").notRun("partial clone", "without --filter")
	})
	t.Run("partial, without the mark", func(t *testing.T) {
		t.Parallel()
		r := clone(t, "--filter=blob:none")
		marks, err := filepath.Glob(filepath.Join(r.dir, ".git/objects/pack/*.promisor"))
		if err != nil || len(marks) == 0 {
			t.Fatalf("marks = %q, %v", marks, err)
		}
		touched := filepath.Join(t.TempDir(), "touched")
		r.git("config", "remote.origin.uploadpack", "touch "+touched+"; git-upload-pack")
		for _, m := range marks {
			if err := os.Remove(m); err != nil {
				t.Fatal(err)
			}
		}
		r.notRun("missing", "clone it again")
		if _, err := os.Stat(touched); err == nil {
			t.Error("missing objects were fetched")
		}
	})
}

// Whatever object is missing or damaged, the history is not clean.
func TestDamagedRepository(t *testing.T) {
	t.Parallel()
	for _, object := range []string{"HEAD", "HEAD~1", "HEAD~1^{tree}", "HEAD~1:sub", "HEAD~1:deploy.sh", "HEAD~2:README"} {
		for _, damage := range []string{"missing", "garbage"} {
			t.Run(object+" "+damage, func(t *testing.T) {
				t.Parallel()
				r := newRepo(t)
				r.write("sub/file", "text\n")
				hidden(r)
				id := r.git("rev-parse", object)
				file := filepath.Join(r.dir, ".git/objects", id[:2], id[2:])
				if err := os.Remove(file); err != nil {
					t.Fatal(err)
				}
				if damage == "garbage" {
					r.write(filepath.Join(".git/objects", id[:2], id[2:]), "garbage")
				}
				answer, err := r.try(context.Background(), r.job(true))
				if err == nil && answer.Reports[0].NotRun == "" {
					t.Error("a history with a damaged object was called scanned")
				}
			})
		}
	}
	t.Run("object of another type", func(t *testing.T) {
		t.Parallel()
		r := newRepo(t)
		r.put("sub/file", "text\n")
		id, err := hex.DecodeString(r.git("rev-parse", "HEAD:sub"))
		if err != nil {
			t.Fatal(err)
		}
		r.write(".git/tree", "100644 file\x00"+string(id)) // a folder's name as a file's
		tree := r.git("hash-object", "-w", "-t", "tree", "--literally", ".git/tree")
		r.git("update-ref", "refs/heads/odd", r.git("commit-tree", "-m", "odd", tree))
		r.notRun("reading object", "git fsck")
	})
	t.Run("reference", func(t *testing.T) {
		t.Parallel()
		r := newRepo(t)
		hidden(r)
		r.write(".git/refs/heads/broken", "garbage\n")
		if _, err := r.try(context.Background(), r.job(true)); err == nil || !strings.Contains(err.Error(), "broken") {
			t.Errorf("error = %v, want one about the broken reference", err)
		}
	})
}

// What git says about commits is believed only when it is about all of them.
func TestIncompleteAnswers(t *testing.T) {
	t.Parallel()
	a, b, zero := strings.Repeat("a", 40), strings.Repeat("b", 40), strings.Repeat("0", 40)
	file := ":000000 100644 " + zero + " " + a + " A\x00name\x00"
	for name, test := range map[string]struct {
		out     string
		changes int
		ok      bool
	}{
		"all":                    {a + "\x00" + file + b + "\x00" + file, 2, true},
		"empty commits":          {a + "\x00" + b + "\x00", 0, true},
		"nothing":                {"", 0, false},
		"the last is missing":    {a + "\x00" + file, 0, false},
		"the first is missing":   {b + "\x00" + file, 0, false},
		"another one":            {a + "\x00" + b + "\x00" + zero + "\x00", 0, false},
		"another in its place":   {a + "\x00" + zero + "\x00", 0, false},
		"out of order":           {b + "\x00" + a + "\x00", 0, false},
		"one twice":              {a + "\x00" + a + "\x00" + b + "\x00", 0, false},
		"a change of no commit":  {file + a + "\x00" + b + "\x00", 0, false},
		"cut off in a change":    {a + "\x00" + b + "\x00:000000 100644", 0, false},
		"cut off before a path":  {a + "\x00" + b + "\x00" + file[:strings.IndexByte(file, 0)+1], 0, false},
		"cut off in a path":      {a + "\x00" + b + "\x00" + file[:len(file)-1], 0, false},
		"an odd description":     {a + "\x00" + b + "\x00:100644 A\x00name\x00", 0, false},
		"a deletion":             {a + "\x00" + b + "\x00:100644 000000 " + a + " " + zero + " D\x00name\x00", 0, true},
		"a submodule":            {a + "\x00" + b + "\x00:000000 160000 " + zero + " " + a + " A\x00name\x00", 0, true},
		"a path like a commit":   {a + "\x00" + file[:strings.IndexByte(file, 0)+1] + b + "\x00" + b + "\x00", 1, true},
		"a merge of two parents": {a + "\x00" + b + "\x00::100644 100644 100644 " + a + " " + a + " " + b + " MM\x00name\x00", 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := history{commits: []string{a, b}}
			changes, err := h.parse(test.out+theEnd, []int{0, 1})
			if (err == nil) != test.ok || len(changes) != test.changes {
				t.Errorf("changes = %+v, error = %v", changes, err)
			}
			if _, err := h.parse(test.out, []int{0, 1}); err == nil {
				t.Error("an answer without its end was believed")
			}
		})
	}
}

// brokenGit is a git that works but for one of its commands.
func brokenGit(t *testing.T, subcommand, ending string) string {
	t.Helper()
	dir := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\nfor a; do case $a in %s) %s;; esac; done\nexec /usr/bin/env PATH=\"$REALPATH\" git \"$@\"\n", subcommand, ending)
	script = strings.ReplaceAll(script, "$REALPATH", os.Getenv("PATH"))
	if err := os.WriteFile(filepath.Join(dir, "git"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A git that dies, fails or says nothing has not shown the history.
func TestGitThatDies(t *testing.T) {
	for _, subcommand := range []string{"rev-list", "diff-tree", "cat-file", "--batch", "ls-files", "for-each-ref", "fast-import"} {
		for name, ending := range map[string]string{"killed": "kill -9 $$", "failing": "exit 3", "silent": "exit 0", "killed at the end": `PATH=` + os.Getenv("PATH") + ` git "$@"; kill -9 $$`} {
			t.Run(subcommand+" "+name, func(t *testing.T) {
				r := newRepo(t)
				hidden(r)
				t.Setenv("PATH", brokenGit(t, subcommand, ending)+":"+os.Getenv("PATH"))
				answer, err := r.try(context.Background(), r.job(true))
				if err == nil && answer.Reports[0].NotRun == "" {
					t.Errorf("a %s git was believed", name)
				}
			})
		}
	}
}

func TestNoGitCommand(t *testing.T) {
	r := newRepo(t)
	hidden(r)
	t.Setenv("PATH", t.TempDir())
	_, err := r.try(context.Background(), r.job(true))
	if err == nil || !strings.Contains(err.Error(), "no git command") {
		t.Errorf("error = %v, want one that says that there is no git", err)
	}
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	hidden(r)
	job := r.job(true)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := r.try(ctx, job); err == nil {
		t.Error("a cancelled scan gave an answer")
	}
}

func TestOnlyNewCommitsAreScanned(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	scanned := func(want int) {
		t.Helper()
		r.log.Reset()
		report := r.complete()
		total := strings.Count(r.git("rev-list", "--all"), "\n") + 1
		if got := examined(report, "commits"); got != total {
			t.Errorf("commits examined = %d, want %d", got, total)
		}
		line := fmt.Sprintf("history: %d commits, %d of them scanned now", total, want)
		if !strings.Contains(r.log.String(), line) {
			t.Errorf("log = %q, want %q", r.log.String(), line)
		}
	}
	r.put("a", "1\n")
	r.put("a", "2\n")
	scanned(2)
	scanned(0)
	r.put("a", "3\n")
	scanned(1)
	r.git("commit", "-q", "--amend", "-m", "rewritten")
	scanned(1)
	r.put("a", awsKey()+"\n")
	r.put("a", "4\n")
	scanned(2) // the guilty one stays so, however often it is looked at
	scanned(1)
	if n := len(r.complete().Findings); n != 1 {
		t.Errorf("findings = %d, want 1", n)
	}
	r.git("reset", "-q", "--hard", "HEAD~2")
	r.git("reflog", "expire", "--expire=now", "--all")
	r.git("gc", "-q", "--prune=now")
	scanned(0)
	if n := len(r.complete().Findings); n != 0 {
		t.Errorf("findings = %d, want none", n)
	}
}

func TestDamagedMemory(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func([]byte) []byte{
		"empty":     func([]byte) []byte { return nil },
		"cut off":   func(b []byte) []byte { return b[:len(b)-32] },
		"a bit":     func(b []byte) []byte { b[40] ^= 1; return b },
		"other key": func(b []byte) []byte { b[0] ^= 1; return b },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRepo(t)
			r.put("a", "1\n")
			r.complete()
			files, err := filepath.Glob(filepath.Join(r.cache, "*"))
			if err != nil || len(files) != 2 {
				t.Fatalf("files = %q, %v", files, err)
			}
			for _, f := range files {
				data, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(f, damage(data), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			r.log.Reset()
			r.complete()
			if !strings.Contains(r.log.String(), "1 commits, 1 of them scanned now") {
				t.Errorf("log = %q, want the commit scanned again", r.log.String())
			}
		})
	}
}

// An entry without its checksum is none, whatever it says.
func TestForgedMemory(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	_, commit := hidden(r)
	r.complete()
	files, err := filepath.Glob(filepath.Join(r.cache, "commits-*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files = %q, %v", files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	guilty := commitDigest(commit)
	copy(data[sha256.Size:], guilty[:])
	if err := os.WriteFile(files[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"aws-access-token deploy.sh:2 " + commit}, places(r.complete().Findings)); diff != "" {
		t.Error(diff)
	}
}

// What changes the answer changes the plan, and nothing else does.
func TestStateInThePlan(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.put(".gitignore", "*.env\n")
	state := func() string { return r.job(true).Inputs.Values["repository"] }
	before := state()
	if before == "" {
		t.Fatal("there is no state")
	}
	r.git("status")
	r.write("ignored.env", "x")
	r.write("new", "x")
	if state() != before {
		t.Error("the state changed with the work tree")
	}
	r.git("add", "--force", "ignored.env")
	forced := state()
	if forced == before {
		t.Error("the state did not change with an ignored file that is tracked")
	}
	r.git("branch", "other")
	if state() != forced {
		t.Error("the state changed with another name for a commit")
	}
	r.commit()
	if state() == forced {
		t.Error("the state did not change with a commit")
	}
}

// An answer about another state than the planned one must not be kept for it.
func TestChangedSincePlanning(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.put("a", "a\n")
	job := r.job(true)
	answer, err := r.try(context.Background(), job)
	if err != nil || answer.Volatile {
		t.Fatalf("volatile = %t, %v; want an answer that is kept", answer.Volatile, err)
	}
	r.put("a", "b\n")
	if answer, err = r.try(context.Background(), job); err != nil || !answer.Volatile {
		t.Errorf("volatile = %t, %v; want an answer that is not kept", answer.Volatile, err)
	}
}

func TestLinkedWorkTree(t *testing.T) {
	t.Parallel()
	main := newRepo(t)
	_, commit := hidden(main)
	r := &repo{t: t, dir: filepath.Join(t.TempDir(), "linked"), cache: t.TempDir()}
	main.git("worktree", "add", "-q", r.dir, "-b", "linked")
	if diff := cmp.Diff([]string{"aws-access-token deploy.sh:2 " + commit}, places(r.complete().Findings)); diff != "" {
		t.Error(diff)
	}
}

func TestOddObjectFolder(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.dir = filepath.Join(r.dir, "a:b \"c\" \\d\nü")
	if err := os.Mkdir(r.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r.git("init", "-q", "-b", "main")
	_, commit := hidden(r)
	if diff := cmp.Diff([]string{"aws-access-token deploy.sh:2 " + commit}, places(r.complete().Findings)); diff != "" {
		t.Error(diff)
	}
}

func TestRepositoryWithoutCommits(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.write("a.env", awsKey())
	report := r.complete()
	if diff := cmp.Diff([]string{"aws-access-token a.env:1"}, places(report.Findings)); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(strings.Join(report.Notes, "\n"), "no commits yet") {
		t.Errorf("notes = %q", report.Notes)
	}
}
