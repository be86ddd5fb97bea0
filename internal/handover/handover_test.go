package handover

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
)

func sample() Manifest {
	return Manifest{Run: "r", Sluice: "v1", Service: "s", Dir: ".", Commit: "c", Outcome: pipeline.Passed, Stages: []Stage{{"lint", pipeline.Passed}}}
}

// handed is a folder that was handed over, and its digest.
func handed(t *testing.T) (dir, digest string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "out")
	must(t, os.MkdirAll(filepath.Join(dir, "image", "blobs"), 0o755))
	for name, text := range map[string]string{"run.json": "{}\n", "a": "aa", "image/blobs/b": "bbb", "image.b": "", "results.sarif": "[]\n"} {
		must(t, os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), []byte(text), 0o644))
	}
	digest, err := Write(dir, sample())
	must(t, err)
	return dir, digest
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	dir, digest := handed(t)
	for _, d := range []string{digest, ""} {
		f, err := Open(dir, d)
		must(t, err)
		want := sample()
		want.Schema, want.Files = 1, f.Files
		if diff := cmp.Diff(want, f.Manifest); diff != "" || len(f.Files) != 5 || f.Digest != digest {
			t.Errorf("%s, %v\n%s", f.Digest, f.Files, diff)
		}
		if text, err := f.Read("image/blobs/b"); err != nil || string(text) != "bbb" {
			t.Errorf("%q, %v", text, err)
		}
		if _, err := f.Read("../out/a"); err == nil {
			t.Error("a file was read that is not listed")
		}
		must(t, f.Close())
	}
}

func TestReadNoticesChanges(t *testing.T) {
	t.Parallel()
	dir, digest := handed(t)
	f, err := Open(dir, digest)
	must(t, err)
	defer f.Close()
	must(t, os.WriteFile(filepath.Join(dir, "a"), []byte("ab"), 0o644))
	if _, err := f.Read("a"); err == nil || !strings.Contains(err.Error(), "a was changed") {
		t.Errorf("error %v", err)
	}
	if err := f.CopyTo("a", io.Discard); err == nil {
		t.Error("a changed file was copied")
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		tamper func(dir string) error
		want   string // in the error
	}{
		"a flipped byte": {func(d string) error { return os.WriteFile(filepath.Join(d, "a"), []byte("ab"), 0o644) }, "a was changed"},
		"truncated":      {func(d string) error { return os.Truncate(filepath.Join(d, "a"), 1) }, "a has 1 bytes"},
		"removed":        {func(d string) error { return os.Remove(filepath.Join(d, "image/blobs/b")) }, "image/blobs/b is missing"},
		"added":          {func(d string) error { return os.WriteFile(filepath.Join(d, "image/new"), nil, 0o644) }, "image/new is there"},
		"hidden":         {func(d string) error { return os.WriteFile(filepath.Join(d, ".x"), nil, 0o644) }, ".x is there"},
		"a symbolic link": {func(d string) error {
			return errors.Join(os.Rename(filepath.Join(d, "a"), filepath.Join(filepath.Dir(d), "a")), os.Symlink("../a", filepath.Join(d, "a")))
		}, "a is no regular file (a symbolic link)"},
		"a link for a folder": {func(d string) error {
			return errors.Join(os.Rename(filepath.Join(d, "image"), filepath.Join(filepath.Dir(d), "image")), os.Symlink("../image", filepath.Join(d, "image")))
		}, "image is no regular file (a symbolic link)"},
		"a hard link": {func(d string) error {
			return os.Link(filepath.Join(d, "a"), filepath.Join(filepath.Dir(d), "a"))
		}, "a is a hard link"},
		"a pipe": {func(d string) error {
			return errors.Join(os.Remove(filepath.Join(d, "a")), syscall.Mkfifo(filepath.Join(d, "a"), 0o644))
		}, "a is no regular file (a pipe)"},
		"a pipe as manifest": {func(d string) error {
			return errors.Join(os.Remove(filepath.Join(d, Name)), syscall.Mkfifo(filepath.Join(d, Name), 0o644))
		}, Name + " is no regular file"},
		"a socket": {func(d string) error {
			l, err := net.Listen("unix", filepath.Join(d, "s"))
			if err == nil {
				l.(*net.UnixListener).SetUnlinkOnClose(false)
				err = l.Close()
			}
			return err
		}, "s is no regular file (a socket)"},
		"a folder in place of a file": {func(d string) error {
			return errors.Join(os.Remove(filepath.Join(d, "a")), os.Mkdir(filepath.Join(d, "a"), 0o755))
		}, "a is missing"},
		"no manifest": {func(d string) error { return os.Remove(filepath.Join(d, Name)) }, "there is no handover.json"},
		"another manifest": {func(d string) error {
			m := sample()
			m.Service = "t"
			_, err := Write(d, m)
			return err
		}, "was announced"},
		"a manifest with more behind": {func(d string) error {
			f, err := os.OpenFile(filepath.Join(d, Name), os.O_APPEND|os.O_WRONLY, 0)
			if err == nil {
				_, err = f.WriteString(" ")
			}
			return err
		}, "was announced"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, digest := handed(t)
			must(t, test.tamper(dir))
			_, err := Open(dir, digest)
			if err == nil || !strings.Contains(err.Error(), test.want) || hint.Remedy(err) == "" {
				t.Errorf("error %v, remedy %q; want one with %q", err, hint.Remedy(err), test.want)
			}
		})
	}
}

func TestWriteRefuses(t *testing.T) {
	t.Parallel()
	dir, _ := handed(t)
	must(t, os.Symlink("a", filepath.Join(dir, "link")))
	if _, err := Write(dir, sample()); err == nil || !strings.Contains(err.Error(), "link is no regular file") {
		t.Errorf("error %v", err)
	}
}
