package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sluice-ci/sluice/internal/handover"
	"github.com/sluice-ci/sluice/internal/sarif"
)

// program is the sluice that the tests run, built as make builds it.
var program string

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "sluice-bin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := os.Unsetenv("CGO_ENABLED"); err != nil { // as these tests are built; those of services need it
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := os.Chmod(dir, 0o755); err != nil { // for other users, too
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	program = filepath.Join(dir, "sluice")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building sluice: %v\n%s", err, out)
		return 1
	}
	if err := warm(filepath.Join(dir, "warm")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// openSources opens what the program is built from, in a test: what TestMain opens
// is not noted. The go command says the last results again as long as nothing has
// changed that tests opened, and otherwise they open none of it.
var openSources = sync.OnceValue(func() error {
	for _, dir := range []string{".", "../../internal"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			return f.Close()
		})
		if err != nil {
			return err
		}
	}
	return nil
})

// warm runs once where no test has run before, so that the scripts do not all
// compile the standard library at the same time.
func warm(work string) error {
	user, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(user, "sluice-test", "go-build-test")); err == nil {
		return nil
	}
	svc := filepath.Join(work, "svc")
	if err := os.CopyFS(svc, os.DirFS("testdata/service")); err != nil {
		return err
	}
	cache, err := cacheIn(work)
	if err != nil {
		return err
	}
	run := exec.Command(program, "run", "--until", "image-scan", "--strict=false")
	run.Dir, run.Env = svc, append(os.Environ(), "SLUICE_CACHE="+cache)
	if out, err := run.CombinedOutput(); err != nil {
		return fmt.Errorf("the first run: %w\n%s", err, out)
	}
	return nil
}

// TestScript runs the scripts that are the command line's contract. Each gets
// a copy of the service in testdata/service, in a git repository of its own,
// and an empty cache but for compiled packages and vulnerability data.
func TestScript(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setup,
		Condition: func(name string) (bool, error) {
			if name != "root" {
				return false, fmt.Errorf("there is no condition %q", name)
			}
			return os.Geteuid() == 0, nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "finding": finding, "idof": idOf, "replace": replace, "commit": commit, "awskey": awsKey, "repeat": repeat, "limitdisk": limitDisk, "digestof": digestOf,
		},
	})
}

func setup(env *testscript.Env) error {
	if err := openSources(); err != nil {
		return err
	}
	work := env.WorkDir
	svc := filepath.Join(work, "svc")
	if err := os.CopyFS(svc, os.DirFS("testdata/service")); err != nil {
		return err
	}
	cache, err := cacheIn(work)
	if err != nil {
		return err
	}
	home := filepath.Join(work, "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		return err
	}
	env.Setenv("PATH", filepath.Dir(program)+string(filepath.ListSeparator)+os.Getenv("PATH"))
	env.Setenv("SLUICE", program)
	env.Setenv("HOME", home)
	env.Setenv("CI", "")
	env.Setenv("TOMORROW", time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly))
	env.Setenv("SLUICE_CACHE", cache)
	state, err := stateHome()
	if err != nil {
		return err
	}
	env.Setenv("XDG_STATE_HOME", state)
	for _, name := range []string{"GOMODCACHE", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GONOSUMCHECK", "GOFLAGS", "GOINSECURE", "GOPRIVATE"} {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			return err
		}
		env.Setenv(name, strings.TrimSpace(string(out)))
	}
	env.Cd = svc
	env.Defer(func() {
		down := exec.Command(program, "down")
		down.Env = env.Vars
		_ = down.Run() // most scripts deploy nothing
		_ = os.RemoveAll(state)
	})
	return commitAll(svc, "the service")
}

// cacheIn makes a cache that is empty but for what is slow to make and is no
// result: compiled packages and vulnerability data.
func cacheIn(work string) (string, error) {
	user, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	cache := filepath.Join(work, "cache")
	for _, name := range []string{"go-build", "go-build-test", "jobs/vulndb"} {
		kept := filepath.Join(user, "sluice-test", name)
		if err := errors.Join(os.MkdirAll(kept, 0o700), os.MkdirAll(filepath.Dir(filepath.Join(cache, name)), 0o700)); err != nil {
			return "", err
		}
		if err := os.Symlink(kept, filepath.Join(cache, name)); err != nil {
			return "", err
		}
	}
	return cache, nil
}

