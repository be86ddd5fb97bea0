// Package image builds and inspects OCI images without a daemon.
//
// An image is read from an OCI layout (image-spec v1.1, image-layout.md), and
// nothing in it is trusted: digests are verified while content is read, and
// sizes, counts and names are bounded.
package image

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sync"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Image is an image in an OCI layout on disk, which must not change while it
// is in use; a change is noticed and is an error. It may be used by several
// goroutines.
type Image struct {
	dir      string
	limits   Limits
	digest   v1.Hash
	size     int64
	manifest *v1.Manifest
	config   *v1.ConfigFile
	flat     func() (*flat, error)
}

// Config is how the image is run: the part of the image-spec's "config" object
// that Sluice reads.
type Config struct {
	OS, Architecture string // as GOOS and GOARCH
	User             string // "65532:65532"; "" is root
	Env              []string
	Entrypoint       []string
	Cmd              []string
	WorkingDir       string
	ExposedPorts     []string // "8000/tcp", sorted
	Labels           map[string]string
}

// Open reads the layout in a folder, which must hold exactly one image. The
// manifest and the configuration are verified at once, the layers when they
// are read.
func Open(layoutDir string) (*Image, error) { return Limits{}.Open(layoutDir) }

// Open is like the function Open, within these limits.
func (l Limits) Open(layoutDir string) (*Image, error) {
	im := &Image{dir: layoutDir, limits: l.orDefault()}
	im.flat = sync.OnceValues(im.flatten)
	if err := im.read(); err != nil {
		return nil, fmt.Errorf("opening the image in %s: %w", layoutDir, err)
	}
	return im, nil
}

// Digest names the image: the digest of its manifest, "sha256:…".
func (im *Image) Digest() string { return im.digest.String() }

// Size is how many bytes a registry keeps for the image: manifest,
// configuration and layers as they are stored.
func (im *Image) Size() int64 { return im.size }

// Layers is how many layers the image has.
func (im *Image) Layers() int { return len(im.manifest.Layers) }

// Config returns how the image is run.
func (im *Image) Config() Config {
	c := im.config.Config
	return Config{
		OS: im.config.OS, Architecture: im.config.Architecture,
		User: c.User, Env: slices.Clone(c.Env), WorkingDir: c.WorkingDir,
		Entrypoint: slices.Clone(c.Entrypoint), Cmd: slices.Clone(c.Cmd),
		ExposedPorts: slices.Sorted(maps.Keys(c.ExposedPorts)), Labels: maps.Clone(c.Labels),
	}
}

