package secrets

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/sluice-ci/sluice/internal/pipeline"
)

func TestWhichFilesAreScanned(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.write(".gitignore", "*.env\nbuild/\n")
	r.write("tracked.txt", awsKey())
	r.write("forced.env", awsKey())
	r.commit()
	for _, name := range []string{"untracked.txt", "ignored.env", "build/out.txt", ".sluice/runs/1.json", "with space", "new\nline", "inval\xffid", "-dash", ":(glob)*", "nested/inside.txt", "nested/.git/config"} {
		r.write(name, awsKey())
	}
	r.git("init", "-q", "nested/repository")
	r.write("nested/repository/code.txt", awsKey())
	r.git("init", "-q", "module")
	r.write("module/code.txt", awsKey())
	r.git("-C", "module", "add", ".")
	r.git("-C", "module", "commit", "-q", "-m", "module")
	r.git("add", "module") // as a submodule is
	r.write("empty/.git/not", "")
	r.git("update-index", "--add", "--cacheinfo", "160000,"+r.git("rev-parse", "HEAD")+",empty")
	want := []string{
		"-dash", ":(glob)*", "forced.env", "inval\xffid", "module/code.txt", "nested/inside.txt", "nested/repository/code.txt", "new\nline", "tracked.txt", "untracked.txt", "with space",
	}
	var got []string
	report := r.complete()
	for _, f := range report.Findings {
		got = append(got, f.Location.Path)
	}
	if note := "repositories of their own, whose files were scanned and whose history was not: 2"; !strings.Contains(strings.Join(report.Notes, "\n"), note) {
		t.Errorf("notes = %q, want %q", report.Notes, note)
	}
	if note := "submodules that are not checked out (git submodule update --init): 1"; !strings.Contains(strings.Join(report.Notes, "\n"), note) {
		t.Errorf("notes = %q, want %q", report.Notes, note)
	}
	if note := "files and folders that .gitignore keeps out of the repository, which were not scanned: 2"; !strings.Contains(strings.Join(report.Notes, "\n"), note) {
		t.Errorf("notes = %q, want %q", report.Notes, note)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// What a repository says in its files and its configuration must not hide a
// file of its tree.
func TestRepositoryCannotHideItsFiles(t *testing.T) {
	t.Parallel()
	for name, trick := range map[string]func(r *repo){
		"nothing":              func(*repo) {},
		"attribute -diff":      func(r *repo) { r.write(".gitattributes", "* -diff\n") },
		"attribute binary":     func(r *repo) { r.write(".gitattributes", "* binary\n") },
		"export-ignore":        func(r *repo) { r.write(".gitattributes", "* export-ignore linguist-vendored linguist-generated\n") },
		"info/exclude":         func(r *repo) { r.write(".git/info/exclude", "*\n") },
		"ignored when tracked": func(r *repo) { r.git("add", "a.env"); r.write(".gitignore", "a.env\n") },
		"core.excludesFile": func(r *repo) {
			r.write("excludes", "*\n")
			r.git("config", "core.excludesFile", r.dir+"/excludes")
		},
		"assumed to be unchanged": func(r *repo) { r.git("add", "a.env"); r.git("update-index", "--assume-unchanged", "a.env") },
		"out of the work tree":    func(r *repo) { r.git("add", "a.env"); r.git("update-index", "--skip-worktree", "a.env") },
		"another work tree":       func(r *repo) { r.git("config", "core.worktree", r.t.TempDir()) },
		"sparse": func(r *repo) {
			r.git("config", "core.sparseCheckout", "true")
			r.write(".git/info/sparse-checkout", "x\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRepo(t)
			r.put("README", "text\n")
			r.write("a.env", "KEY="+awsKey()+"\n")
			trick(r)
			if diff := cmp.Diff([]string{"aws-access-token a.env:1"}, places(r.complete().Findings)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A git that leaves out a file is noticed by a walk of the folders.
func TestGitThatForgetsFiles(t *testing.T) {
	for name, which := range map[string]string{"tracked": "--cached", "ignored": "--ignored"} {
		t.Run(name, func(t *testing.T) {
			r := newRepo(t)
			r.write(".gitignore", "b.env\n")
			r.put("a.env", awsKey())
			r.write("b.env", awsKey())
			t.Setenv("PATH", brokenGit(t, which, "exit 0")+":"+os.Getenv("PATH"))
			r.notRun("git lists the files without", "git status")
		})
	}
}

func TestWithoutGit(t *testing.T) {
	t.Parallel()
	r := &repo{t: t, dir: t.TempDir(), cache: t.TempDir()}
	for _, name := range []string{"a/b.env", ".git/x", ".sluice/x", "c"} {
		r.write(name, awsKey())
	}
	answer, err := r.try(context.Background(), r.job(false))
	if err != nil {
		t.Fatal(err)
	}
	report := answer.Reports[0]
	if diff := cmp.Diff([]string{"aws-access-token a/b.env:1", "aws-access-token c:1"}, places(report.Findings)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"this is no git repository: the files were scanned, and there is no history to scan"}, report.Notes); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]pipeline.Count{{What: "files", N: 2, Of: 2}}, report.Examined); diff != "" {
		t.Error(diff)
	}
}

// An empty folder was not examined, and must not look as if it was.
func TestEmptyFolder(t *testing.T) {
	t.Parallel()
	r := &repo{t: t, dir: t.TempDir(), cache: t.TempDir()}
	answer, err := r.try(context.Background(), r.job(false))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]pipeline.Count{{What: "files", N: 0}}, answer.Reports[0].Examined); diff != "" {
		t.Errorf("%s\n%s", answer.Reports[0].NotRun, diff)
	}
}

func TestGitWithoutARepository(t *testing.T) {
	t.Parallel()
	r := &repo{t: t, dir: t.TempDir(), cache: t.TempDir()}
	if _, err := r.try(context.Background(), r.job(true)); err == nil || !strings.Contains(err.Error(), "opening the git repository") {
		t.Errorf("error = %v", err)
	}
}

// Links are not followed, pipes not waited for, and deleted files not missed.
func TestNoOrdinaryFiles(t *testing.T) {
	r := newRepo(t)
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte(awsKey()), 0o600); err != nil {
		t.Fatal(err)
	}
	r.write("deleted", "text\n")
	r.write("folder/file", "text\n")
	r.commit()
	for _, step := range []error{
		os.Remove(filepath.Join(r.dir, "deleted")),
		os.RemoveAll(filepath.Join(r.dir, "folder")),
		os.Symlink(filepath.Dir(outside), filepath.Join(r.dir, "folder")),
		os.Symlink(outside, filepath.Join(r.dir, "link")),
		os.Symlink("loop", filepath.Join(r.dir, "loop")),
		syscall.Mkfifo(filepath.Join(r.dir, "pipe"), 0o644),
	} {
		if step != nil {
			t.Fatal(step)
		}
	}
	t.Chdir(r.dir) // a socket's path must be short
	socket, err := net.Listen("unix", "socket")
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	for _, git := range []bool{true, false} {
		answer, err := r.try(context.Background(), r.job(git))
		if err != nil {
			t.Fatal(err)
		}
		report := answer.Reports[0]
		if got := places(report.Findings); len(got) > 0 || report.NotRun != "" {
			t.Errorf("findings = %q, not run: %q; want none", got, report.NotRun)
		}
	}
}

func TestUnreadableFile(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		t.Skip("root can read every file")
	}
	r := newRepo(t)
	r.put("found.env", awsKey())
	r.put("closed", "text")
	if err := os.Chmod(filepath.Join(r.dir, "closed"), 0); err != nil {
		t.Fatal(err)
	}
	r.notRun(`reading "closed"`, "make the file readable")
}

