package tool

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/mod/sumdb/dirhash"

	"github.com/sluice-ci/sluice/internal/atomicfile"
	"github.com/sluice-ci/sluice/internal/hint"
)

// goMod and goMain are the module that is built: it says the version that the linker
// puts in, and what it was built with.
const (
	goMod  = "module example.com/greeter\n\ngo 1.21\n"
	goMain = "package main\n\nimport \"os\"\n\nvar ver = \"none\"\n\nfunc main() { os.Stdout.WriteString(\"Version: \" + ver + \"\\n\") }\n"
)

// proxy is a folder that a GOPROXY can name, with one version of the module, and
// its line in go.sum.
func proxy(t *testing.T, source string) (dir, sums string) {
	t.Helper()
	dir = t.TempDir()
	at := filepath.Join(dir, "example.com", "greeter", "@v")
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, text := range map[string]string{"go.mod": goMod, "main.go": source} {
		w, err := z.Create("example.com/greeter@v1.2.3/" + name)
		if err == nil {
			_, err = w.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(at, "v1.2.3.mod"), goMod, 0o600)
	write(t, filepath.Join(at, "v1.2.3.info"), `{"Version":"v1.2.3"}`, 0o600)
	write(t, filepath.Join(at, "v1.2.3.zip"), b.String(), 0o600)
	all, err := dirhash.HashZip(filepath.Join(at, "v1.2.3.zip"), dirhash.Hash1)
	if err != nil {
		t.Fatal(err)
	}
	mod, err := dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(goMod)), nil })
	if err != nil {
		t.Fatal(err)
	}
	return dir, fmt.Sprintf("example.com/greeter v1.2.3 %s\nexample.com/greeter v1.2.3/go.mod %s\n", all, mod)
}

