package modules

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
)

// nowhere is a proxy that nothing listens for.
const nowhere = "GOPROXY=http://127.0.0.1:1"

func TestFetchesWhatIsImportedAndNoMore(t *testing.T) {
	t.Parallel()
	p := &proxy{dir: t.TempDir()}
	p.add(t, "b")
	p.add(t, "a", "b")
	p.add(t, "intest")
	p.add(t, "inrace")
	p.add(t, "norace")
	p.add(t, "nocgo")
	p.add(t, "unneeded")
	dir := p.service(t, []string{"a"}, "a", "b", "intest", "inrace", "norace", "nocgo", "unneeded")
	write(t, filepath.Join(dir, "main_test.go"), "package main\n\nimport _ \"example.com/intest\"\n")
	write(t, filepath.Join(dir, "race.go"), "//go:build race\n\npackage main\n\nimport _ \"example.com/inrace\"\n")
	write(t, filepath.Join(dir, "norace_test.go"), "//go:build !race\n\npackage main\n\nimport _ \"example.com/norace\"\n")
	write(t, filepath.Join(dir, "nocgo.go"), "//go:build linux && !cgo\n\npackage main\n\nimport _ \"example.com/nocgo\"\n")
	gomod, gosum := read(t, filepath.Join(dir, "go.mod")), read(t, filepath.Join(dir, "go.sum"))

	f := newFetcher(t, dir, "GOPROXY="+p.url())
	var told recorder
	f.Progress = told.tell
	got, err := f.fetch(t.Context())
	check(t, err)
	needed := []string{"example.com/a@v1.0.0", "example.com/b@v1.0.0", "example.com/inrace@v1.0.0", "example.com/intest@v1.0.0", "example.com/nocgo@v1.0.0", "example.com/norace@v1.0.0"}
	want := pipeline.Report{
		Stage:    "modules",
		Tools:    []pipeline.Tool{{Name: "go", Version: strings.TrimPrefix(f.tc.Version, "go")}},
		Examined: []pipeline.Count{{What: "source files", N: 5}, {What: "modules", N: 6}},
		Values:   map[string]string{"modcache": f.tc.ModCache, "needed": strings.Join(needed, "\n"), "modules": "6"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if gone := absent(f.tc.ModCache, []string{"example.com/unneeded@v1.0.0"}); len(gone) != 1 {
		t.Error("a module that nothing imports was fetched")
	}
	if all := strings.Join(told.lines, "\n"); !strings.Contains(all, "downloading module 1 of at most 7: example.com/") {
		t.Errorf("progress does not name what is fetched:\n%s", all)
	}
	if read(t, filepath.Join(dir, "go.mod")) != gomod || read(t, filepath.Join(dir, "go.sum")) != gosum {
		t.Error("go.mod or go.sum was changed")
	}
	checkOffline(t, f)
}

// checkOffline does with the service what later steps do, without any proxy.
func checkOffline(t *testing.T, f *fetcher) {
	t.Helper()
	cache, err := exec.Command(f.tc.Go, "env", "GOCACHE").Output()
	check(t, err)
	env := append(f.tc.Env(f.cache, gotool.CheckZone), "GOCACHE="+strings.TrimSpace(string(cache)))
	for _, args := range []string{
		"vet ./...", "test ./...", "list -deps -export -test ./...", "build -o " + filepath.Join(t.TempDir(), "bin") + " .",
	} {
		check(t, f.tc.Run(t.Context(), f.Dir, env, t.Output(), t.Output(), strings.Fields(args)...))
	}
	check(t, f.tc.Run(t.Context(), f.Dir, append(env, "CGO_ENABLED=0"), t.Output(), t.Output(), "vet", "-tags=race", "./..."))
}

func TestIsOfflineOnceEverythingIsThere(t *testing.T) {
	t.Parallel()
	p := &proxy{dir: t.TempDir()}
	p.add(t, "a")
	f := newFetcher(t, p.service(t, []string{"a"}, "a"), "GOPROXY="+p.url())
	first, err := f.fetch(t.Context())
	check(t, err)

	again := f.next()
	again.environ = append(again.environ, nowhere)
	again.Cache = t.TempDir() // nothing is remembered: the go command has to look
	second, err := again.fetch(t.Context())
	check(t, err)
	if d := cmp.Diff(first, second); d != "" {
		t.Error(d)
	}
}

func TestStartsNoProcessWhileImportsStayTheSame(t *testing.T) {
	t.Parallel()
	p := &proxy{dir: t.TempDir()}
	p.add(t, "a")
	p.add(t, "b")
	dir := p.service(t, []string{"a"}, "a", "b")
	f := newFetcher(t, dir, "GOPROXY="+p.url())
	first, err := f.fetch(t.Context())
	check(t, err)

	main := filepath.Join(dir, "main.go")
	write(t, main, strings.Replace(read(t, main), "func main() {}", "import \"fmt\"\n\nfunc main() { fmt.Println() }", 1))
	warm := f.next()
	warm.tc.Go = "/nonexistent"
	second, err := warm.fetch(t.Context())
	check(t, err)
	if d := cmp.Diff(first, second); d != "" {
		t.Error(d)
	}

	for name, change := range map[string]func(t *testing.T, dir string){
		"an import": func(t *testing.T, _ string) { edit(t, main, "example.com/a", "example.com/b") },
		"a file": func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "b.go"), "package main\n\nimport _ \"example.com/b\"\n")
		},
		"a constraint": func(t *testing.T, dir string) { write(t, main, "//go:build linux\n\n"+read(t, main)) },
		"go.mod": func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "go.mod"), read(t, filepath.Join(dir, "go.mod"))+"\n")
		},
		"go.sum": func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "go.sum"), read(t, filepath.Join(dir, "go.sum"))+"\n")
		},
		"a broken file": func(t *testing.T, dir string) { write(t, filepath.Join(dir, "x.go"), "packag") },
		"the module cache": func(t *testing.T, _ string) {
			check(t, os.Rename(filepath.Join(f.tc.ModCache, "cache", "download", "example.com", "a", "@v", "v1.0.0.ziphash"), filepath.Join(f.tc.ModCache, "moved")))
		},
		"the list that was kept": func(t *testing.T, _ string) { write(t, f.memo(), "{") },
	} {
		t.Run(name, func(t *testing.T) { // not parallel: each changes the same service
			before := snapshot(t, dir, f)
			change(t, dir)
			cold := f.next()
			cold.tc.Go = "/nonexistent"
			if _, err := cold.fetch(t.Context()); err == nil {
				t.Error("the list was used again after a change")
			}
			before()
		})
	}
	if _, err := warm.next().fetch(t.Context()); err != nil {
		t.Errorf("with everything as it was: %v", err)
	}
}