func TestLargeFiles(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	secret := awsKey()
	end := "\nKEY=" + secret + "\n"
	r.write("almost.txt", strings.Repeat("\x00", maxFile-len(end))+end)
	r.write("large.txt", strings.Repeat("\x00", maxFile+1-len(end))+end)
	r.commit()
	report := r.complete()
	if diff := cmp.Diff([]string{"aws-access-token almost.txt:2"}, places(report.Findings)); diff != "" {
		t.Error(diff)
	}
	notes := strings.Join(report.Notes, "\n")
	if !strings.Contains(notes, "files over 32 MiB that were left out (the log names them): 1") || !strings.Contains(notes, "files in old commits over 32 MiB that were left out (the log names them): 1") {
		t.Errorf("notes = %q", report.Notes)
	}
	if log := r.log.String(); strings.Count(log, `left out, over 32 MiB: "large.txt"`) != 2 || strings.Contains(log, secret) {
		t.Errorf("log = %q", log)
	}
}

// What asks gitleaks to look away is told and not heeded.
func TestRequestsToLookAway(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.write("a.env", awsKey()+" # gitleaks:allow\n")
	password := strings.ToLower(awsKey())[4:] + "7z"
	r.write("b.py", "db_password = '"+password+"'  # gitleaks:allow\n")
	r.write("c.txt", base64.StdEncoding.EncodeToString([]byte("key = "+awsKey()+" "))+" gitleaks:allow\n")
	r.write("my.gitleaks.toml", "KEY="+awsKey()+"\n")
	r.write("sub/.gitleaks.toml", "[allowlist]\npaths = ['.*']\n")
	r.write(".gitleaks.toml", "[allowlist]\npaths = ['.*']\n")
	r.write(".gitleaksignore", "a.env:aws-access-token:1\n")
	report := r.complete()
	if diff := cmp.Diff([]string{"aws-access-token a.env:1", "generic-api-key b.py:1", "aws-access-token c.txt:1", "aws-access-token my.gitleaks.toml:1"}, places(report.Findings)); diff != "" {
		t.Error(diff)
	}
	notes := strings.Join(report.Notes, "\n")
	for _, want := range []string{"(exceptions belong in sluice.yaml): 3", "gitleaks:allow comments, which are not honoured (exceptions belong in sluice.yaml): 3"} {
		if !strings.Contains(notes, want) {
			t.Errorf("notes = %q, want %q", report.Notes, want)
		}
	}
}

