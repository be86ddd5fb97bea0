package image

import (
	"archive/tar"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/hint"
)

// tree lists a folder: mode, name, and content or target.
func treeOf(t testing.TB, dir string) []string {
	t.Helper()
	var lines []string
	check(t, filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		line := fmt.Sprintf("%v %s", info.Mode(), rel)
		switch {
		case info.Mode().IsRegular():
			raw, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			line += " = " + string(raw)
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(p)
			if err != nil {
				return err
			}
			line += " -> " + target
		}
		lines = append(lines, line)
		return nil
	}))
	return lines
}

func TestUnpack(t *testing.T) {
	t.Parallel()
	program := item{tar.Header{Typeflag: tar.TypeReg, Name: "app/todo", Mode: 0o6755}, "P"}
	secret := item{tar.Header{Typeflag: tar.TypeReg, Name: "etc/shadow", Mode: 0o600}, "S"}
	tmp := item{tar.Header{Typeflag: tar.TypeDir, Name: "tmp", Mode: 0o1777}, ""}
	closed := item{tar.Header{Typeflag: tar.TypeDir, Name: "closed", Mode: 0}, ""}
	im := imageOf(t, Limits{},
		[]item{program, secret, tmp, closed, reg("closed/f", "F"), reg("gone", "G")},
		[]item{reg(".wh.gone", ""), symlink("app/run", "todo"), symlink("app/up", "../etc/shadow"), symlink("bin", ".//app"), hardlink("copy", "etc/shadow"),
			dir("dev"), {tar.Header{Typeflag: tar.TypeChar, Name: "dev/null", Mode: 0o666}, ""}, symlink("app/top", "//"), symlink("app/abs", "//etc/shadow"), symlink("root", "/")})
	want := []string{
		"drwxr-xr-x .",
		"drwxr-xr-x app", "Lrwxrwxrwx app/abs -> ../etc/shadow", "Lrwxrwxrwx app/run -> todo", "-r-xr-xr-x app/todo = P", "Lrwxrwxrwx app/top -> ../",
		"Lrwxrwxrwx app/up -> ../etc/shadow",
		"Lrwxrwxrwx bin -> .//app",
		"drwxr-xr-x closed", "-r--r--r-- closed/f = F",
		"-r--r--r-- copy = S",
		"drwxr-xr-x dev",
		"drwxr-xr-x etc", "-r--r--r-- etc/shadow = S",
		"Lrwxrwxrwx root -> .",
		"drwxr-xr-x tmp",
	}
	parent := t.TempDir()
	empty := filepath.Join(parent, "empty")
	check(t, os.Mkdir(empty, 0o700))
	for _, dir := range []string{empty, filepath.Join(parent, "absent")} {
		check(t, im.Unpack(dir))
		if diff := cmp.Diff(want, treeOf(t, dir)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", dir, diff)
		}
	}
	onlyThese(t, parent, "absent", "empty")
}

// onlyThese sees to it that nothing else is in a folder: nothing half-written,
// nothing that escaped.
func onlyThese(t testing.TB, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	check(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("in %s (-want +got):\n%s", dir, diff)
	}
}

func TestUnpackRefuses(t *testing.T) {
	t.Parallel()
	special := func(kind byte) item { return item{tar.Header{Typeflag: kind, Name: "x", Mode: 0o666}, ""} }
	tests := []struct {
		name  string
		items []item
		want  string
	}{
		{"an absolute link out", []item{symlink("a", "/x/../../etc/passwd")}, "may lead out of the folder"},
		{"an absolute link up", []item{dir("d"), symlink("d/a", "/../x")}, "leads out of the folder"},
		{"a link out", []item{symlink("a", "../x")}, "leads out of the folder"},
		{"a link out of a folder", []item{dir("d"), symlink("d/a", "../../x")}, "leads out of the folder"},
		{"a link out, not plainly", []item{symlink("a", "././/../x")}, "leads out of the folder"},
		{"a link to the parent", []item{symlink("a", "..")}, "leads out of the folder"},
		{"a link that goes down first", []item{dir("d"), symlink("a", "d/../../x")}, "may lead out of the folder"},
		{"links that lead out together", []item{dir("p/q"), dir("x"), symlink("p/q/d", "../../x"), symlink("p/q/e", "d/../..")}, "may lead out of the folder"},
		{"a character device", []item{special(tar.TypeChar)}, "a device file or a pipe"},
		{"a block device", []item{special(tar.TypeBlock)}, "a device file or a pipe"},
		{"a pipe", []item{special(tar.TypeFifo)}, "a device file or a pipe"},
		{"what cannot be walked", []item{reg("../a", "")}, "its path climbs out"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			parent := t.TempDir()
			im := imageOf(t, Limits{}, append([]item{reg("first", "")}, tt.items...))
			err := im.Unpack(filepath.Join(parent, "root"))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Unpack: %v, want an error with %q", err, tt.want)
			}
			onlyThese(t, parent)
		})
	}
}

func TestUnpackKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	im := imageOf(t, Limits{}, []item{reg("a", "A")})
	parent := t.TempDir()
	file, link, full := filepath.Join(parent, "file"), filepath.Join(parent, "link"), filepath.Join(parent, "full")
	check(t, os.WriteFile(file, nil, 0o600))
	check(t, os.Symlink(t.TempDir(), link))
	check(t, os.MkdirAll(filepath.Join(full, "mine"), 0o700))
	for _, dir := range []string{file, link, full} {
		if err := im.Unpack(dir); err == nil {
			t.Errorf("%s was replaced", dir)
		}
	}
	if err := im.Unpack(full); hint.Remedy(err) == "" {
		t.Errorf("no remedy for %v", err)
	}
	onlyThese(t, parent, "file", "full", "link")
	onlyThese(t, full, "mine")
}

func TestUnpackNoticesChange(t *testing.T) {
	t.Parallel()
	d := newDraft(t, archive(t, reg("a", "good"))).seal(t)
	swap(d, d.manifest.Layers[0].Digest)
	im, err := Open(d.write(t, t.TempDir()))
	check(t, err)
	parent := t.TempDir()
	if err := im.Unpack(filepath.Join(parent, "root")); err == nil {
		t.Error("a spoilt layer was unpacked")
	}
	onlyThese(t, parent)
}

// A bomb is refused before it is written: 64 MiB of zeros in a few kilobytes.
func TestUnpackBomb(t *testing.T) {
	t.Parallel()
	bomb := archive(t, reg("zeros", strings.Repeat("\x00", 64<<20)))
	folder := newDraft(t, bomb).seal(t).write(t, t.TempDir())
	for _, l := range []Limits{{File: 32 << 20}, {Total: 32 << 20}} {
		im, err := l.Open(folder)
		check(t, err)
		parent := t.TempDir()
		if err := im.Unpack(filepath.Join(parent, "root")); err == nil || !strings.Contains(err.Error(), ErrTooBig.Error()) {
			t.Errorf("Unpack: %v", err)
		}
		onlyThese(t, parent)
	}
}