// snapshot returns a function that restores the service and what is kept of it.
func snapshot(t *testing.T, dir string, f *fetcher) func() {
	t.Helper()
	kept := map[string]string{}
	for _, path := range []string{"main.go", "go.mod", "go.sum"} {
		kept[filepath.Join(dir, path)] = read(t, filepath.Join(dir, path))
	}
	hash := filepath.Join(f.tc.ModCache, "cache", "download", "example.com", "a", "@v", "v1.0.0.ziphash")
	kept[f.memo()], kept[hash] = read(t, f.memo()), read(t, hash)
	return func() {
		for path, text := range kept {
			write(t, path, text)
		}
		for _, extra := range []string{"b.go", "x.go"} {
			_ = os.Remove(filepath.Join(dir, extra)) // most changes add no file
		}
	}
}

func TestNothingToFetch(t *testing.T) {
	t.Parallel()
	p := &proxy{dir: t.TempDir()}
	p.add(t, "a")
	plain := p.service(t, nil)
	vendored := p.service(t, []string{"a"}, "a")
	write(t, filepath.Join(vendored, "vendor", "modules.txt"), "# example.com/a v1.0.0\n## explicit; go 1.21\nexample.com/a\n")
	write(t, filepath.Join(vendored, "vendor", "example.com", "a", "a.go"), "package a\n")
	for name, dir := range map[string]string{"no dependencies": plain, "vendored": vendored} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFetcher(t, dir, nowhere)
			f.tc.Go = "/nonexistent"
			r, err := f.fetch(t.Context())
			check(t, err)
			if d := cmp.Diff([]pipeline.Count{{What: "source files", N: 1}, {What: "modules"}}, r.Examined); d != "" {
				t.Error(d)
			}
			if !valid(pipeline.Answer{Reports: []pipeline.Report{r}}) {
				t.Error("the answer is not valid")
			}
		})
	}
	f := newFetcher(t, vendored)
	check(t, f.tc.Run(t.Context(), vendored, f.tc.Env(f.cache, gotool.CheckZone), t.Output(), t.Output(), "list", "-deps", "./..."))
}

