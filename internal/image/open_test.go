package image

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	d := newDraft(t, archive(t, reg("a", "A")), archive(t, reg("b", "B")))
	d.config.Config = v1.Config{
		User: "1:2", Env: []string{"A=B"}, Entrypoint: []string{"/a"}, Cmd: []string{"-x"}, WorkingDir: "/w",
		ExposedPorts: map[string]struct{}{"9/udp": {}, "8/tcp": {}}, Labels: map[string]string{"l": "v"},
	}
	im, err := Open(d.seal(t).write(t, t.TempDir()))
	check(t, err)
	want := Config{
		OS: "linux", Architecture: "amd64",
		User: "1:2", Env: []string{"A=B"}, Entrypoint: []string{"/a"}, Cmd: []string{"-x"}, WorkingDir: "/w",
		ExposedPorts: []string{"8/tcp", "9/udp"}, Labels: map[string]string{"l": "v"},
	}
	if diff := cmp.Diff(want, im.Config()); diff != "" {
		t.Errorf("Config (-want +got):\n%s", diff)
	}
	var size int64
	for _, content := range d.blobs {
		size += int64(len(content))
	}
	if im.Size() != size || im.Layers() != 2 || im.Digest() != d.index.Manifests[0].Digest.String() {
		t.Errorf("size %d, %d layers, digest %s; want %d, 2, %s", im.Size(), im.Layers(), im.Digest(), size, d.index.Manifests[0].Digest)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		before func(*draft) // spoils what the manifest says
		after  func(*draft) // spoils what was sealed
		want   string
	}{
		{"another version", nil, func(d *draft) { d.version = "2.0.0" }, `unknown version "2.0.0"`},
		{"no image", nil, func(d *draft) { d.index.Manifests = nil }, "it names 0 images"},
		{"two images", nil, func(d *draft) { d.index.Manifests = append(d.index.Manifests, d.index.Manifests[0]) }, "it names 2 images"},
		{"an index in the index", nil, func(d *draft) { d.index.Manifests[0].MediaType = types.OCIImageIndex }, "is no image"},
		{"a manifest of another size", nil, func(d *draft) { d.index.Manifests[0].Size++ }, "content does not match its digest"},
		{"a manifest of a negative size", nil, func(d *draft) { d.index.Manifests[0].Size = -1 }, "size -1"},
		{"a manifest with another digest", nil, func(d *draft) { swap(d, d.index.Manifests[0].Digest) }, "content does not match its digest"},
		{"a missing manifest", nil, func(d *draft) { delete(d.blobs, d.index.Manifests[0].Digest.Hex) }, "no such file"},
		{"a digest that is a path", nil, func(d *draft) { d.index.Manifests[0].Digest.Hex = "../../index.json" }, "index.json"},
		{"a digest by another algorithm", nil, func(d *draft) {
			d.index.Manifests[0].Digest = v1.Hash{Algorithm: "sha512", Hex: strings.Repeat("0", 128)}
		}, "is not sha256"},
		{"a manifest that says it is an index", func(d *draft) { d.manifest.MediaType = types.OCIImageIndex }, nil, "the index says"},
		{"an old manifest", func(d *draft) { d.manifest.SchemaVersion = 1 }, nil, "unknown schema version 1"},
		{"a configuration with another digest", nil, func(d *draft) { swap(d, d.manifest.Config.Digest) }, "content does not match its digest"},
		{"fewer diff_ids than layers", func(d *draft) { d.config.RootFS.DiffIDs = nil }, nil, "it names 0 layers, the manifest 1"},
		{"a foreign layer", func(d *draft) { d.manifest.Layers[0].MediaType = types.DockerForeignLayer }, nil, "are not read"},
		{"a restricted layer", func(d *draft) { d.manifest.Layers[0].MediaType = types.OCIRestrictedLayer }, nil, "are not read"},
		{"a layer of an unknown compression", func(d *draft) { d.manifest.Layers[0].MediaType = types.OCILayerZStd }, nil, "are not read"},
		{"a layer that is elsewhere", func(d *draft) { d.manifest.Layers[0].URLs = []string{"https://example.com/layer"} }, nil, "is said to be elsewhere"},
		{"a huge layer", func(d *draft) { d.manifest.Layers[0].Size = DefaultTotal + 1 }, nil, "larger than an image may be"},
		{"many layers", func(d *draft) {
			for range DefaultLayers {
				d.manifest.Layers = append(d.manifest.Layers, d.manifest.Layers[0])
			}
		}, nil, "129 layers, more than 128"},
		{"a huge configuration", func(d *draft) { d.config.Author = strings.Repeat("a", int(DefaultJSON)) }, nil, "larger than an image may be"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDraft(t, archive(t, reg("a", "A")))
			if tt.before != nil {
				tt.before(d)
			}
			d.seal(t)
			if tt.after != nil {
				tt.after(d)
			}
			_, err := Open(d.write(t, t.TempDir()))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Open: %v, want an error with %q", err, tt.want)
			}
		})
	}
}

