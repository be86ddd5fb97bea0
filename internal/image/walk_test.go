package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// show is what a walk shows: a line a name, with the content of files.
func show(im *Image) ([]string, error) {
	var lines []string
	err := im.Walk(func(e Entry) error {
		line := fmt.Sprintf("%v %d:%d %s", e.Mode, e.UID, e.GID, e.Path)
		if e.Linkname != "" {
			line += " -> " + e.Linkname
		}
		if e.Capabilities {
			line += " capable"
		}
		if e.Mode.IsRegular() {
			content, err := contentOf(e)
			if err != nil {
				return err
			}
			line += " = " + content
		}
		lines = append(lines, line)
		return nil
	})
	return lines, err
}

func contentOf(e Entry) (string, error) {
	r, err := e.Open()
	if err != nil {
		return "", err
	}
	raw, err := io.ReadAll(r)
	if err == nil && int64(len(raw)) != e.Size {
		err = fmt.Errorf("%s: read %d bytes, its size is %d", e.Path, len(raw), e.Size)
	}
	return string(raw), errors.Join(err, r.Close())
}

// wantShown compares what a walk shows. It may be called from any goroutine.
func wantShown(t *testing.T, im *Image, want []string) {
	t.Helper()
	got, err := show(im)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("walk: %v (-want +got):\n%s", err, diff)
	}
}

func TestWalk(t *testing.T) {
	t.Parallel()
	setuid := item{tar.Header{Typeflag: tar.TypeReg, Name: "su", Mode: 0o6755, Uid: 0, Gid: 5}, "s"}
	sticky := item{tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777, Uid: 1, Gid: 2}, ""}
	capable := item{tar.Header{Typeflag: tar.TypeReg, Name: "ping", Mode: 0o755, PAXRecords: map[string]string{capabilityXattr: "\x01"}}, "p"}
	linkedSetuid := item{tar.Header{Typeflag: tar.TypeLink, Name: "b", Linkname: "a", Mode: 0o4755}, ""}
	device := item{tar.Header{Typeflag: tar.TypeChar, Name: "null", Mode: 0o666, Devmajor: 1, Devminor: 3}, ""}
	tests := []struct {
		name   string
		layers [][]item
		want   []string
	}{
		{"no layers", nil, []string{"drwxr-xr-x 0:0 /"}},
		{"one layer, names in several forms", [][]item{{dir("./"), reg("./a", "A"), reg("/b/c", "C")}},
			[]string{"drwxr-xr-x 0:0 /", "drwxr-xr-x 0:0 /b", "-rw-r--r-- 0:0 /a = A", "-rw-r--r-- 0:0 /b/c = C"}},
		{"special modes", [][]item{{setuid, sticky, capable, device}},
			[]string{"drwxr-xr-x 0:0 /", "Dcrw-rw-rw- 0:0 /null", "dtrwxrwxrwx 1:2 /tmp", "ugrwxr-xr-x 0:5 /su = s", "-rwxr-xr-x 0:0 /ping capable = p"}},
		{"an upper layer replaces a file", [][]item{{reg("a", "old"), reg("b", "B")}, {reg("a", "new")}},
			[]string{"drwxr-xr-x 0:0 /", "-rw-r--r-- 0:0 /b = B", "-rw-r--r-- 0:0 /a = new"}},
		{"a whiteout, wherever it stands", [][]item{{reg("d/a", "A"), reg("d/b", "B")}, {reg("d/a", "new"), reg("d/.wh.a", ""), reg("d/.wh.b", "")}},
			[]string{"drwxr-xr-x 0:0 /", "drwxr-xr-x 0:0 /d", "-rw-r--r-- 0:0 /d/a = new"}},
		{"a whiteout of a folder and of what never was", [][]item{{reg("d/e/f", "F")}, {reg(".wh.d", ""), reg("no/.wh.x", "")}},
			[]string{"drwxr-xr-x 0:0 /"}},
		{"an opaque folder", [][]item{{reg("d/a", "A"), reg("x", "X")}, {dir("d"), reg("d/b", "B"), reg("d/.wh..wh..opq", "")}},
			[]string{"drwxr-xr-x 0:0 /", "drwxr-xr-x 0:0 /d", "-rw-r--r-- 0:0 /x = X", "-rw-r--r-- 0:0 /d/b = B"}},
		{"an opaque root", [][]item{{reg("a", "A")}, {reg(".wh..wh..opq", ""), reg("b", "B")}},
			[]string{"drwxr-xr-x 0:0 /", "-rw-r--r-- 0:0 /b = B"}},
		{"a folder's mode changes, what is in it stays", [][]item{{reg("d/a", "A")}, {item{tar.Header{Typeflag: tar.TypeDir, Name: "d", Mode: 0o700}, ""}}},
			[]string{"drwxr-xr-x 0:0 /", "drwx------ 0:0 /d", "-rw-r--r-- 0:0 /d/a = A"}},
		{"a file replaces a folder, a folder a link", [][]item{{reg("d/a", "A"), symlink("l", "d")}, {reg("d", "D"), dir("l"), reg("l/x", "X")}},
			[]string{"drwxr-xr-x 0:0 /", "drwxr-xr-x 0:0 /l", "-rw-r--r-- 0:0 /d = D", "-rw-r--r-- 0:0 /l/x = X"}},
		{"links", [][]item{{symlink("s", "/etc/mtab"), reg("b", "B"), hardlink("a", "./b"), hardlink("c", "/a")}},
			[]string{"drwxr-xr-x 0:0 /", "Lrwxrwxrwx 0:0 /s -> /etc/mtab", "-rw-r--r-- 0:0 /a = B", "-rw-r--r-- 0:0 /b -> /a = B", "-rw-r--r-- 0:0 /c -> /a = B"}},
		{"a link outlives the name that it was made from", [][]item{{reg("a", "A"), reg("z", "Z")}, {hardlink("b", "a")}, {reg(".wh.a", "")}},
			[]string{"drwxr-xr-x 0:0 /", "-rw-r--r-- 0:0 /b = A", "-rw-r--r-- 0:0 /z = Z"}},
		{"a link's header makes its file set-uid", [][]item{{reg("a", "A"), linkedSetuid}},
			[]string{"drwxr-xr-x 0:0 /", "urwxr-xr-x 0:0 /a = A", "urwxr-xr-x 0:0 /b -> /a = A"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			im := imageOf(t, Limits{}, tt.layers...)
			wantShown(t, im, tt.want)
			wantShown(t, im, tt.want) // and again
		})
	}
}

