package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	ocilayout "github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/sluice-ci/sluice/internal/hint"
)

// defaultPort is where a service listens unless PORT says otherwise, as a
// local run or Cloud Run does.
const defaultPort = "8000"

// Annotations of image-spec, annotations.md. Nothing that says when, where or
// from which commit: that is in the signed provenance.
const (
	titleLabel = "org.opencontainers.image.title"
	baseLabel  = "org.opencontainers.image.base.name"
)

// writeLayout assembles the image and writes it to a new folder.
func (r Recipe) writeLayout(dir, binary string) (digest string, err error) {
	app, err := appMembers(r.Name, binary)
	if err != nil {
		return "", err
	}
	im, err := r.assemble(baseMembers(), app)
	if err != nil {
		return "", err
	}
	path, err := ocilayout.Write(dir, empty.Index)
	if err != nil {
		return "", err
	}
	if err := path.AppendImage(im); err != nil {
		return "", err
	}
	h, err := im.Digest()
	if err != nil {
		return "", err
	}
	return h.String(), settle(dir)
}

func (r Recipe) assemble(layers ...[]member) (v1.Image, error) {
	im := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, members := range layers {
		l, err := packLayer(members)
		if err != nil {
			return nil, err
		}
		if im, err = mutate.Append(im, mutate.Addendum{Layer: l, MediaType: types.OCILayer, History: v1.History{Created: epoch(), CreatedBy: "sluice build"}}); err != nil {
			return nil, err
		}
	}
	config, err := im.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created, config.Config = "linux", r.Arch, epoch(), r.config()
	if im, err = mutate.ConfigFile(im, config); err != nil {
		return nil, err
	}
	annotated, ok := mutate.Annotations(im, r.labels()).(v1.Image)
	if !ok {
		return nil, errors.New("annotating the image did not give an image")
	}
	return annotated, nil
}

func epoch() v1.Time { return v1.Time{Time: time.Unix(0, 0).UTC()} }

func (r Recipe) config() v1.Config {
	return v1.Config{
		User:         userID + ":" + userID,
		Env:          []string{"PATH=/app", "PORT=" + defaultPort},
		Entrypoint:   []string{r.binaryPath()},
		WorkingDir:   "/",
		ExposedPorts: map[string]struct{}{defaultPort + "/tcp": {}},
		Labels:       r.labels(),
	}
}

func (r Recipe) labels() map[string]string {
	return map[string]string{titleLabel: r.Name, baseLabel: "scratch"}
}

// settle makes a tree's permissions those that any user can read, and sees it
// to the disk.
func settle(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return fs.WalkDir(root.FS(), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if e.IsDir() {
			mode = 0o755
		}
		if err := root.Chmod(name, mode); err != nil {
			return err
		}
		return syncOpened(root.Open(name))
	})
}

func syncOpened(f *os.File, err error) error {
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func syncFolder(dir string) error { return syncOpened(os.Open(dir)) } // #nosec G304 -- where the image was put

// replaceLayout moves a layout to where it belongs. Another layout that is
// there moves to old; anything else there is left alone, and is an error.
func replaceLayout(from, to, old string) error {
	moved, err := setAside(to, old)
	if err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		if moved {
			err = errors.Join(err, os.Rename(old, to))
		}
		return err
	}
	return syncFolder(filepath.Dir(to))
}

func setAside(dir, old string) (moved bool, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if len(entries) == 0 {
		return false, os.Remove(dir)
	}
	if _, err := os.Lstat(filepath.Join(dir, "oci-layout")); err != nil {
		return false, hint.With(fmt.Errorf("%s is no OCI layout, and would have to be replaced: %w", dir, err), "name a folder that is empty or does not exist")
	}
	return true, os.Rename(dir, old)
}
