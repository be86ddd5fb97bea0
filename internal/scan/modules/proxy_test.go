package modules

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"

	"github.com/sluice-ci/sluice/internal/gomod"
	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/pipeline"
)

// proxy is a folder laid out as the GOPROXY protocol has it, and the go.sum
// lines of what is in it.
type proxy struct {
	dir string
	sum strings.Builder
}

func (p *proxy) url() string { return "file://" + filepath.ToSlash(p.dir) }

// add publishes example.com/NAME@v1.0.0, whose package imports others.
func (p *proxy) add(t *testing.T, name string, imports ...string) {
	t.Helper()
	gomod, source := "module example.com/"+name+"\n\ngo 1.21\n", "package "+name+"\n"
	for _, i := range imports {
		gomod += "\nrequire example.com/" + i + " v1.0.0\n"
		source += "\nimport _ \"example.com/" + i + "\"\n"
	}
	p.publish(t, "example.com/"+name, map[string]string{"go.mod": gomod, name + ".go": source + "\n// X is here to be used.\nvar X = 1\n"})
}

func (p *proxy) publish(t *testing.T, path string, files map[string]string) {
	t.Helper()
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		w, err := z.Create(path + "@v1.0.0/" + name)
		check(t, err)
		_, err = io.WriteString(w, files[name])
		check(t, err)
	}
	check(t, z.Close())
	escaped, err := module.EscapePath(path)
	check(t, err)
	at := filepath.Join(p.dir, escaped, "@v", "v1.0.0")
	write(t, at+".zip", archive.String())
	write(t, at+".mod", files["go.mod"])
	write(t, at+".info", `{"Version":"v1.0.0"}`)
	all, err := dirhash.HashZip(at+".zip", dirhash.Hash1)
	check(t, err)
	mod, err := dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(files["go.mod"])), nil })
	check(t, err)
	fmt.Fprintf(&p.sum, "%s v1.0.0 %s\n%s v1.0.0/go.mod %s\n", path, all, path, mod)
}

// service writes a service that requires and imports modules of p.
func (p *proxy) service(t *testing.T, imports []string, requires ...string) string {
	t.Helper()
	dir := t.TempDir()
	gomod, source := "module example.com/service\n\ngo 1.25\n", "package main\n"
	for _, name := range requires {
		gomod += "\nrequire example.com/" + name + " v1.0.0\n"
	}
	for _, name := range imports {
		source += "\nimport _ \"example.com/" + name + "\"\n"
	}
	write(t, filepath.Join(dir, "go.mod"), gomod)
	write(t, filepath.Join(dir, "go.sum"), p.sum.String())
	write(t, filepath.Join(dir, "main.go"), source+"\nfunc main() {}\n")
	return dir
}

// newFetcher is a fetcher for the service at dir, with a module cache of its own.
func newFetcher(t *testing.T, dir string, environ ...string) *fetcher {
	t.Helper()
	tc, err := gotool.Find()
	check(t, err)
	tc.ModCache = modCache(t)
	home := t.TempDir()
	write(t, filepath.Join(home, ".config", "go", "telemetry", "mode"), "off") // else it is written to while it is removed
	return &fetcher{
		Task: pipeline.Task{Dir: dir, Root: dir, Cache: t.TempDir(), Progress: func(string) {}, Log: t.Output()},
		tc:   tc, cache: t.TempDir(),
		environ: append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "GOENV=off", "GOSUMDB=off"}, environ...),
	}
}

// modCache is an empty module cache, which can be removed although the go
// command makes its folders read-only.
func modCache(t *testing.T) string {
	dir := filepath.Join(t.TempDir(), "mod")
	t.Cleanup(func() {
		_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				return os.Chmod(path, 0o755)
			}
			return nil
		})
	})
	return dir
}

// next is a fetcher for a later run of the same service.
func (f *fetcher) next() *fetcher {
	later := *f
	later.w = gomod.Workspace{}
	return &later
}

// recorder collects progress.
type recorder struct {
	mu    sync.Mutex
	lines []string
}

func (r *recorder) tell(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, text)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	check(t, os.MkdirAll(filepath.Dir(path), 0o755))
	check(t, os.WriteFile(path, []byte(text), 0o644))
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	check(t, err)
	return string(text)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
