package tool

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"

	"github.com/sluice-ci/sluice/internal/hint"
)

// Variables with which the test program installs a tool and does nothing else, so
// that a test can kill it.
const (
	childDir   = "SLUICE_TEST_DIR"
	childIndex = "SLUICE_TEST_INDEX"
	childHash  = "SLUICE_TEST_HASH"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(child(dir, os.Getenv(childIndex), os.Getenv(childHash)))
	}
	os.Exit(m.Run())
}

func child(dir, index, hash string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	lock, err := wheelLock(hash)
	if err == nil {
		_, err = installer(dir, index).install(ctx, lock, "checker")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// needPython skips, where that is allowed, without Python's pip and venv.
func needPython(t *testing.T) {
	t.Helper()
	if err := exec.Command("/usr/bin/python3", "-I", "-c", "import pip, venv").Run(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("python3-pip and python3-venv are not installed")
		}
		t.Skip("python3-pip and python3-venv are not installed")
	}
}

func wheelLock(hash string) (Lock, error) {
	return readLock(fstest.MapFS{
		"tools.json":  {Data: []byte(`{"tools":[{"name":"checker","kind":"python","version":"1.2.3","module":"checker","python":"3.9","least":"1","below":"2"}]}`)},
		"checker.txt": {Data: []byte("checker==1.2.3 --hash=sha256:" + hash + "\n")},
	})
}

func installer(dir, index string) Installer {
	return Installer{Box: Box{Dir: dir, Path: "/usr/bin:/bin"}, Env: []string{"PATH=/usr/bin:/bin", "PIP_INDEX_URL=http://127.0.0.1:1/", "PYTHONPATH=/nowhere"}, Index: index, Say: func(string) {}, HTTP: http.DefaultClient}
}

// wheel is one of the package checker, whose program says the version, with more
// files by name.
func wheel(t *testing.T, version string, more ...string) []byte {
	t.Helper()
	info := "checker-1.2.3.dist-info/"
	files := [][2]string{
		{"checker/__init__.py", ""},
		{"checker/__main__.py", "import sys\nprint('checker " + version + "', sys.flags.isolated, sys.dont_write_bytecode)\nfor name in sys.argv[1:]:\n    print(name.startswith('-') or __import__(name).__file__)\n"},
		{info + "METADATA", "Metadata-Version: 2.1\nName: checker\nVersion: 1.2.3\n"},
		{info + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
		{info + "entry_points.txt", "[console_scripts]\nchecker = checker.__main__:main\n"},
	}
	for _, name := range more {
		files = append(files, [2]string{name, "planted\n"})
	}
	return packed(t, info, files)
}

// packed is a wheel of these files, by name, and of a record of them in the folder info.
func packed(t *testing.T, info string, files [][2]string) []byte {
	t.Helper()
	record := ""
	for _, f := range files {
		record += f[0] + ",,\n"
	}
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range append(files, [2]string{info + "RECORD", record + info + "RECORD,,\n"}) {
		w, err := z.Create(f[0])
		if err == nil {
			_, err = w.Write([]byte(f[1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// tarball is a .tar.gz with one file.
func tarball(t *testing.T, name, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// wheels writes files into a new folder of wheels.
func wheels(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const goodWheel = "checker-1.2.3-py3-none-any.whl"

func hash(data []byte) string { return fmt.Sprintf("%x", sha256.Sum256(data)) }

func mustLock(t *testing.T, hash string) Lock {
	t.Helper()
	lock, err := wheelLock(hash)
	if err != nil {
		t.Fatal(err)
	}
	return lock
}

// isThere tells whether the tool is installed, and fails when anything else is but
// its lock's file.
func isThere(t *testing.T, dir string) bool {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	there := false
	for _, e := range entries {
		switch {
		case strings.HasPrefix(e.Name(), "checker-1.2.3-"):
			there = true
		case e.Name() != "checker.lock":
			t.Errorf("%s was left", e.Name())
		}
	}
	return there
}

func TestInstallWheels(t *testing.T) {
	t.Parallel()
	needPython(t)
	good := wheel(t, "1.2.3")
	i, lock := installer(t.TempDir(), wheels(t, map[string][]byte{goodWheel: good})), mustLock(t, hash(good))
	if _, err := i.find(lock, "checker"); err == nil || hint.Remedy(err) != "sluice tools install checker" {
		t.Errorf("before: %v", err)
	}
	f, err := i.install(t.Context(), lock, "checker")
	if err != nil {
		t.Fatal(err)
	}
	if !isThere(t, i.Dir) || !f.Pinned || f.Version != "1.2.3" || len(f.Digest) != 64 || !slices.Equal(f.Read, []string{prefix(f.Path)}) {
		t.Errorf("%+v", f)
	}
	if version, err := f.ask(t.Context(), []string{"PYTHONPATH=/nowhere"}); err != nil || version != "1.2.3" {
		t.Errorf("it says %q, %v", version, err)
	}
	if out, err := exec.Command(f.Path).Output(); err != nil || string(out) != "checker 1.2.3 1 True\n" {
		t.Errorf("it is not isolated, or writes into its folder: %q, %v", out, err)
	}
	for range 2 { // using it has changed nothing
		found, err := i.find(lock, "checker")
		if err == nil {
			found, err = found.probe(t.Context(), lock, nil)
		}
		if err != nil || found.Digest != f.Digest {
			t.Errorf("%+v, %v", found, err)
		}
	}
	i.Index = "/nowhere"
	if _, err := i.install(t.Context(), lock, "checker"); err != nil {
		t.Errorf("installing what is there: %v", err)
	}
	other := mustLock(t, strings.Repeat("0", 64))
	if _, err := i.find(other, "checker"); err == nil {
		t.Error("what another lock names was taken")
	}
}

// TestInstalledThenChanged finds each change, and installing repairs it.
func TestInstalledThenChanged(t *testing.T) {
	t.Parallel()
	needPython(t)
	good := wheel(t, "1.2.3")
	i, lock := installer(t.TempDir(), wheels(t, map[string][]byte{goodWheel: good})), mustLock(t, hash(good))
	for name, change := range map[string]func(dir string) error{
		"an added file": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, "lib", "x.pth"), []byte("import os"), 0o600)
		},
		"a changed program":   func(dir string) error { return os.WriteFile(filepath.Join(dir, "bin", "checker"), nil, 0o755) },
		"a missing file":      func(dir string) error { return os.Remove(filepath.Join(dir, "pyvenv.cfg")) },
		"a mode":              func(dir string) error { return os.Chmod(filepath.Join(dir, "bin", "checker"), 0o777) },
		"another interpreter": func(dir string) error { return relink(filepath.Join(dir, "bin", "python"), "/bin/sh") },
		"no manifest":         func(dir string) error { return os.Remove(filepath.Join(dir, manifestName)) },
		"an empty manifest":   func(dir string) error { return os.WriteFile(filepath.Join(dir, manifestName), nil, 0o600) },
		"a manifest of nothing": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, manifestName), []byte("{}"), 0o600)
		},
	} {
		f, err := i.install(t.Context(), lock, "checker")
		if err != nil {
			t.Fatalf("before %s: %v", name, err)
		}
		if err := change(prefix(f.Path)); err != nil {
			t.Fatal(err)
		}
		if _, err := f.probe(t.Context(), lock, nil); err == nil || hint.Remedy(err) == "" {
			t.Errorf("%s: %v, remedy %q", name, err, hint.Remedy(err))
		}
		if found, err := i.find(lock, "checker"); err == nil {
			if _, err := found.probe(t.Context(), lock, nil); err == nil {
				t.Errorf("%s: found and probed", name)
			}
		}
	}
}

func relink(path, to string) error {
	if err := os.Remove(path); err != nil {
		return err
	}
	return os.Symlink(to, path)
}

func TestWheelsThatAreNotInstalled(t *testing.T) {
	t.Parallel()
	needPython(t)
	canary := filepath.Join(t.TempDir(), "canary")
	good, liar := wheel(t, "1.2.3"), wheel(t, "6.6.6")
	source := tarball(t, "checker-1.2.3/setup.py", "open('"+canary+"', 'w')\nfrom setuptools import setup\nsetup(name='checker', version='1.2.3')\n")
	climber := wheel(t, "1.2.3", "../../../../../../climbed.py")
	for name, tt := range map[string]struct {
		files map[string][]byte
		hash  string
	}{
		"another wheel":                         {map[string][]byte{goodWheel: good}, hash(liar)},
		"nothing":                               {nil, hash(good)},
		"a source distribution":                 {map[string][]byte{"checker-1.2.3.tar.gz": source}, hash(source)},
		"a wheel that says another version":     {map[string][]byte{goodWheel: liar}, hash(liar)},
		"a wheel that climbs out of its folder": {map[string][]byte{goodWheel: climber}, hash(climber)},
		"half a wheel":                          {map[string][]byte{goodWheel: good[:len(good)/2]}, hash(good)},
		"half a wheel that is locked":           {map[string][]byte{goodWheel: good[:len(good)/2]}, hash(good[:len(good)/2])},
	} {
		i := installer(t.TempDir(), wheels(t, tt.files))
		if f, err := i.install(t.Context(), mustLock(t, tt.hash), "checker"); err == nil {
			t.Errorf("%s: installed %+v", name, f)
		}
		if isThere(t, i.Dir) {
			t.Errorf("%s: something is installed", name)
		}
		if _, err := os.Stat(filepath.Join(i.Dir, "climbed.py")); err == nil {
			t.Errorf("%s: it climbed out", name)
		}
	}
	if _, err := os.Stat(canary); err == nil {
		t.Error("code of a source distribution was run")
	}
}

// index is one of packages that offers a wheel, and tells and waits before it
// gives it.
type index struct {
	*httptest.Server
	asked chan struct{} // the wheel was asked for
	give  chan struct{} // closed: it is given
}

func serve(t *testing.T, data []byte, promised int) index {
	t.Helper()
	x := index{asked: make(chan struct{}, 10), give: make(chan struct{})}
	mux := http.NewServeMux()
	mux.HandleFunc("/simple/checker/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, "<!DOCTYPE html><a href=%q>%s</a>", "/files/"+goodWheel, goodWheel)
	})
	mux.HandleFunc("/files/", func(w http.ResponseWriter, r *http.Request) {
		x.asked <- struct{}{}
		select {
		case <-x.give:
		case <-r.Context().Done():
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(promised))
		_, _ = w.Write(data)
	})
	x.Server = httptest.NewServer(mux)
	t.Cleanup(x.Close)
	return x
}

func TestTruncatedDownload(t *testing.T) {
	t.Parallel()
	needPython(t)
	good := wheel(t, "1.2.3")
	x := serve(t, good[:len(good)-10], len(good))
	close(x.give)
	i := installer(t.TempDir(), x.URL+"/simple")
	if f, err := i.install(t.Context(), mustLock(t, hash(good)), "checker"); err == nil || isThere(t, i.Dir) {
		t.Errorf("%+v, %v", f, err)
	}
}

// TestKilledInstall starts another process, ends it in the midst of its work, and
// installs after it.
func TestKilledInstall(t *testing.T) {
	t.Parallel()
	needPython(t)
	good := wheel(t, "1.2.3")
	for _, by := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL} {
		x := serve(t, good, len(good))
		dir := t.TempDir()
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childDir+"="+dir, childIndex+"="+x.URL+"/simple", childHash+"="+hash(good))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-x.asked
		if err := cmd.Process.Signal(by); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Errorf("%v: it ended well", by)
		}
		if by == syscall.SIGINT && isThere(t, dir) {
			t.Errorf("%v: something is installed", by)
		}
		close(x.give)
		if _, err := installer(dir, x.URL+"/simple").install(t.Context(), mustLock(t, hash(good)), "checker"); err != nil || !isThere(t, dir) {
			t.Errorf("after %v: %v", by, err)
		}
	}
}

