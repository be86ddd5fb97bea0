package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sluice-ci/sluice/internal/hint"
)

// tree writes files below a new folder, whose path has no links in it.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		write(t, dir, name, text)
	}
	return dir
}

// fails holds an error to the texts that it must say and to having a remedy
// that says the last of them.
func fails(t *testing.T, err error, remedy string, says ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, text := range says {
		if !strings.Contains(err.Error(), text) {
			t.Errorf("the error %q does not say %q", err, text)
		}
	}
	if got := hint.Remedy(err); !strings.Contains(got, remedy) {
		t.Errorf("the remedy %q does not say %q", got, remedy)
	}
}

const mainGo = "package main\n\nfunc main() {}\n"

func TestDetect(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"go.mod": "module example.com/My_Todo/v2\n\ngo 1.26\n", "tool.py": "", "requirements.txt": "", "sub/x.py": ""})
	got, err := Detect(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := Detected{Dir: dir, GoModule: "example.com/My_Todo/v2", Name: "my-todo", Python: []string{"requirements.txt", "tool.py"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDetectPython(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]map[string]string{
		"requirements": {"requirements.txt": "", "app.py": ""}, "project": {"pyproject.toml": ""}, "Pipenv": {"Pipfile": ""}, "setup": {"setup.py": "", "setup.cfg": ""},
		"with Go": {"requirements.txt": "", "go.mod": "module m\n"},
	} {
		d, err := Detect(tree(t, files))
		if err != nil || !d.IsPython() || (d.GoModule != "") != (name == "with Go") {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
	d, err := Detect(tree(t, map[string]string{"go.mod": "module m\n", "requirements.txt/x": "", "setup.cfg": "", "a.py": ""}))
	if err != nil || d.IsPython() {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestDetectErrors(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		files  map[string]string
		says   string
		remedy string
	}{
		"empty":            {nil, "is empty: there is no go.mod in it", "go mod init"},
		"no service":       {map[string]string{"README.md": "hello"}, "is no service: there is no go.mod in it", "name the folder of a Go or Python service"},
		"python":           {map[string]string{"app.py": "", "setup.cfg": ""}, "holds Python (app.py and setup.cfg), but no requirements.txt, pyproject.toml, setup.py or Pipfile", "requirements.txt"},
		"service inside":   {map[string]string{"app/go.mod": "module m\n", "docs/x": ""}, "has no go.mod, but app in it has", "path: app in sluice.yaml"},
		"services inside":  {map[string]string{"a/go.mod": "module a\n", "b/go.mod": "module b\n", ".x/go.mod": "module x\n"}, "has no go.mod, but a and b in it has", "path: a in sluice.yaml"},
		"broken go.mod":    {map[string]string{"go.mod": "module m\n\nrequir x v1\n"}, "go.mod:3: unknown directive: requir", "correct go.mod"},
		"nameless go.mod":  {map[string]string{"go.mod": "go 1.26\n"}, "go.mod has no module line", "go mod init"},
		"go.mod is folder": {map[string]string{"go.mod/x": ""}, "go.mod: it is no regular file", "replace it"},
		"go.mod too large": {map[string]string{"go.mod": strings.Repeat("// x\n", maxFile/5+1)}, "go.mod: it is larger than 1048576 bytes", "smaller"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := tree(t, test.files)
			_, err := Detect(dir)
			fails(t, err, test.remedy, dir, test.says)
		})
	}
}

func TestDetectWhatIsNoFolder(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"file": ""})
	_, err := Detect(filepath.Join(dir, "file"))
	fails(t, err, "folder that it is in", dir+"/file is a file")
	_, err = Detect(filepath.Join(dir, "none"))
	fails(t, err, "name the folder of a service", "the folder "+dir+"/none does not exist")
	link(t, "loop", filepath.Join(dir, "loop"))
	if _, err = Detect(filepath.Join(dir, "loop")); err == nil || !strings.Contains(err.Error(), "too many links") {
		t.Errorf("a loop of links: %v", err)
	}
}

func TestDetectUnreadable(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root can read everything")
	}
	dir := tree(t, map[string]string{"closed/go.mod": "module m\n", "mod/go.mod": "module m\n", "cmds/go.mod": "module m\n", "cmds/cmd/a/main.go": mainGo})
	for _, path := range []string{"closed", "mod/go.mod", "cmds/cmd"} {
		full := filepath.Join(dir, path)
		if err := os.Chmod(full, 0); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.Chmod(full, 0o755) })
	}
	for _, name := range []string{"closed", "mod"} {
		_, err := Detect(filepath.Join(dir, name))
		fails(t, err, "make it readable", filepath.Join(dir, name), "permission denied")
	}
	d, err := Detect(filepath.Join(dir, "cmds"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Command("m", "")
	fails(t, err, "make it readable", filepath.Join(dir, "cmds/cmd"), "permission denied")
}

func TestNames(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"example.com/todo": "todo", "example.com/todo/v3": "todo", "gopkg.in/todo.v2": "todo", "todo": "todo",
		"example.com/1todo": "todo", "example.com/TO.DO_": "to-do", "example.com/123": "",
		"example.com/" + strings.Repeat("a", 48) + "-b": strings.Repeat("a", 48),
	} {
		if got := nameFor(path); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}

func TestCommand(t *testing.T) {
	t.Parallel()
	const lib, elsewhere = "package lib\n", "//go:build windows\n\npackage main\n\nfunc main() {}\n"
	tests := map[string]struct {
		files map[string]string
		main  string // configured
		want  string
	}{
		"the only one":         {map[string]string{"tools/run/main.go": mainGo, "lib/lib.go": lib}, "", "tools/run"},
		"the folder itself":    {map[string]string{"main.go": mainGo, "cmd/other/main.go": mainGo}, "", "."},
		"by the name":          {map[string]string{"cmd/todo/main.go": mainGo, "cmd/other/main.go": mainGo}, "", "cmd/todo"},
		"configured":           {map[string]string{"main.go": mainGo, "cmd/other/main.go": mainGo}, "./cmd/other/", "cmd/other"},
		"other systems' aside": {map[string]string{"a/main.go": mainGo, "b/main.go": elsewhere, "c/main_windows.go": mainGo}, "", "a"},
		"ignored ones aside":   {map[string]string{"a/main.go": mainGo, "gen.go": "//go:build ignore\n\npackage main\n", "lib.go": lib}, "", "a"},
		"other modules aside":  {map[string]string{"a/main.go": mainGo, "tools/go.mod": "module t\n", "tools/main.go": mainGo}, "", "a"},
		"testdata aside":       {map[string]string{"a/main.go": mainGo, "testdata/main.go": mainGo, "vendor/x/main.go": mainGo, "_x/main.go": mainGo, ".x/main.go": mainGo}, "", "a"},
		"tools aside":          {map[string]string{"cmd/a/main.go": mainGo, "internal/bench/main.go": mainGo, "lib/internal/gen/main.go": mainGo}, "", "cmd/a"},
		"a tool by itself":     {map[string]string{"internal/bench/main.go": mainGo}, "", "internal/bench"},
		"tests aside":          {map[string]string{"a/main.go": mainGo, "b/main_test.go": mainGo}, "", "a"},
		"broken code":          {map[string]string{"a/main.go": "package main\n\nfunc main( {"}, "", "a"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Detected{Dir: tree(t, test.files), GoModule: "m"}.Command("todo", test.main)
			if err != nil || got != test.want {
				t.Errorf("got %q, %v; want %q", got, err, test.want)
			}
		})
	}
}