func TestWorkspaceAndLocalReplacement(t *testing.T) {
	t.Parallel()
	p := &proxy{dir: t.TempDir()}
	p.add(t, "a")
	p.add(t, "b")
	root := t.TempDir()
	write(t, filepath.Join(root, "go.work"), "go 1.25\n\nuse ./app\n\nuse ./lib\n")
	write(t, filepath.Join(root, "app", "go.mod"), "module example.com/app\n\ngo 1.25\n\nrequire example.com/local v1.0.0\n\nreplace example.com/local => ../local\n")
	write(t, filepath.Join(root, "app", "main.go"), "package main\n\nimport (\n\t_ \"example.com/lib\"\n\t_ \"example.com/local\"\n)\n\nfunc main() {}\n")
	write(t, filepath.Join(root, "lib", "go.mod"), "module example.com/lib\n\ngo 1.25\n\nrequire example.com/a v1.0.0\n")
	write(t, filepath.Join(root, "lib", "go.sum"), p.sum.String())
	write(t, filepath.Join(root, "lib", "lib.go"), "package lib\n\nimport _ \"example.com/a\"\n")
	write(t, filepath.Join(root, "local", "go.mod"), "module example.com/local\n\ngo 1.25\n")
	write(t, filepath.Join(root, "local", "local.go"), "package local\n")
	f := newFetcher(t, filepath.Join(root, "app"), "GOPROXY="+p.url())
	r, err := f.fetch(t.Context())
	check(t, err)
	if got := r.Values["needed"]; got != "example.com/a@v1.0.0" {
		t.Errorf("needed = %q", got)
	}
	write(t, filepath.Join(root, "local", "more.go"), "package local\n\nimport _ \"example.com/b\"\n")
	again := f.next()
	again.tc.Go = "/nonexistent"
	if _, err := again.fetch(t.Context()); err == nil {
		t.Error("an import of a replacement was not noticed")
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(t *testing.T, dir string, f *fetcher)
		says   []string
		remedy string
	}{
		"syntax error": {
			func(t *testing.T, dir string, _ *fetcher) {
				write(t, filepath.Join(dir, "go.mod"), "module m\n\nrequires x\n")
			},
			[]string{"go.mod:3: unknown directive: requires"}, "correct that line",
		},
		"newer Go": {
			func(t *testing.T, dir string, _ *fetcher) {
				edit(t, filepath.Join(dir, "go.mod"), "go 1.25", "go 1.999")
			},
			[]string{"go.mod:3 asks for go 1.999", "this is go1."}, "install Go 1.999",
		},
		"dependency with a newer Go": {
			func(t *testing.T, dir string, f *fetcher) {
				p := &proxy{dir: t.TempDir()}
				p.publish(t, "example.com/a", map[string]string{"go.mod": "module example.com/a\n\ngo 1.999\n", "a.go": "package a\n"})
				write(t, filepath.Join(dir, "go.sum"), p.sum.String())
				f.environ = append(f.environ, "GOPROXY="+p.url())
			},
			[]string{"example.com/a@v1.0.0 requires go >= 1.999"}, "install the Go version",
		},
		"unknown version": {
			func(t *testing.T, dir string, _ *fetcher) {
				edit(t, filepath.Join(dir, "go.mod"), "v1.0.0", "v1.7.0")
				edit(t, filepath.Join(dir, "go.sum"), "v1.0.0", "v1.7.0")
			},
			[]string{"there is no such version", "example.com/a@v1.7.0"}, "correct the version in go.mod",
		},
		"no go.sum": {
			func(t *testing.T, dir string, _ *fetcher) { check(t, os.Remove(filepath.Join(dir, "go.sum"))) },
			[]string{"missing go.sum entry", "example.com/a"}, "go mod tidy",
		},
		"a package of no module": {
			func(t *testing.T, dir string, _ *fetcher) {
				edit(t, filepath.Join(dir, "main.go"), "example.com/a", "example.com/other")
			},
			[]string{"no required module provides package example.com/other"}, "go get",
		},
		"changed module": {
			func(t *testing.T, dir string, _ *fetcher) {
				edit(t, filepath.Join(dir, "go.sum"), "v1.0.0 h1:", "v1.0.0 h1:A")
			},
			[]string{"tampering", "example.com/a@v1.0.0: checksum mismatch"}, "find out why",
		},
		"changed go.mod of a module": {
			func(t *testing.T, dir string, _ *fetcher) {
				edit(t, filepath.Join(dir, "go.sum"), "/go.mod h1:", "/go.mod h1:A")
			},
			[]string{"tampering", "example.com/a@v1.0.0/go.mod: checksum mismatch"}, "find out why",
		},
		"no network": {
			func(_ *testing.T, _ string, f *fetcher) { f.environ = append(f.environ, nowhere) },
			[]string{"cannot be reached", "the module cache lacks example.com/a@v1.0.0, example.com/b@v1.0.0"}, "check the network",
		},
		"fetching forbidden": {
			func(_ *testing.T, _ string, f *fetcher) { f.environ = append(f.environ, "GOPROXY=off") },
			[]string{"GOPROXY=off", "the module cache lacks example.com/a@v1.0.0"}, "set GOPROXY",
		},
		"refused by a proxy": {
			func(t *testing.T, _ string, f *fetcher) {
				f.environ = append(f.environ, "GOPROXY="+answering(t, 401, "who are you"))
			},
			[]string{"access was refused", "example.com/a@v1.0.0"}, "set GOPRIVATE",
		},
		"private, says a proxy": {
			func(t *testing.T, _ string, f *fetcher) {
				f.environ = append(f.environ, "GOPROXY="+answering(t, 404, "not found: git ls-remote: exit status 128:\n\tfatal: could not read Username for 'https://example.com': terminal prompts disabled"))
			},
			[]string{"access was refused", "example.com/a@v1.0.0", "could not read Username"}, "set GOPRIVATE",
		},
		"unknown to a proxy": {
			func(t *testing.T, _ string, f *fetcher) {
				f.environ = append(f.environ, "GOPROXY="+answering(t, 410, "gone"))
			},
			[]string{"there is no such version", "example.com/a@v1.0.0", "410 Gone"}, "correct the version",
		},
		"a proxy that is down": {
			func(t *testing.T, _ string, f *fetcher) {
				f.environ = append(f.environ, "GOPROXY="+answering(t, 503, "later"))
			},
			[]string{"cannot be reached", "503"}, "check the network",
		},
		"a workspace without the service": {
			func(t *testing.T, dir string, _ *fetcher) {
				write(t, filepath.Join(dir, "other", "go.mod"), "module example.com/other\n\nrequire example.com/a v1.0.0\n")
				write(t, filepath.Join(dir, "go.work"), "go 1.25\n\nuse ./other\n")
			},
			[]string{"does not contain modules listed in go.work"}, "go work use",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &proxy{dir: t.TempDir()}
			p.add(t, "b")
			p.add(t, "a", "b")
			dir := p.service(t, []string{"a"}, "a", "b")
			f := newFetcher(t, dir, "GOPROXY="+p.url())
			c.change(t, dir, f)
			_, err := f.fetch(t.Context())
			if err == nil {
				t.Fatal("there was no error")
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("error %q does not say %q", err, s)
				}
			}
			if r := hint.Remedy(err); !strings.Contains(r, c.remedy) {
				t.Errorf("remedy %q does not say %q", r, c.remedy)
			}
			if _, err := os.Stat(f.memo()); err == nil {
				t.Error("a list was kept of what could not be had")
			}
		})
	}
}

