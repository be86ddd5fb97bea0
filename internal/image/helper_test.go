package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// helperVariable makes the test program build an image, in a process whose
// settings differ from this one's, and print the result as JSON.
const helperVariable = "SLUICE_IMAGE_TEST_RECIPE"

// helperRecipe is what the helper builds.
type helperRecipe struct {
	Recipe struct{ Name, Root, Dir, Main, Out, Cache string }
	Umask  int
}

func TestMain(m *testing.M) {
	if recipe, ok := os.LookupEnv(helperVariable); ok {
		os.Exit(help(recipe))
	}
	os.Exit(m.Run())
}

func help(recipe string) int {
	var h helperRecipe
	if err := json.Unmarshal([]byte(recipe), &h); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	syscall.Umask(h.Umask)
	r := h.Recipe
	what := Recipe{Name: r.Name, Root: r.Root, Dir: r.Dir, Main: r.Main, Out: r.Out, Cache: r.Cache}
	if size := os.Getenv(fullVariable); size != "" {
		return failOnFullDisk(what, size)
	}
	res, err := Build(context.Background(), what)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := json.NewEncoder(os.Stdout).Encode(res); err != nil {
		return 2
	}
	return 0
}

// helper is the test program, made to build r.
func helper(t *testing.T, r Recipe, umask int, env ...string) *exec.Cmd {
	t.Helper()
	h := helperRecipe{Umask: umask}
	h.Recipe.Name, h.Recipe.Root, h.Recipe.Dir, h.Recipe.Main, h.Recipe.Out, h.Recipe.Cache = r.Name, r.Root, r.Dir, r.Main, r.Out, r.Cache
	program, err := os.Executable()
	check(t, err)
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(os.Environ(), append(env, helperVariable+"="+string(encode(t, h)))...)
	return cmd
}

// buildElsewhere builds in a process of its own.
func buildElsewhere(t *testing.T, r Recipe, umask int, env ...string) Result {
	t.Helper()
	cmd := helper(t, r, umask, env...)
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("%v: %s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var res Result
	check(t, json.Unmarshal(out, &res))
	return res
}

// warmCache is the cache folder whose go-build is the go command's own, so
// that the standard library is compiled once and not once a test.
func warmCache(t testing.TB) string {
	t.Helper()
	dir, err := os.UserCacheDir()
	check(t, err)
	return dir
}

// service writes the files of a repository, and returns a recipe for the
// service in its folder "svc".
func service(t testing.TB, files map[string]string) Recipe {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		name = filepath.Join(root, filepath.FromSlash(name))
		check(t, os.MkdirAll(filepath.Dir(name), 0o755))
		check(t, os.WriteFile(name, []byte(content), 0o644))
	}
	return Recipe{
		Name: "todo", Root: root, Dir: filepath.Join(root, "svc"), Main: "cmd/todo",
		Out: filepath.Join(t.TempDir(), "image"), Cache: warmCache(t),
	}
}

func hello() map[string]string {
	return map[string]string{
		"svc/go.mod":           "module example.com/todo\n\ngo 1.24\n",
		"svc/cmd/todo/main.go": "package main\n\nimport \"example.com/todo/greet\"\n\nfunc main() { println(greet.Hello()) }\n",
		"svc/greet/greet.go":   "package greet\n\nimport _ \"embed\"\n\n//go:embed hello.txt\nvar hello string\n\n// Hello greets.\nfunc Hello() string { return hello }\n",
		"svc/greet/hello.txt":  "hello\n",
	}
}

func with(files map[string]string, pairs ...string) map[string]string {
	for i := 0; i+1 < len(pairs); i += 2 {
		files[pairs[i]] = pairs[i+1]
	}
	return files
}

func itoa(n int) string { return strconv.Itoa(n) }