func TestCommandErrors(t *testing.T) {
	t.Parallel()
	library := Detected{Dir: tree(t, map[string]string{"lib.go": "package lib\n"}), GoModule: "example.com/lib"}
	_, err := library.Command("lib", "")
	fails(t, err, "add a command", library.Dir, "is a library: the Go module example.com/lib has no main package")

	several := map[string]string{}
	for i := range 15 {
		several[fmt.Sprintf("cmd/c%02d/main.go", i)] = mainGo
	}
	many := Detected{Dir: tree(t, several), GoModule: "example.com/many"}
	_, err = many.Command("many", "")
	fails(t, err, "build: {main: cmd/c00}", "example.com/many has several commands: cmd/c00, cmd/c01,", "cmd/c09 and 5 more")

	for main, says := range map[string]string{
		"cmd/none": `names the folder "cmd/none", which does not exist`,
		"cmd":      `names the folder "cmd", which has no main package`,
	} {
		if _, err := many.Command("many", main); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", main, err)
		}
	}
}

// A pipe that is called like a Go file, and folders without end, stop nothing.
func TestCommandInAHostileTree(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"a/main.go": mainGo})
	makePipe(t, filepath.Join(dir, "pipe.go"))
	link(t, ".", filepath.Join(dir, "self"))
	link(t, "/dev/zero", filepath.Join(dir, "zero.go"))
	if got, err := (Detected{Dir: dir}).Command("x", ""); got != "a" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	deep := filepath.Join(dir, strings.Repeat("d/", maxTreeDepth+1))
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := Detected{Dir: dir}.Command("x", "")
	fails(t, err, "build: {main: cmd/NAME}", "looking for commands in "+dir)
}

