package govuln

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/sluice-ci/sluice/internal/image"
	"github.com/sluice-ci/sluice/internal/pipeline"
)

// plantedSettings is where the planted image breaks each rule about how an
// image is set up.
func plantedSettings() []struct{ rule, path string } {
	return []struct{ rule, path string }{
		{ruleRoot, "image:/"}, {ruleSecret, "image:/"}, {ruleSetuid, "image:/planted/setuid"}, {ruleWrite, "image:/planted/open"},
	}
}

// settingsTest looks at a planted image in a folder below scratch as at any
// other: what is stored must be read, and each rule must find its file.
func settingsTest(scratch string) (pipeline.SelfTest, error) {
	var t pipeline.SelfTest
	dir := filepath.Join(scratch, "planted")
	if err := plantImage(dir); err != nil {
		return t, fmt.Errorf("planting an image: %w", err)
	}
	im, err := image.Open(dir)
	if err != nil {
		return t, fmt.Errorf("opening the planted image: %w", err)
	}
	c, err := inspect(im, dir)
	if err != nil {
		return t, fmt.Errorf("the planted image: %w", err)
	}
	found := map[[2]string]bool{}
	for _, f := range c.settings(im.Config()) {
		found[[2]string{f.Rule, f.Location.Path}] = true
	}
	for _, p := range plantedSettings() {
		t.Planted = append(t.Planted, p.rule)
		if found[[2]string{p.rule, p.path}] {
			t.Caught = append(t.Caught, p.rule)
		}
	}
	return t, nil
}

func plantImage(dir string) error {
	files, err := plantedLayer()
	if err != nil {
		return err
	}
	im, err := mutate.Append(mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON),
		mutate.Addendum{Layer: static.NewLayer(files, types.OCIUncompressedLayer), MediaType: types.OCIUncompressedLayer})
	if err != nil {
		return err
	}
	config, err := im.ConfigFile()
	if err != nil {
		return err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Config = "linux", "amd64", v1.Config{Env: []string{"PLANTED_TOKEN=planted"}}
	if im, err = mutate.ConfigFile(im, config); err != nil {
		return err
	}
	path, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	return path.AppendImage(im)
}

func plantedLayer() ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	err := errors.Join(
		w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "planted/setuid", Mode: 0o4755}),
		w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: "planted/open", Mode: 0o666}),
		w.Close(),
	)
	return b.Bytes(), err
}