func TestWalkRefuses(t *testing.T) {
	t.Parallel()
	climbing := item{tar.Header{Typeflag: tar.TypeLink, Name: "a", Linkname: "../../etc/passwd"}, ""}
	deep := strings.Repeat("d/", maxDepth+1) + "f"
	tests := []struct {
		name   string
		limits Limits
		layers [][]item
		want   string
	}{
		{"a name that climbs", Limits{}, [][]item{{reg("../a", "")}}, `"../a": its path climbs out`},
		{"a name that climbs and comes back", Limits{}, [][]item{{reg("a/../b", "")}}, "its path climbs out"},
		{"an absolute name that climbs", Limits{}, [][]item{{reg("/../../a", "")}}, "its path climbs out"},
		{"a hard link that climbs", Limits{}, [][]item{{climbing}}, "its path climbs out"},
		{"a hard link to nothing", Limits{}, [][]item{{hardlink("a", "b")}}, `a link to "b", which is no file`},
		{"a hard link to what comes later", Limits{}, [][]item{{hardlink("a", "b"), reg("b", "")}}, "which is no file"},
		{"a hard link to a folder", Limits{}, [][]item{{dir("d"), hardlink("a", "d")}}, "which is no file"},
		{"a hard link to a symbolic link", Limits{}, [][]item{{symlink("s", "/etc/shadow"), hardlink("a", "s")}}, "which is no file"},
		{"a hard link to the root", Limits{}, [][]item{{hardlink("a", "/")}}, "a link to the image's root"},
		{"a hard link through a symbolic link", Limits{}, [][]item{{symlink("s", "/etc"), hardlink("a", "s/passwd")}}, "leads through something that is no folder"},
		{"a name through a symbolic link", Limits{}, [][]item{{symlink("s", "/etc"), reg("s/passwd", "")}}, "leads through something that is no folder"},
		{"a name through a lower layer's symbolic link", Limits{}, [][]item{{symlink("s", "/etc")}, {reg("s/passwd", "")}}, "leads through something that is no folder"},
		{"a name through a file", Limits{}, [][]item{{reg("f", ""), reg("f/a", "")}}, "leads through something that is no folder"},
		{"a whiteout through a symbolic link", Limits{}, [][]item{{symlink("s", "/etc")}, {reg("s/.wh.passwd", "")}}, "leads through something that is no folder"},
		{"an opaque file", Limits{}, [][]item{{reg("s", "")}, {reg("s/.wh..wh..opq", "")}}, "leads through something that is no folder"},
		{"an unknown whiteout", Limits{}, [][]item{{reg(".wh..wh.plnk", "")}}, "an unknown whiteout"},
		{"a whiteout of nothing", Limits{}, [][]item{{reg("d/.wh.", "")}}, "an unknown whiteout"},
		{"a whiteout that climbs", Limits{}, [][]item{{reg("d/.wh...", "")}}, "an unknown whiteout"},
		{"a file twice", Limits{}, [][]item{{reg("a", "one"), reg("./a", "two")}}, "the layer has it twice"},
		{"a file in place of a folder of the same layer", Limits{}, [][]item{{reg("d/a", "")}, {reg("d/b", ""), reg("d", "")}}, "the layer has it twice"},
		{"a root that is no folder", Limits{}, [][]item{{symlink("./", "/etc")}}, "the image's root is no folder"},
		{"an unknown type", Limits{}, [][]item{{{tar.Header{Typeflag: tar.TypeCont, Name: "a"}, ""}}}, "unknown type of entry '7'"},
		{"a long name", Limits{}, [][]item{{reg(strings.Repeat("n", maxName+1), "")}}, "larger than an image may be: a name of 256 bytes"},
		{"a long path", Limits{}, [][]item{{dir(strings.Repeat("d/", maxPath))}}, "larger than an image may be: a path of 8192 bytes"},
		{"a deep path", Limits{}, [][]item{{reg(deep, "")}}, "larger than an image may be: a path of more than 256 folders"},
		{"too many headers", Limits{Entries: 2}, [][]item{{dir("a"), dir("a")}, {dir("a")}}, "larger than an image may be: more than 2 files"},
		{"too many folders that none names", Limits{Entries: 5}, [][]item{{reg("a/b/c/d/e/f", "")}}, "larger than an image may be: more than 5 files"},
		{"a big file", Limits{File: 10}, [][]item{{reg("a", "12345678901")}}, "larger than an image may be: a file of 11 bytes, more than 10"},
		{"much in headers alone", Limits{Total: 4096}, [][]item{slices.Repeat([]item{dir("d")}, 10)}, "larger than an image may be: more than 4096 bytes unpacked"},
		{"much in all", Limits{Total: 4096}, [][]item{{reg("a", strings.Repeat("a", 3000))}, {reg("b", strings.Repeat("b", 3000))}}, "larger than an image may be: more than 4096 bytes unpacked"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			im := imageOf(t, tt.limits, tt.layers...)
			err := im.Walk(func(e Entry) error { t.Errorf("%s was shown", e.Path); return nil })
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Walk: %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestWalkOpen(t *testing.T) {
	t.Parallel()
	im := imageOf(t, Limits{}, []item{dir("d"), reg("a", "AAA"), reg("b", "BBB")})
	kept := map[string]Entry{}
	var stale io.ReadCloser
	check(t, im.Walk(func(e Entry) error {
		kept[e.Path] = e
		if e.Path == "/a" {
			var err error
			stale, err = e.Open()
			check(t, err)
			if got, err := contentOf(e); got != "AAA" || err != nil {
				t.Errorf("opened a second time: %q, %v", got, err)
			}
		}
		return nil
	}))
	if _, err := stale.Read(make([]byte, 1)); err == nil {
		t.Error("a stream could be read after the walk moved on")
	}
	if got, err := contentOf(kept["/b"]); got != "BBB" || err != nil {
		t.Errorf("opened after the walk: %q, %v", got, err)
	}
	if _, err := kept["/d"].Open(); err == nil {
		t.Error("a folder could be opened")
	}
}

func TestWalkEnds(t *testing.T) {
	t.Parallel()
	im := imageOf(t, Limits{}, []item{reg("a", "A"), reg("b", "B")})
	seen := 0
	stopAt := func(reason error) func(Entry) error {
		return func(e Entry) error {
			if seen++; e.Path == "/a" {
				return reason
			}
			return nil
		}
	}
	if err := im.Walk(stopAt(fs.SkipAll)); err != nil || seen != 2 {
		t.Errorf("SkipAll: %v after %d entries", err, seen)
	}
	if err := im.Walk(stopAt(os.ErrPermission)); !errors.Is(err, os.ErrPermission) {
		t.Errorf("an error of the function became %v", err)
	}
}

// A layer that changes between its verification and its use is noticed, also
// by who reads a file.
func TestWalkNoticesChange(t *testing.T) {
	t.Parallel()
	first, second := archive(t, reg("a", "good")), archive(t, reg("a", "evil"))
	d := newDraft(t)
	d.addLayer(first, sumOf(first), "application/vnd.oci.image.layer.v1.tar")
	folder := d.seal(t).write(t, t.TempDir())
	im, err := Open(folder)
	check(t, err)
	check(t, im.Walk(func(Entry) error { return nil }))
	check(t, os.WriteFile(filepath.Join(folder, "blobs", "sha256", sumOf(first).Hex), second, 0o644))
	err = im.Walk(func(e Entry) error {
		if !e.Mode.IsRegular() {
			return nil
		}
		r, err := e.Open()
		check(t, err)
		if _, err := io.ReadAll(r); !errors.Is(err, ErrDigest) {
			t.Errorf("reading the changed file: %v", err)
		}
		return nil
	})
	if !errors.Is(err, ErrDigest) {
		t.Errorf("walking the changed layer: %v", err)
	}
}

func TestWalkAtOnce(t *testing.T) {
	t.Parallel()
	im := imageOf(t, Limits{}, []item{dir("d"), reg("d/a", "A"), hardlink("b", "d/a")}, []item{reg("c", "C")})
	want := []string{"drwxr-xr-x 0:0 /", "drwxr-xr-x 0:0 /d", "-rw-r--r-- 0:0 /b = A", "-rw-r--r-- 0:0 /d/a -> /b = A", "-rw-r--r-- 0:0 /c = C"}
	var walks sync.WaitGroup
	for range 8 {
		walks.Go(func() { wantShown(t, im, want) })
	}
	walks.Wait()
}

// A sparse file is large without being in the archive.
func TestWalkRefusesSparseBomb(t *testing.T) {
	t.Parallel()
	records := ""
	for _, r := range []string{"GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=bomb", "GNU.sparse.realsize=1099511627776"} {
		records += fmt.Sprintf("%d %s\n", len(r)+4, r) // POSIX pax: the length counts itself, the space and the newline
	}
	sparseMap := "1\n0\n1\n" + strings.Repeat("\x00", 512-6) + "x"
	raw := archive(t, reg("records", records), reg("bomb", sparseMap))
	raw[156] = tar.TypeXHeader
	copy(raw[148:156], "        ")
	sum := 0
	for _, b := range raw[:512] {
		sum += int(b)
	}
	copy(raw[148:156], fmt.Sprintf("%06o\x00 ", sum))
	im, err := Open(newDraft(t, raw).seal(t).write(t, t.TempDir()))
	check(t, err)
	if err := im.Walk(func(Entry) error { return nil }); !errors.Is(err, ErrTooBig) || !strings.Contains(err.Error(), "1099511627776") {
		t.Errorf("Walk: %v", err)
	}
}