// stateHome makes a folder for what is deployed that another user may enter:
// as root, services run as the user that their image names.
func stateHome() (string, error) {
	dir, err := os.MkdirTemp("", "sluice-state-")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o755)
}

func commitAll(dir, message string) error {
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"add", "-A"}, {"-c", "user.name=T", "-c", "user.email=t@example.com", "commit", "-q", "--allow-empty", "-m", message}} {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("git %v: %w\n%s", args, err, out)
		}
	}
	return nil
}

// exits STATUS COMMAND… runs a command that must end with the status.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d\n%s\n%s", got, want, ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
}

// finding STAGE RULE PATH:LINE asks whether the last run has the finding.
func finding(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: finding STAGE RULE PATH:LINE")
	}
	found := false
	all := findings(ts)
	for _, f := range all {
		found = found || f.Stage == args[0] && f.Rule == args[1] && fmt.Sprintf("%s:%d", f.Location.Path, f.Location.Line) == args[2]
	}
	if found == neg {
		ts.Fatalf("finding %v: %v\n%v", args, found, all)
	}
}

// idOf RULE sets $ID to the id of the first finding of a rule in the last run.
func idOf(ts *testscript.TestScript, neg bool, args []string) {
	all := findings(ts)
	i := slices.IndexFunc(all, func(f sarif.Finding) bool { return len(args) == 1 && f.Rule == args[0] })
	if neg || i < 0 {
		ts.Fatalf("usage: idof RULE, of a rule that has a finding: %v", all)
	}
	ts.Setenv("ID", all[i].ID())
}

// findings are those of the last run.
func findings(ts *testscript.TestScript) []sarif.Finding {
	var last struct{ Findings []sarif.Finding }
	cmd := exec.Command(program, "findings", "--json")
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = []string{"PATH=" + ts.Getenv("PATH"), "HOME=" + ts.Getenv("HOME")}
	out, err := cmd.Output()
	ts.Check(err)
	ts.Check(json.Unmarshal(out, &last))
	return last.Findings
}

// replace FILE OLD NEW changes a text in a file, once; \n stands for a line break.
func replace(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: replace FILE OLD NEW")
	}
	unescape := strings.NewReplacer(`\n`, "\n", `\t`, "\t")
	old, text := unescape.Replace(args[1]), ts.ReadFile(args[0])
	if strings.Count(text, old) != 1 {
		ts.Fatalf("%s has %q %d times, want once", args[0], old, strings.Count(text, old))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, old, unescape.Replace(args[2]), 1)), 0o644))
}

// commit MESSAGE commits everything in this folder.
func commit(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(commitAll(ts.MkAbs("."), strings.Join(args, " ")))
}

// awsKey FILE writes a file with a fresh key as AWS makes them, and sets $KEY to it.
func awsKey(ts *testscript.TestScript, neg bool, args []string) {
	key := "AKIA" + strings.Map(func(r rune) rune {
		if r == '0' || r == '1' || r == '8' || r == '9' {
			return 'Q'
		}
		return r
	}, rand.Text())[:16]
	ts.Setenv("KEY", key)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte("# settings\naws_access_key_id = "+key+"\n"), 0o644))
}

// repeat N COMMAND… runs a command of scripts several times.
func repeat(ts *testscript.TestScript, neg bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	for range n {
		ts.Check(ts.Exec(args[1], args[2:]...))
	}
}

// digestOf NAME FOLDER sets $NAME to the digest of what was handed over.
func digestOf(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: digestof NAME FOLDER")
	}
	ts.Setenv(args[0], handover.Digest([]byte(ts.ReadFile(filepath.Join(args[1], handover.Name)))))
}

// limitDisk FOLDER SIZE makes a folder a file system of its own with this much
// room; it needs root on Linux, and skips the script elsewhere.
func limitDisk(ts *testscript.TestScript, neg bool, args []string) {
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o755))
	out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+args[1], "tmpfs", dir).CombinedOutput()
	if err != nil {
		if os.Getenv("CI") == "true" {
			ts.Fatalf("mounting a small disk: %v %s", err, bytes.TrimSpace(out))
		}
		ts.Logf("skipped: mounting a small disk: %v %s", err, out)
		return
	}
	ts.Defer(func() { _ = exec.Command("umount", "-l", dir).Run() })
}