func edit(t *testing.T, path, old, new string) {
	t.Helper()
	text := read(t, path)
	if !strings.Contains(text, old) {
		t.Fatalf("%s has no %q", path, old)
	}
	write(t, path, strings.ReplaceAll(text, old, new))
}

// answering is a module proxy that gives the same answer to everything.
func answering(t *testing.T, status int, body string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// A proxy that fails in passing is asked again.
func TestFetchIsTriedAgain(t *testing.T) {
	t.Parallel()
	p := &proxy{dir: t.TempDir()}
	p.add(t, "a")
	files := http.FileServer(http.Dir(p.dir))
	var asked atomic.Int32
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			http.Error(w, "later", http.StatusServiceUnavailable)
			return
		}
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	f := newFetcher(t, p.service(t, []string{"a"}, "a"), "GOPROXY="+s.URL)
	if _, err := f.fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := absent(f.tc.ModCache, []string{"example.com/a@v1.0.0"}); len(got) > 0 {
		t.Errorf("the module cache lacks %v", got)
	}
}

// TestPrivateRepository has git itself refused, as it is without credentials.
func TestPrivateRepository(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("there is no git")
	}
	for path, says := range map[string]string{
		"private.example/x":     "terminal prompts disabled", // its host says that git is to be used
		"private.example/x.git": "private.example/x.git@v1.0.0",
	} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			p := &proxy{dir: t.TempDir()}
			p.publish(t, path, map[string]string{"go.mod": "module " + path + "\n\ngo 1.21\n", "x.go": "package x\n"})
			dir := t.TempDir()
			write(t, filepath.Join(dir, "go.mod"), "module m\n\ngo 1.25\n\nrequire "+path+" v1.0.0\n")
			write(t, filepath.Join(dir, "go.sum"), p.sum.String())
			write(t, filepath.Join(dir, "main.go"), "package main\n\nimport _ \""+path+"\"\n\nfunc main() {}\n")
			host, token := privateHost(t), rand.Text()
			f := newFetcher(t, dir, "GOPROXY=direct", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=url.http://"+token+"@private.example/.insteadOf", "GIT_CONFIG_VALUE_0=http://private.example/", "GOINSECURE=private.example", "HTTP_PROXY="+host, "HTTPS_PROXY="+host, "http_proxy="+host, "https_proxy="+host)
			var log bytes.Buffer
			f.Log = &log
			_, err := f.fetch(t.Context())
			if err == nil {
				t.Fatal("there was no error")
			}
			if strings.Contains(err.Error()+log.String(), token) {
				t.Errorf("a credential is told: %v\n%s", err, &log)
			}
			for _, s := range []string{"access was refused", path, says} {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("error %q does not say %q", err, s)
				}
			}
			if r := hint.Remedy(err); !strings.Contains(r, "GOPRIVATE") {
				t.Errorf("remedy %q", r)
			}
		})
	}
}