// goLock is a lock of the module, with an archive for this platform where there is one.
func goLock(t *testing.T, sums string, archive *Archive) Lock {
	t.Helper()
	archives := ""
	if archive != nil {
		archives = fmt.Sprintf(`,"archives":{"%s/%s":{"url":%q,"sha256":%q}}`, runtime.GOOS, runtime.GOARCH, archive.URL, archive.SHA256)
	}
	lock, err := readLock(fstest.MapFS{
		"tools.json":  {Data: []byte(`{"tools":[{"name":"greeter","kind":"go","version":"1.2.3","package":"example.com/greeter","versionVariable":"main.ver"` + archives + `}]}`)},
		"greeter.mod": {Data: []byte("module lock.invalid/greeter\n\ngo 1.21\n\nrequire example.com/greeter v1.2.3\n")},
		"greeter.sum": {Data: []byte(sums)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return lock
}

// goInstaller builds with modules from a folder, in a module cache of its own.
func goInstaller(t *testing.T, proxy string, client *http.Client) (i Installer, said *[]string) {
	t.Helper()
	modules := filepath.Join(t.TempDir(), "mod")
	t.Cleanup(func() {
		if err := atomicfile.RemoveAll(modules); err != nil {
			t.Error(err)
		}
	})
	env := []string{"PATH=" + os.Getenv("PATH"), "GOPROXY=file://" + proxy, "GOMODCACHE=" + modules, "GOFLAGS=-mod=mod -tags=none", "GOWORK=/nowhere/go.work", "GOEXPERIMENT=nonsense"}
	if cache, err := os.UserCacheDir(); err == nil {
		env = append(env, "GOCACHE="+filepath.Join(cache, "go-build"))
	}
	box := t.TempDir()
	write(t, filepath.Join(box, "go.work"), "go 1.21\n", 0o600) // the cache may be in somebody's workspace
	said = &[]string{}
	return Installer{Box: Box{Dir: box}, Env: env, HTTP: client, Say: func(text string) { *said = append(*said, text) }}, said
}

func TestBuildFromSource(t *testing.T) {
	t.Parallel()
	dir, sums := proxy(t, goMain)
	i, said := goInstaller(t, dir, nil)
	f, err := i.install(t.Context(), goLock(t, sums, nil), "greeter")
	if err != nil {
		t.Fatal(err)
	}
	if version, err := f.ask(t.Context(), nil); err != nil || version != "1.2.3" || !f.Pinned {
		t.Errorf("%+v says %q, %v", f, version, err)
	}
	if all := strings.Join(*said, "\n"); !strings.Contains(all, "building greeter") {
		t.Errorf("it said %q", all)
	}
}

func TestSourceOfAnotherChecksum(t *testing.T) {
	t.Parallel()
	dir, _ := proxy(t, strings.Replace(goMain, "Version", "version", 1))
	_, sums := proxy(t, goMain)
	for name, sums := range map[string]string{"another": sums, "none": ""} {
		i, _ := goInstaller(t, dir, nil)
		if f, err := i.install(t.Context(), goLock(t, sums, nil), "greeter"); err == nil || hint.Remedy(err) == "" {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
		if found, _ := filepath.Glob(filepath.Join(i.Dir, "greeter-*")); len(found) > 0 {
			t.Errorf("%s: %v is installed", name, found)
		}
	}
}

// TestChangedModules: what lies in the module cache, and is not what was downloaded,
// is not built.
func TestChangedModules(t *testing.T) {
	t.Parallel()
	dir, sums := proxy(t, goMain)
	i, _ := goInstaller(t, dir, nil)
	if _, err := i.install(t.Context(), goLock(t, sums, nil), "greeter"); err != nil {
		t.Fatal(err)
	}
	modules := ""
	for _, v := range i.Env {
		if at, ok := strings.CutPrefix(v, "GOMODCACHE="); ok {
			modules = at
		}
	}
	source := filepath.Join(modules, "example.com", "greeter@v1.2.3", "main.go")
	if err := errors.Join(os.Chmod(source, 0o600), os.WriteFile(source, []byte(strings.Replace(goMain, "ver +", "ver + evil +", 1)+"\nconst evil = \"\"\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	i.Dir = t.TempDir()
	if f, err := i.install(t.Context(), goLock(t, sums, nil), "greeter"); err == nil || !strings.Contains(err.Error(), "has been modified") {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestPublishedProgram(t *testing.T) {
	t.Parallel()
	const script = "#!/bin/sh\necho Version: 1.2.3\n"
	good := tarball(t, "greeter", script)
	for name, tt := range map[string]struct {
		data   []byte
		status int
		want   string // of what is installed: its source; "" is nothing
	}{
		"good":                   {good, 200, "https://"},
		"another":                {tarball(t, "greeter", script+"\n"), 200, ""},
		"cut off":                {good[:len(good)-5], 200, "built from"},
		"not there":              {good, 404, "built from"},
		"says another version":   {tarball(t, "greeter", "#!/bin/sh\necho Version: 6.6.6\n"), 200, ""},
		"climbs":                 {tarball(t, "../greeter", script), 200, "built from"},
		"no archive":             {[]byte("hello"), 200, "built from"},
		"nothing, and no source": {nil, 404, ""},
	} {
		server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if name == "cut off" {
				w.Header().Set("Content-Length", fmt.Sprint(len(good)))
			}
			w.WriteHeader(tt.status)
			_, _ = w.Write(tt.data)
		}))
		archive := Archive{URL: server.URL + "/greeter.tar.gz", SHA256: hash(tt.data)}
		if name == "another" {
			archive.SHA256 = hash(good)
		}
		dir, sums := proxy(t, goMain)
		if name == "nothing, and no source" {
			dir = t.TempDir()
		}
		i, _ := goInstaller(t, dir, server.Client())
		f, err := i.install(t.Context(), goLock(t, sums, &archive), "greeter")
		server.Close()
		if (err == nil) != (tt.want != "") {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
		if err == nil {
			if m, _, err := readManifest(prefix(f.Path)); err != nil || !strings.HasPrefix(m.Source, tt.want) {
				t.Errorf("%s: from %q, %v", name, m.Source, err)
			}
		}
		var wrong *checksumError
		if name == "another" && !errors.As(err, &wrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestUnpackIsBounded(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{"nothing": nil, "no gzip": []byte("x"), "cut off": tarball(t, "greeter", "x")[:20], "another file": tarball(t, "other", "x")} {
		if err := unpack(bytes.NewReader(data), "greeter", filepath.Join(t.TempDir(), "greeter")); err == nil {
			t.Errorf("%s was unpacked", name)
		}
	}
}
