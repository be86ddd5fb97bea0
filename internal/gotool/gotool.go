// Package gotool finds the Go toolchain and runs it the same way everywhere:
// this toolchain and no other, no network, no settings of the user's that
// change results, and a build cache that belongs to Sluice.
package gotool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/sluice-ci/sluice/internal/command"
	"github.com/sluice-ci/sluice/internal/hint"
)

// ImageTag is the build tag with which a service's program is built for its
// image, which has no time zones otherwise; what checks code looks at the same.
const ImageTag = "timetzdata"

// Toolchain is an installed Go.
type Toolchain struct {
	Go       string // the go command
	Root     string // GOROOT
	Version  string // "go1.26.8"
	ModCache string // GOMODCACHE
}

// Find looks the toolchain up in PATH. It starts no process where the
// installation is laid out as Go's own archives are.
func Find() (Toolchain, error) {
	path, err := exec.LookPath("go")
	if err != nil {
		return Toolchain{}, hint.With(errors.New("there is no go command in PATH"), "install Go from https://go.dev/dl and put its bin folder in PATH")
	}
	if path, err = filepath.Abs(path); err != nil {
		return Toolchain{}, err
	}
	t := Toolchain{Go: path}
	if t.ModCache, err = modCache(); err != nil {
		return Toolchain{}, err
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return Toolchain{}, fmt.Errorf("resolving %s: %w", path, err)
	}
	root := filepath.Dir(filepath.Dir(real))
	if version, err := os.ReadFile(filepath.Join(root, "VERSION")); err == nil {
		line, _, _ := bytes.Cut(version, []byte("\n"))
		t.Root, t.Version = root, string(line)
		return t, nil
	}
	return t.ask()
}

// ask fills in what could not be read, by the go command itself.
func (t Toolchain) ask() (Toolchain, error) {
	out, err := command.Output(context.Background(), command.Spec{Path: t.Go, Args: []string{"env", "GOROOT", "GOVERSION"}, Env: append(os.Environ(), "GOTOOLCHAIN=local")})
	if err != nil {
		return t, fmt.Errorf("asking %s for its version: %w", t.Go, err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != 2 {
		return t, fmt.Errorf("asking %s for its version: unexpected answer %q", t.Go, out)
	}
	t.Root, t.Version = lines[0], lines[1]
	return t, nil
}

// Reads are the files and folders that the go command reads, besides the source
// and the build cache.
func (t Toolchain) Reads() []string {
	return []string{t.Go, t.Root, t.ModCache, envFile()}
}

// modCache is where modules are kept: GOMODCACHE as the go command resolves it.
func modCache() (string, error) {
	if dir := setting("GOMODCACHE"); dir != "" {
		return dir, nil
	}
	if paths := filepath.SplitList(setting("GOPATH")); len(paths) > 0 {
		return filepath.Join(paths[0], "pkg", "mod"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("finding the module cache: %w", err)
	}
	return filepath.Join(home, "go", "pkg", "mod"), nil
}

// setting is a variable of the environment, or of the file that go env -w writes.
func setting(name string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	text, err := os.ReadFile(envFile())
	if err != nil {
		return ""
	}
	for _, line := range strings.Split(string(text), "\n") {
		if v, ok := strings.CutPrefix(line, name+"="); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// envFile is the file that go env -w writes; "" when there is no place for one.
func envFile() string {
	if file := os.Getenv("GOENV"); file != "" {
		return file
	}
	config, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(config, "go", "env")
}

// Zone names a build cache. Code of the repository runs with TestZone's in
// reach, so nothing that is released or judged is built from it.
type Zone string

// The zones.
const (
	CheckZone Zone = "go-build"
	TestZone  Zone = "go-build-test"
)

// Env is the whole environment of a go command: offline, this toolchain only, no
// flags (so go.mod is read-only, and a vendor folder is used where there is one),
// build cache in zone's folder below cache. More settings
// can be appended; the last of a name counts.
func (t Toolchain) Env(cache string, zone Zone) []string {
	env := []string{
		"GOENV=off", "GOFLAGS=", "GOTOOLCHAIN=local", "GOPROXY=off", "GO111MODULE=on", "GOTELEMETRY=off",
		"GOROOT=" + t.Root, "GOMODCACHE=" + t.ModCache, "GOPATH=" + filepath.Dir(filepath.Dir(t.ModCache)),
		"GOCACHE=" + filepath.Join(cache, string(zone)),
		"LANG=C.UTF-8",
	}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "CC", "CXX", "CGO_ENABLED"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// Facts are what of the toolchain decides a result, for a job's inputs.
func (t Toolchain) Facts() map[string]string {
	return map[string]string{"go": t.Version, "goroot": t.Root, "platform": runtime.GOOS + "/" + runtime.GOARCH, "CGO_ENABLED": os.Getenv("CGO_ENABLED"), "CC": os.Getenv("CC")}
}

// Run runs "go args..." in dir.
func (t Toolchain) Run(ctx context.Context, dir string, env []string, stdout, stderr io.Writer, args ...string) error {
	return explain(command.Run(ctx, command.Spec{Path: t.Go, Args: args, Dir: dir, Env: env, Stdout: stdout, Stderr: stderr}))
}

// Output runs "go args..." in dir and returns what it printed.
func (t Toolchain) Output(ctx context.Context, dir string, env []string, stderr io.Writer, args ...string) ([]byte, error) {
	var out bytes.Buffer
	err := t.Run(ctx, dir, env, &out, stderr, args...)
	return out.Bytes(), err
}

// remedies are for what the go command says most often; the first that fits is used.
var remedies = []struct{ says, remedy string }{
	{"toolchain not available", "install the Go version that go.mod asks for"},
	{"requires go >=", "install the Go version that go.mod asks for"},
	{"updates to go.mod needed", "run go mod tidy and commit go.mod and go.sum"},
	{"missing go.sum entry", "run go mod tidy and commit go.mod and go.sum"},
	{"no required module provides package", "run go get for the missing package, then go mod tidy, and commit go.mod and go.sum"},
	{"module lookup disabled by GOPROXY=off", "run go mod tidy, and see that the modules stage can reach a module proxy"},
	{"no space left on device", "free some disk space, or set SLUICE_CACHE to a folder on a larger disk"},
}

func explain(err error) error {
	var exit *command.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	for _, r := range remedies {
		if strings.Contains(exit.Stderr, r.says) {
			return hint.With(err, r.remedy)
		}
	}
	return err
}
