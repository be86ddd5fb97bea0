package tool

import (
	"archive/zip"
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestProgram installs a program that its project publishes as a .zip, and takes one
// within the range from PATH until then.
func TestProgram(t *testing.T) {
	t.Parallel()
	const script = "#!/bin/sh\n[ \"$GREET\" = yes ] && echo Greeter v1.2.3\n"
	archive := zipped(t, "greeter", script)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(archive) }))
	defer server.Close()
	lock := func(sum string) Lock {
		e := Entry{Name: "greeter", Kind: Program, Version: "1.2.3", Least: "1", Below: "2", With: []string{"GREET=yes"},
			Archives: map[string]Archive{runtime.GOOS + "/" + runtime.GOARCH: {URL: server.URL + "/greeter.zip", SHA256: sum}}}
		l := Lock{Tools: []Entry{e}}
		if err := l.check(&l.Tools[0]); err != nil {
			t.Fatal(err)
		}
		return l
	}
	path := t.TempDir()
	i := Installer{Box: Box{Dir: t.TempDir(), Path: path}, Env: []string{"PATH=" + os.Getenv("PATH")}, Say: func(string) {}, HTTP: server.Client()}
	if f, err := i.find(lock(hash(archive)), "greeter"); err == nil {
		t.Errorf("found %+v", f)
	}
	for version, fine := range map[string]bool{"v1.0.0": true, "v2.0.0": false} {
		write(t, filepath.Join(path, "greeter"), strings.Replace(script, "v1.2.3", version, 1), 0o755)
		f, err := i.find(lock(hash(archive)), "greeter")
		if err != nil || f.Pinned || f.Digest == "" {
			t.Fatalf("in PATH: %+v, %v", f, err)
		}
		if _, err := f.probe(t.Context(), lock(hash(archive)), nil); (err == nil) != fine {
			t.Errorf("%s in PATH: %v", version, err)
		}
	}
	if f, err := i.install(t.Context(), lock(hash([]byte("other"))), "greeter"); err == nil {
		t.Errorf("another archive was installed: %+v", f)
	}
	f, err := i.install(t.Context(), lock(hash(archive)), "greeter")
	if err != nil || !f.Pinned {
		t.Fatalf("installed: %+v, %v", f, err)
	}
	if f, err = f.probe(t.Context(), lock(hash(archive)), nil); err != nil || f.Version != "1.2.3" {
		t.Errorf("probed: %+v, %v", f, err)
	}
	for name, data := range map[string][]byte{"another file": zipped(t, "other", "x"), "climbs": zipped(t, "../greeter", "x"), "nothing": nil, "cut off": archive[:20]} {
		if err := unzip(bytes.NewReader(data), int64(len(data)), "greeter", filepath.Join(t.TempDir(), "greeter")); err == nil {
			t.Errorf("%s was unpacked", name)
		}
	}
}

func zipped(t *testing.T, name, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create(name)
	if err == nil {
		_, err = w.Write([]byte(text))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