// privateHost is private.example, for who takes it as an HTTP proxy: a host of
// git repositories that wants a password.
func privateHost(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodConnect:
			w.WriteHeader(http.StatusBadGateway)
		case r.URL.Query().Has("go-get"):
			_, _ = io.WriteString(w, `<meta name="go-import" content="private.example/x git http://private.example/x">`)
		default:
			w.Header().Set("WWW-Authenticate", `Basic realm="private"`)
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestUsersSettings has the proxy come from the file that go env -w writes.
func TestUsersSettings(t *testing.T) {
	t.Parallel()
	p := &proxy{dir: t.TempDir()}
	p.add(t, "a")
	f := newFetcher(t, p.service(t, []string{"a"}, "a"))
	file := filepath.Join(t.TempDir(), "env")
	write(t, file, "GOPROXY="+p.url()+"\nGOFLAGS=-mod=mod\n")
	f.environ = append(f.environ, "GOENV="+file)
	if _, err := f.fetch(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestSourceThatDoesNotCompileIsNoConcern(t *testing.T) {
	t.Parallel()
	p := &proxy{dir: t.TempDir()}
	p.add(t, "a")
	dir := p.service(t, []string{"a"}, "a")
	write(t, filepath.Join(dir, "broken", "broken.go"), "package broken\n\nfunc (\n")
	write(t, filepath.Join(dir, "header", "header.go"), "packge header\n")
	write(t, filepath.Join(dir, "std", "std.go"), "package std\n\nimport _ \"net/htp\"\n")
	f := newFetcher(t, dir, "GOPROXY="+p.url())
	r, err := f.fetch(t.Context())
	check(t, err)
	if got := r.Values["needed"]; got != "example.com/a@v1.0.0" {
		t.Errorf("needed = %q", got)
	}
}

func TestFetchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 10)
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-release
	}))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(release) })
	p := &proxy{dir: t.TempDir()}
	p.add(t, "a")
	f := newFetcher(t, p.service(t, []string{"a"}, "a"), "GOPROXY="+s.URL)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	if _, err := f.fetch(ctx); err == nil {
		t.Error("there was no error")
	}
}

