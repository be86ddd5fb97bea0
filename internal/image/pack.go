package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
)

// compression is the level of all layers. On a server of 9.6 MB level 6 of this
// compressor takes 0.13 CPU-seconds for 39.9 %, level 9 1.36 s for 39.0 %, and
// the standard library's level 6 0.34 s for 39.2 %. It is a module, pinned by
// go.mod, so that the bytes do not change with the Go that Sluice is built with.
const compression = 6

// packedLayer is a compressed layer in memory; it implements v1.Layer.
type packedLayer struct {
	stored         []byte
	digest, diffID v1.Hash
}

func (l *packedLayer) Digest() (v1.Hash, error)            { return l.digest, nil }
func (l *packedLayer) DiffID() (v1.Hash, error)            { return l.diffID, nil }
func (l *packedLayer) Size() (int64, error)                { return int64(len(l.stored)), nil }
func (l *packedLayer) MediaType() (types.MediaType, error) { return types.OCILayer, nil }

func (l *packedLayer) Compressed() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(l.stored)), nil
}

func (l *packedLayer) Uncompressed() (io.ReadCloser, error) {
	return gzip.NewReader(bytes.NewReader(l.stored))
}

// packLayer writes members, in their order, to a layer that depends on nothing
// but them: no times, no names of users, no compressor's header.
func packLayer(members []member) (*packedLayer, error) {
	var stored bytes.Buffer
	digest, diffID := sha256.New(), sha256.New()
	zip, err := gzip.NewWriterLevel(io.MultiWriter(&stored, digest), compression)
	if err != nil {
		return nil, err
	}
	archive := tar.NewWriter(io.MultiWriter(zip, diffID))
	for _, m := range members {
		if err := m.write(archive); err != nil {
			return nil, fmt.Errorf("packing %s: %w", m.name, err)
		}
	}
	if err := errors.Join(archive.Close(), zip.Close()); err != nil {
		return nil, err
	}
	return &packedLayer{stored: stored.Bytes(), digest: hashOf(digest), diffID: hashOf(diffID)}, nil
}

func hashOf(sum hash.Hash) v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(sum.Sum(nil))}
}

func (m member) write(w *tar.Writer) error {
	hdr := &tar.Header{Typeflag: tar.TypeReg, Name: m.name, Mode: m.mode, Size: m.size, Format: tar.FormatUSTAR}
	if strings.HasSuffix(m.name, "/") {
		hdr.Typeflag = tar.TypeDir
	}
	if err := w.WriteHeader(hdr); err != nil || m.open == nil {
		return err
	}
	r, err := m.open()
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return errors.Join(err, r.Close())
}