// TestTwoInstallsAtOnce: the second says that it waits, and takes what the first made.
func TestTwoInstallsAtOnce(t *testing.T) {
	t.Parallel()
	needPython(t)
	good := wheel(t, "1.2.3")
	x := serve(t, good, len(good))
	first := installer(t.TempDir(), x.URL+"/simple")
	second := first
	waits := make(chan struct{})
	var once sync.Once
	second.Say = func(text string) {
		if strings.HasPrefix(text, "waiting for another process") {
			once.Do(func() { close(waits) })
		}
	}
	lock := mustLock(t, hash(good))
	ended := make(chan error, 2)
	go func() { _, err := first.install(t.Context(), lock, "checker"); ended <- err }()
	<-x.asked
	gone, cancel := context.WithCancel(t.Context())
	third := second
	third.Say = func(string) { cancel() }
	if _, err := third.install(gone, lock, "checker"); err == nil || !strings.Contains(err.Error(), "waiting for") {
		t.Errorf("one that was told to end while it waited: %v", err)
	}
	go func() { _, err := second.install(t.Context(), lock, "checker"); ended <- err }()
	<-waits
	close(x.give)
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if len(x.asked) != 0 || !isThere(t, first.Dir) {
		t.Errorf("the wheel was asked for %d times more", len(x.asked))
	}
}

func TestWithoutPython(t *testing.T) {
	t.Parallel()
	i := installer(t.TempDir(), "/nowhere")
	lock := mustLock(t, strings.Repeat("0", 64))
	i.Path = "bin:" + t.TempDir()
	if _, err := i.install(t.Context(), lock, "checker"); err == nil || hint.Remedy(err) == "" {
		t.Errorf("no python: %v", err)
	}
	i.Path = filepath.Join(program(t, "python3", "3.8.19"), "bin")
	if _, err := i.install(t.Context(), lock, "checker"); err == nil || !strings.Contains(err.Error(), "needs 3.9") {
		t.Errorf("an old python: %v", err)
	}
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(`{"schema":1,"name":"a","version":"1.0.0","lock":"x","source":"y","files":[{"path":"bin/a","sha256":"00","mode":493}]}`))
	f.Add([]byte("{}"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		m, digest, err := parseManifest(data)
		if err == nil && (len(m.Files) == 0 || len(digest) != 64) {
			t.Errorf("%+v", m)
		}
		if err == nil {
			if lines, err := m.differences(dir); err != nil || len(lines) == 0 {
				t.Errorf("an empty folder is what it names: %v, %v", lines, err)
			}
		}
	})
}