func TestValid(t *testing.T) {
	t.Parallel()
	p := &proxy{dir: t.TempDir()}
	p.add(t, "Upper")
	f := newFetcher(t, p.service(t, []string{"Upper"}, "Upper"), "GOPROXY="+p.url())
	r, err := f.fetch(t.Context())
	check(t, err)
	answer := pipeline.Answer{Reports: []pipeline.Report{r}}
	if !valid(answer) {
		t.Fatal("an answer is not valid whose modules are there")
	}
	if valid(pipeline.Answer{}) || valid(pipeline.Answer{Reports: []pipeline.Report{{Stage: stage}}}) {
		t.Error("an answer that says nothing is valid")
	}
	mark := filepath.Join(f.tc.ModCache, "cache", "download", "example.com", "!upper", "@v", "v1.0.0.partial")
	write(t, mark, "")
	if valid(answer) {
		t.Error("a module that is half unpacked counts")
	}
	check(t, os.Remove(mark))
	folder := filepath.Join(f.tc.ModCache, "example.com", "!upper@v1.0.0")
	check(t, os.Rename(folder, folder+"x"))
	if valid(answer) {
		t.Error("a module that is gone counts")
	}
}

func TestJob(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	write(t, filepath.Join(root, "app", "go.mod"), "module m\n\ngo 1.25\n\nrequire x.org/x v1.0.0\n\nreplace x.org/x => ../x\n")
	write(t, filepath.Join(root, "x", "go.mod"), "module x.org/x\n")
	job, err := Scanner{}.Job(scan.Service{Root: root, Dir: filepath.Join(root, "app"), GoModule: "m", CacheDir: root})
	check(t, err)
	if d := cmp.Diff([]string{filepath.Join(root, "app"), filepath.Join(root, "x")}, job.Inputs.Trees); d != "" {
		t.Error(d)
	}
	if job.Access.Network != pipeline.Outside || job.Access.RunsRepositoryCode || job.Valid == nil {
		t.Errorf("access %+v", job.Access)
	}
	none, err := Scanner{}.Job(scan.Service{Root: root, Dir: root})
	check(t, err)
	if none.NotApplicable == "" {
		t.Error("a service that is not in Go needs modules")
	}
}

// TestWorker goes the way of a run, with the process's own environment.
func TestWorker(t *testing.T) {
	t.Parallel()
	dir := (&proxy{}).service(t, nil)
	var told recorder
	a, err := Scanner{}.Worker()(t.Context(), pipeline.Task{
		Dir: dir, Root: dir, Cache: t.TempDir(), Params: []byte(`{"CacheDir":"x"}`), Progress: told.tell, Log: t.Output(),
	})
	check(t, err)
	if !valid(a) || a.Reports[0].Stage != "modules" || len(told.lines) == 0 {
		t.Errorf("answer %+v", a)
	}
}
