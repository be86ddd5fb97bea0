package image

import (
	"archive/tar"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Whatever a layer's bytes are, a walk ends, shows clean names in real folders,
// each once, and unpacking writes nothing outside of its folder.
func FuzzLayer(f *testing.F) {
	setuid := item{tar.Header{Typeflag: tar.TypeReg, Name: "su", Mode: 0o6755}, "s"}
	for _, items := range [][]item{
		{},
		{dir("./"), dir("d/"), reg("d/f", "F"), setuid},
		{reg("d/.wh.f", ""), reg(".wh..wh..opq", "")},
		{symlink("s", "d/../.."), symlink("up", "../x"), symlink("abs", "/etc/passwd"), reg("s/passwd", "")},
		{reg("a", "A"), hardlink("b", "a"), hardlink("c", "../a"), reg("../x", "")},
		{{tar.Header{Typeflag: tar.TypeChar, Name: "null", Devmajor: 1}, ""}},
		{reg(strings.Repeat("long/", 60)+"f", "")},
	} {
		f.Add(archive(f, items...))
	}
	f.Fuzz(func(t *testing.T, layer []byte) {
		d := newDraft(t, archive(t, dir("d"), reg("d/f", "lower"), symlink("l", "d")))
		d.addLayer(layer, sumOf(layer), types.OCIUncompressedLayer)
		im, err := Limits{Entries: 200, File: 1 << 16, Total: 1 << 20}.Open(d.seal(t).write(t, t.TempDir()))
		check(t, err)
		walkSafely(t, im)
		parent := t.TempDir()
		if err := im.Unpack(filepath.Join(parent, "root")); err != nil {
			onlyThese(t, parent)
		} else {
			onlyThese(t, parent, "root")
		}
	})
}

// walkSafely checks what every walk promises.
func walkSafely(t *testing.T, im *Image) {
	t.Helper()
	folders, seen := map[string]bool{}, map[string]bool{}
	_ = im.Walk(func(e Entry) error { // an error is as good as an end
		if e.Path != path.Clean("/"+e.Path) || seen[e.Path] {
			t.Errorf("%q is no clean name, or comes twice", e.Path)
		}
		if e.Path != "/" && !folders[path.Dir(e.Path)] {
			t.Errorf("%q is in no folder", e.Path)
		}
		seen[e.Path], folders[e.Path] = true, e.Mode.IsDir()
		if e.Mode.IsRegular() {
			if _, err := contentOf(e); err != nil {
				t.Error(err)
			}
		}
		return nil
	})
}