// Examples that documentation uses, and third parties' code, stay allowed.
func TestExamplesStayAllowed(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.write("README.md", "aws_access_key_id = AKIAIOSFODNN7"+"EXAMPLE\n")
	r.write("node_modules/x/a.js", awsKey())
	r.write("app/go.sum", awsKey())
	r.commit()
	if got := places(r.complete().Findings); len(got) > 0 {
		t.Errorf("findings = %q, want none", got)
	}
}

func TestFileIsScannedAgainWhenItChanges(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.write("a.env", "KEY=none\n")
	if n := len(r.complete().Findings); n != 0 {
		t.Fatalf("findings = %d, want none", n)
	}
	r.write("a.env", "KEY="+awsKey()+"\n")
	for range 2 { // what was found is not forgotten
		if diff := cmp.Diff([]string{"aws-access-token a.env:1"}, places(r.complete().Findings)); diff != "" {
			t.Error(diff)
		}
	}
	r.write("a.env", "KEY=none\n")
	if n := len(r.complete().Findings); n != 0 {
		t.Errorf("findings = %d, want none", n)
	}
}

// What is remembered of one version of Sluice is nothing to another.
func TestAnotherVersionScansAgain(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.put("a", "a\n")
	r.complete()
	job := r.job(true)
	p := job.Params.(params)
	p.Version = "v1"
	job.Params = p
	r.log.Reset()
	if _, err := r.try(context.Background(), job); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(r.log.String(), "1 commits, 1 of them scanned now") {
		t.Errorf("log = %q, want the commit scanned again", r.log.String())
	}
}

func TestManyFiles(t *testing.T) {
	t.Parallel()
	const n = 10_000
	r := newRepo(t)
	for i := range n {
		r.write(fmt.Sprintf("d%d/f%d", i/1000, i), "text\n")
	}
	r.write("d5/f5050", awsKey())
	for range 2 {
		report := r.complete()
		if got := examined(report, "files"); got != n {
			t.Errorf("files examined = %d, want %d", got, n)
		}
		if diff := cmp.Diff([]string{"aws-access-token d5/f5050:1"}, places(report.Findings)); diff != "" {
			t.Error(diff)
		}
	}
}

// Binary formats are not looked into; that a file's content begins like one does not make it one.
func TestFormats(t *testing.T) {
	t.Parallel()
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	w, err := z.CreateHeader(&zip.FileHeader{Name: "a.env", Method: zip.Store})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("\n" + awsKey() + "\n")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	wide := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune("KEY=" + awsKey() + "\r\n")) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	r := newRepo(t)
	for name, content := range map[string]string{
		"archive":  archive.String(),
		"utf16.ps": string(wide),
		"bmp.env":  "BM_KEY=" + awsKey() + "\n",
		"nul.env":  "\x00\x01\nKEY=" + awsKey() + "\n",
		"key.p12":  "\x30\x82\x00\x00",
		"secret.k": "data: " + base64.StdEncoding.EncodeToString([]byte("key="+awsKey()+"\n")) + "\n",
	} {
		r.write(name, content)
	}
	want := []string{"aws-access-token bmp.env:1", "pkcs12-file key.p12:0", "aws-access-token nul.env:2", "aws-access-token secret.k:1", "aws-access-token utf16.ps:1"}
	if diff := cmp.Diff(want, places(r.complete().Findings)); diff != "" {
		t.Error(diff)
	}
	r.commit()
	r.git("rm", "-rq", ".")
	commit := r.commit()
	before := r.git("rev-parse", commit+"~1")
	for i := range want {
		want[i] += " " + before
	}
	if diff := cmp.Diff(want, places(r.complete().Findings)); diff != "" {
		t.Error(diff)
	}
}