func (im *Image) read() error {
	root, err := os.OpenRoot(im.dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := im.readVersion(root); err != nil {
		return err
	}
	desc, err := im.readIndex(root)
	if err != nil {
		return err
	}
	if err := im.readManifest(root, desc); err != nil {
		return fmt.Errorf("manifest %s: %w", desc.Digest, err)
	}
	if err := im.readConfig(root); err != nil {
		return fmt.Errorf("configuration %s: %w", im.manifest.Config.Digest, err)
	}
	return im.checkLayers()
}

func (im *Image) readVersion(root *os.Root) error {
	raw, err := im.readSmall(root, "oci-layout")
	if err != nil {
		return err
	}
	var v struct {
		Version string `json:"imageLayoutVersion"`
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return fmt.Errorf("oci-layout: %w", err)
	}
	if v.Version != "1.0.0" {
		return fmt.Errorf("oci-layout: unknown version %q", v.Version)
	}
	return nil
}

// readIndex returns the descriptor of the one image.
func (im *Image) readIndex(root *os.Root) (v1.Descriptor, error) {
	raw, err := im.readSmall(root, "index.json")
	if err != nil {
		return v1.Descriptor{}, err
	}
	index, err := v1.ParseIndexManifest(bytes.NewReader(raw))
	if err != nil {
		return v1.Descriptor{}, fmt.Errorf("index.json: %w", err)
	}
	if n := len(index.Manifests); n != 1 {
		return v1.Descriptor{}, fmt.Errorf("index.json: it names %d images, want exactly one", n)
	}
	desc := index.Manifests[0]
	if !desc.MediaType.IsImage() {
		return desc, fmt.Errorf("index.json: %q is no image", desc.MediaType)
	}
	return desc, nil
}

func (im *Image) readManifest(root *os.Root, desc v1.Descriptor) error {
	raw, err := im.readVerified(root, desc)
	if err != nil {
		return err
	}
	if im.manifest, err = v1.ParseManifest(bytes.NewReader(raw)); err != nil {
		return err
	}
	im.digest, im.size = desc.Digest, desc.Size
	m := im.manifest
	switch {
	case m.SchemaVersion != 2:
		return fmt.Errorf("unknown schema version %d", m.SchemaVersion)
	case m.MediaType != "" && m.MediaType != desc.MediaType:
		// image-spec, manifest.md: the two must agree, or readers may see different images.
		return fmt.Errorf("it says it is %q, the index says %q", m.MediaType, desc.MediaType)
	case !m.Config.MediaType.IsConfig():
		return fmt.Errorf("%q is no image configuration", m.Config.MediaType)
	case len(m.Layers) > im.limits.Layers:
		return fmt.Errorf("%w: %d layers, more than %d", ErrTooBig, len(m.Layers), im.limits.Layers)
	}
	return notAlsoIndex(raw)
}

// notAlsoIndex refuses a document that is both manifest and index (CVE-2021-41190).
func notAlsoIndex(raw []byte) error {
	var both struct {
		Manifests json.RawMessage `json:"manifests"`
	}
	if err := json.Unmarshal(raw, &both); err != nil {
		return err
	}
	if both.Manifests != nil {
		return errors.New("it is an index, too")
	}
	return nil
}

func (im *Image) readConfig(root *os.Root) error {
	raw, err := im.readVerified(root, im.manifest.Config)
	if err != nil {
		return err
	}
	if im.config, err = v1.ParseConfigFile(bytes.NewReader(raw)); err != nil {
		return err
	}
	im.size += im.manifest.Config.Size
	if n, want := len(im.config.RootFS.DiffIDs), len(im.manifest.Layers); n != want {
		return fmt.Errorf("it names %d layers, the manifest %d", n, want)
	}
	return nil
}

func (im *Image) checkLayers() error {
	left := im.limits.Total
	for i, l := range im.manifest.Layers {
		if err := checkLayer(l); err != nil {
			return fmt.Errorf("layer %d (%s): %w", i, l.Digest, err)
		}
		if left -= l.Size; left < 0 {
			return fmt.Errorf("%w: layers of more than %d bytes", ErrTooBig, im.limits.Total)
		}
		im.size += l.Size
	}
	return nil
}

func checkLayer(l v1.Descriptor) error {
	if err := checkDescriptor(l); err != nil {
		return err
	}
	switch l.MediaType {
	case types.OCILayer, types.DockerLayer, types.OCIUncompressedLayer, types.DockerUncompressedLayer:
		return nil
	}
	return fmt.Errorf("layers of type %q are not read", l.MediaType)
}

func checkDescriptor(d v1.Descriptor) error {
	switch {
	case d.Digest.Algorithm != "sha256":
		return fmt.Errorf("digest %q is not sha256", d.Digest)
	case d.Size < 0:
		return fmt.Errorf("size %d", d.Size)
	case len(d.URLs) > 0:
		return errors.New("its content is said to be elsewhere")
	}
	return nil
}

// readSmall reads a file of the layout that is not content-addressed.
func (im *Image) readSmall(root *os.Root, name string) ([]byte, error) {
	f, err := openRegular(root, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readBounded(f, name, im.limits.JSON)
}

func (im *Image) readVerified(root *os.Root, d v1.Descriptor) ([]byte, error) {
	if err := checkDescriptor(d); err != nil {
		return nil, err
	}
	f, err := openBlob(root, d)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := readBounded(f, d.Digest.String(), im.limits.JSON)
	if err != nil {
		return nil, err
	}
	sum, _, err := v1.SHA256(bytes.NewReader(raw))
	if err == nil && sum != d.Digest {
		err = ErrDigest
	}
	return raw, err
}

func readBounded(r io.Reader, name string, limit int64) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(raw)) > limit {
		err = fmt.Errorf("%w: more than %d bytes", ErrTooBig, limit)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return raw, nil
}
