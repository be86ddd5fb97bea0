package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// item is a header of a layer made by a test, with its content.
type item struct {
	tar.Header
	content string
}

func reg(name, content string) item {
	return item{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644}, content}
}

func dir(name string) item {
	return item{tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755}, ""}
}

func symlink(name, target string) item {
	return item{tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}, ""}
}

func hardlink(name, target string) item {
	return item{tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target, Mode: 0o644}, ""}
}

func archive(t testing.TB, items ...item) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, it := range items {
		it.Size = int64(len(it.content))
		check(t, w.WriteHeader(&it.Header))
		_, err := w.Write([]byte(it.content))
		check(t, err)
	}
	check(t, w.Close())
	return b.Bytes()
}

func zip(t testing.TB, raw []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(raw)
	check(t, err)
	check(t, w.Close())
	return b.Bytes()
}

// draft is an OCI layout that a test can spoil before it is written.
type draft struct {
	version  string
	index    v1.IndexManifest
	manifest v1.Manifest
	config   v1.ConfigFile
	blobs    map[string][]byte // by digest
}

// newDraft is a layout with these archives as its layers, gzipped.
func newDraft(t testing.TB, archives ...[]byte) *draft {
	t.Helper()
	d := &draft{version: "1.0.0", blobs: map[string][]byte{}}
	d.manifest = v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1, Layers: []v1.Descriptor{}}
	d.config = v1.ConfigFile{OS: "linux", Architecture: "amd64", RootFS: v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{}}}
	for _, a := range archives {
		d.addLayer(zip(t, a), sumOf(a), types.OCILayer)
	}
	return d
}

func (d *draft) addLayer(stored []byte, diffID v1.Hash, media types.MediaType) {
	d.manifest.Layers = append(d.manifest.Layers, d.blob(stored, media))
	d.config.RootFS.DiffIDs = append(d.config.RootFS.DiffIDs, diffID)
}

func (d *draft) blob(content []byte, media types.MediaType) v1.Descriptor {
	h := sumOf(content)
	d.blobs[h.Hex] = content
	return v1.Descriptor{MediaType: media, Size: int64(len(content)), Digest: h}
}

func sumOf(b []byte) v1.Hash {
	sum := sha256.Sum256(b)
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum[:])}
}

// seal makes the configuration, the manifest and the index name each other.
func (d *draft) seal(t testing.TB) *draft {
	t.Helper()
	d.manifest.Config = d.blob(encode(t, d.config), types.OCIConfigJSON)
	d.index = v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
	d.index.Manifests = []v1.Descriptor{d.blob(encode(t, d.manifest), types.OCIManifestSchema1)}
	return d
}

func (d *draft) write(t testing.TB, dir string) string {
	t.Helper()
	blobs := filepath.Join(dir, "blobs", "sha256")
	check(t, os.MkdirAll(blobs, 0o755))
	for name, content := range d.blobs {
		check(t, os.WriteFile(filepath.Join(blobs, name), content, 0o644))
	}
	check(t, os.WriteFile(filepath.Join(dir, "oci-layout"), encode(t, map[string]string{"imageLayoutVersion": d.version}), 0o644))
	check(t, os.WriteFile(filepath.Join(dir, "index.json"), encode(t, d.index), 0o644))
	return dir
}

// imageOf opens an image of these layers.
func imageOf(t testing.TB, l Limits, layers ...[]item) *Image {
	t.Helper()
	var archives [][]byte
	for _, items := range layers {
		archives = append(archives, archive(t, items...))
	}
	im, err := l.Open(newDraft(t, archives...).seal(t).write(t, t.TempDir()))
	check(t, err)
	return im
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	check(t, err)
	return raw
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
