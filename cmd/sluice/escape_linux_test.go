package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// reader is a test that fails with the words of every file that it can read of
// those named.
const reader = `package main

import (
	"os"
	"testing"
)

func TestRead(t *testing.T) {
	for _, name := range []string{PATHS} {
		if text, err := os.ReadFile(name); err == nil {
			t.Errorf("read: %s", text)
		}
	}
}
`

// TestRepositoryCannotName has what a repository can name lead elsewhere: files
// that the go command reads, replaced modules, links in it, repositories in it,
// and the folder of runs. Nothing of what is there is shown or touched.
func TestRepositoryCannotName(t *testing.T) {
	t.Parallel()
	partial := []string{"setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"}
	for name, tt := range map[string]struct {
		plant  func(s *service, elsewhere string)
		prefix []string
	}{
		"go.work.sum": {plant: func(s *service, elsewhere string) {
			s.write("go.work", "go 1.26\n\nuse .\n")
			must(t, os.Symlink(filepath.Join(elsewhere, "key"), filepath.Join(s.dir, "go.work.sum")))
		}},
		"a folder as go.work.sum": {plant: func(s *service, elsewhere string) {
			s.write("go.work", "go 1.26\n\nuse .\n")
			must(t, os.Symlink(elsewhere, filepath.Join(s.dir, "go.work.sum")))
		}},
		"go.sum": {plant: func(s *service, elsewhere string) {
			must(t, os.Symlink(filepath.Join(elsewhere, "key"), filepath.Join(s.dir, "go.sum")))
		}},
		"a replaced module": {plant: func(s *service, elsewhere string) {
			text, err := os.ReadFile(filepath.Join(s.dir, "go.mod"))
			must(t, err)
			s.write("go.mod", string(text)+"\nreplace example.com/other => "+elsewhere+"\n")
		}},
		"a replaced module by a link": {plant: func(s *service, elsewhere string) {
			text, err := os.ReadFile(filepath.Join(s.dir, "go.mod"))
			must(t, err)
			must(t, os.Symlink(elsewhere, filepath.Join(s.dir, "other")))
			s.write("go.mod", string(text)+"\nreplace example.com/other => ./other\n")
		}},
		"a link":                     {plant: func(s *service, elsewhere string) { must(t, os.Symlink(elsewhere, filepath.Join(s.dir, "other"))) }},
		"a link, without namespaces": {plant: func(s *service, elsewhere string) { must(t, os.Symlink("/", filepath.Join(s.dir, "other"))) }, prefix: partial},
		"a nested repository": {plant: func(s *service, elsewhere string) {
			must(t, os.MkdirAll(filepath.Join(s.dir, "tools"), 0o755))
			must(t, os.Rename(elsewhere, filepath.Join(s.dir, "tools", ".git")))
			must(t, os.Symlink(filepath.Join(s.dir, "tools", ".git"), elsewhere))
		}},
		"an open file": {plant: func(*service, string) {}, prefix: []string{"sh", "-c", `exec 9<"$KEY"; exec "$0" "$@"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if len(tt.prefix) > 0 && tt.prefix[0] == "setpriv" && os.Geteuid() != 0 {
				t.Log("left out: it takes root to be without namespaces")
				return
			}
			s := newService(t)
			elsewhere := s.folder("elsewhere")
			must(t, os.Mkdir(elsewhere, 0o755))
			key := filepath.Join(elsewhere, "key")
			must(t, os.WriteFile(key, []byte(marked), 0o600))
			must(t, os.WriteFile(filepath.Join(elsewhere, "go.mod"), []byte("module example.com/other\n"), 0o600))
			tt.plant(s, elsewhere)
			paths := `"` + strings.Join([]string{key, "go.work.sum/key", "go.work.sum", "go.sum", "other/key", "other" + key, "tools/.git/key", "/proc/self/fd/9"}, `", "`) + `"`
			s.write("reader_test.go", strings.ReplaceAll(reader, "PATHS", paths))
			cmd := s.command(t.Context(), "run", "--only", "test")
			cmd.Env = append(cmd.Env, "KEY="+key)
			if len(tt.prefix) > 0 {
				var err error
				cmd.Path, err = exec.LookPath(tt.prefix[0])
				must(t, err)
				cmd.Args = append(append([]string{}, tt.prefix...), cmd.Args...)
			}
			out, _ := cmd.CombinedOutput() // it passes, or is not run
			if strings.Contains(string(out), marked) {
				t.Errorf("it was read:\n%s", out)
			}
			hidden(t, marked, out, filepath.Join(s.dir, ".sluice"))
		})
	}
}

// TestRunsAreKeptHere has the folder of runs be a link to one of somebody's.
func TestRunsAreKeptHere(t *testing.T) {
	t.Parallel()
	s := newService(t)
	elsewhere := s.folder("elsewhere")
	for _, name := range []string{"20250101T000000Z-abcdef", "precious"} {
		must(t, os.MkdirAll(filepath.Join(elsewhere, name), 0o755))
	}
	must(t, os.Mkdir(filepath.Join(s.dir, ".sluice"), 0o755))
	must(t, os.Symlink(elsewhere, filepath.Join(s.dir, ".sluice", "runs")))
	out, err := s.command(t.Context(), "run", "--only", "modules").CombinedOutput()
	if err == nil || !strings.Contains(string(out), ".sluice/runs is no folder") {
		t.Errorf("a run was kept elsewhere: %v\n%s", err, out)
	}
	if left, err := os.ReadDir(elsewhere); err != nil || len(left) != 2 {
		t.Errorf("there is %v now, %v", left, err)
	}
}
