package image

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path"
	"syscall"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// openBlob opens a blob of the layout and checks its size.
func openBlob(root *os.Root, d v1.Descriptor) (*os.File, error) {
	f, err := openRegular(root, path.Join("blobs", d.Digest.Algorithm, d.Digest.Hex))
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Size() != d.Size {
		err = fmt.Errorf("%w: %s has %d bytes, want %d", ErrDigest, d.Digest, info.Size(), d.Size)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// openRegular opens a file without waiting for a pipe's other end, and refuses
// what is no regular file or lies outside root.
func openRegular(root *os.Root, name string) (*os.File, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", name)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// layerReader reads one layer's archive.
type layerReader struct {
	*tar.Reader
	file          *os.File
	stored, plain io.Reader // the blob as it is stored, and uncompressed
	storedSum     hash.Hash
	plainSum      hash.Hash
	digest        v1.Hash
	diffID        v1.Hash
}

func (im *Image) openLayer(i int, b *budget) (*layerReader, error) {
	root, err := os.OpenRoot(im.dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	desc := im.manifest.Layers[i]
	f, err := openBlob(root, desc)
	if err != nil {
		return nil, err
	}
	r := &layerReader{file: f, storedSum: sha256.New(), plainSum: sha256.New(), digest: desc.Digest, diffID: im.config.RootFS.DiffIDs[i]}
	r.stored = bufio.NewReaderSize(io.TeeReader(f, r.storedSum), 1<<16)
	plain, err := uncompressed(r.stored, desc.MediaType)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r.plain = io.TeeReader(b.bound(plain), r.plainSum)
	r.Reader = tar.NewReader(r.plain)
	return r, nil
}

func uncompressed(r io.Reader, t types.MediaType) (io.Reader, error) {
	if t == types.OCIUncompressedLayer || t == types.DockerUncompressedLayer {
		return r, nil
	}
	return gzip.NewReader(r)
}

func (r *layerReader) Close() error { return r.file.Close() }

// verify reads what is left behind the archive and compares the digests.
func (r *layerReader) verify() error {
	if err := onlyZeros(r.plain); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, r.stored); err != nil {
		return err
	}
	if !matches(r.storedSum, r.digest) {
		return ErrDigest
	}
	if !matches(r.plainSum, r.diffID) {
		return fmt.Errorf("%w: unpacked, it is not %s", ErrDigest, r.diffID)
	}
	return nil
}

func matches(sum hash.Hash, want v1.Hash) bool {
	return want.Algorithm == "sha256" && hex.EncodeToString(sum.Sum(nil)) == want.Hex
}

// onlyZeros refuses a second archive behind the end of the first, which some
// readers see and others do not.
func onlyZeros(r io.Reader) error {
	buf, zeros := make([]byte, 1<<13), make([]byte, 1<<13)
	for {
		n, err := r.Read(buf)
		if !bytes.Equal(buf[:n], zeros[:n]) {
			return errors.New("there is something behind the end of the archive")
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// eachHeader calls fn for every header of a layer, and verifies the layer.
func (im *Image) eachHeader(i int, b *budget, fn func(pos int, hdr *tar.Header, content io.Reader) error) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("layer %d (%s): %w", i, im.manifest.Layers[i].Digest, err)
		}
	}()
	r, err := im.openLayer(i, b)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // it was only read, and checked at its end
	for pos := 0; ; pos++ {
		hdr, err := r.Next()
		if errors.Is(err, io.EOF) {
			return r.verify()
		}
		if err != nil {
			return err
		}
		if err := b.entry(hdr); err != nil {
			return fmt.Errorf("%q: %w", hdr.Name, err)
		}
		if err := fn(pos, hdr, r); err != nil {
			return err
		}
	}
}