// swap changes a blob and keeps its name and its size.
func swap(d *draft, h v1.Hash) {
	content := append([]byte{}, d.blobs[h.Hex]...)
	content[len(content)/2] ^= 1
	d.blobs[h.Hex] = content
}

func TestOpenRefusesManifestThatIsIndex(t *testing.T) {
	t.Parallel()
	d := newDraft(t).seal(t)
	raw := d.blobs[d.index.Manifests[0].Digest.Hex]
	both := append([]byte(`{"manifests":[],`), raw[1:]...)
	d.index.Manifests = []v1.Descriptor{d.blob(both, types.OCIManifestSchema1)}
	if _, err := Open(d.write(t, t.TempDir())); err == nil || !strings.Contains(err.Error(), "it is an index, too") {
		t.Errorf("Open: %v", err)
	}
}

// A layout's files are in its folder, and are files.
func TestOpenRefusesOddFiles(t *testing.T) {
	t.Parallel()
	elsewhere := newDraft(t).seal(t).write(t, t.TempDir())
	tests := []struct {
		name  string
		place func(path string) error
		want  string
	}{
		{"a link out of the folder", func(p string) error { return os.Symlink(filepath.Join(elsewhere, "index.json"), p) }, "escapes"},
		{"a pipe", func(p string) error { return syscall.Mkfifo(p, 0o600) }, "is no regular file"},
		{"a folder", func(p string) error { return os.Mkdir(p, 0o700) }, "is no regular file"},
		{"nothing", func(string) error { return nil }, "no such file"},
		{"no JSON", func(p string) error { return os.WriteFile(p, []byte("{"), 0o600) }, "unexpected EOF"},
		{"much", func(p string) error { return os.WriteFile(p, make([]byte, DefaultJSON+1), 0o600) }, "larger than an image may be"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			folder := newDraft(t).seal(t).write(t, t.TempDir())
			index := filepath.Join(folder, "index.json")
			check(t, os.Remove(index))
			check(t, tt.place(index))
			if _, err := Open(folder); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Open: %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestLayersAreVerified(t *testing.T) {
	t.Parallel()
	plain, other := archive(t, reg("a", "A")), archive(t, reg("a", "B"))
	zipped := zip(t, plain)
	tests := []struct {
		name   string
		stored []byte
		diffID v1.Hash
		media  types.MediaType
		spoil  func(*draft)
		digest bool // the error is ErrDigest
		want   string
	}{
		{"changed", plain, sumOf(plain), types.OCIUncompressedLayer, func(d *draft) { d.blobs[sumOf(plain).Hex] = other }, true, "does not match"},
		{"packed in another way", zipped, sumOf(plain), types.OCILayer, func(d *draft) {
			repacked := append([]byte{}, zipped...)
			repacked[9] ^= 1 // the operating system, RFC 1952 section 2.3
			d.blobs[sumOf(zipped).Hex] = repacked
		}, true, "does not match"},
		{"another diff_id", zipped, sumOf(other), types.OCILayer, nil, true, "unpacked, it is not"},
		{"missing", zipped, sumOf(plain), types.OCILayer, func(d *draft) { delete(d.blobs, sumOf(zipped).Hex) }, false, "no such file"},
		{"cut short", zipped[:len(zipped)-9], sumOf(plain), types.OCILayer, nil, false, "unexpected EOF"},
		{"longer", append(append([]byte{}, zipped...), "more and more and more"...), sumOf(plain), types.OCILayer, nil, false, "gzip: invalid header"},
		{"not compressed", plain, sumOf(plain), types.OCILayer, nil, false, "gzip: invalid header"},
		{"no archive", zip(t, []byte(strings.Repeat("no archive ", 100))), sumOf([]byte(strings.Repeat("no archive ", 100))), types.OCILayer, nil, false, "invalid tar header"},
		{"an archive behind the archive", append(append([]byte{}, plain...), other...), sumOf(append(append([]byte{}, plain...), other...)), types.OCIUncompressedLayer, nil, false, "behind the end"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDraft(t)
			d.addLayer(tt.stored, tt.diffID, tt.media)
			d.seal(t)
			if tt.spoil != nil {
				tt.spoil(d)
			}
			im, err := Open(d.write(t, t.TempDir()))
			check(t, err)
			err = im.Walk(func(e Entry) error { t.Errorf("%s was shown", e.Path); return nil })
			if err == nil || !strings.Contains(err.Error(), tt.want) || errors.Is(err, ErrDigest) != tt.digest {
				t.Errorf("Walk: %v, want an error with %q", err, tt.want)
			}
		})
	}
}