func TestFindRoot(t *testing.T) {
	t.Parallel()
	file := map[string]string{Name: "", "a/b/x": ""}
	git := map[string]string{".git/HEAD": "", "a/b/x": ""}
	both := map[string]string{".git/HEAD": "", "a/" + Name: "", "a/b/x": ""}
	above := map[string]string{Name: "", "a/.git": "gitdir: elsewhere\n", "a/b/x": ""}
	tests := map[string]struct {
		files     map[string]string
		start     string
		dir, git  string // relative; "-" is none
		file, top bool
	}{
		"file here":                {file, ".", ".", "-", true, false},
		"file above":               {file, "a/b", ".", "-", true, false},
		"git alone":                {git, "a/b", ".", ".", false, false},
		"file below the top":       {both, "a/b", "a", ".", true, false},
		"top without file":         {both, ".", ".", ".", false, false},
		"file above the work tree": {above, "a/b", "a", "a", false, false},
		"neither":                  {map[string]string{"a/b/x": ""}, "a/b", "a/b", "-", false, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			top := tree(t, test.files)
			got, err := FindRoot(filepath.Join(top, test.start))
			if err != nil {
				t.Fatal(err)
			}
			want := Root{Dir: filepath.Join(top, test.dir), Start: filepath.Join(top, test.start), File: test.file}
			if test.git != "-" {
				want.Git = filepath.Join(top, test.git)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// What somebody else has put above the folder is passed over.
func TestFindRootTrustsNoStranger(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	top := tree(t, map[string]string{Name: "", ".git/HEAD": "", "a/x": ""})
	for _, name := range []string{Name, ".git"} {
		if err := os.Chown(filepath.Join(top, name), 12345, 12345); err != nil {
			t.Fatal(err)
		}
	}
	got, err := FindRoot(filepath.Join(top, "a"))
	if want := (Root{Dir: top + "/a", Start: top + "/a"}); err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if got, err := FindRoot(top); err != nil || !got.File || got.Git != top {
		t.Errorf("asked for itself: got %+v, %v", got, err)
	}
}

func TestFindRootErrors(t *testing.T) {
	t.Parallel()
	dir := tree(t, map[string]string{"file": ""})
	_, err := FindRoot(filepath.Join(dir, "file"))
	fails(t, err, "folder that it is in", "is a file, and a service is a folder")
	_, err = FindRoot(filepath.Join(dir, "none"))
	fails(t, err, "name the folder", "does not exist")
	if errors.Is(err, fs.ErrNotExist) {
		t.Error("a folder that is not there must not look like a sluice.yaml that is not there")
	}
}
