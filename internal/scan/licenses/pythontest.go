package licenses

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/sluice-ci/sluice/internal/image"
	"github.com/sluice-ci/sluice/internal/pipeline"
)

// pythonTest looks at planted distributions as at those of an image: each text as a
// file, and each licence as it can be declared.
func pythonTest(t terms) (_ pipeline.SelfTest, err error) {
	var s pipeline.SelfTest
	scratch, err := os.MkdirTemp("", "sluice-planted-")
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	d := &dists{scratch: scratch}
	if s.Planted, err = d.plant(); err != nil {
		return s, fmt.Errorf("planting: %w", err)
	}
	d.settle()
	for _, found := range d.all {
		k, err := found.read(part{name: found.Name + "@1", chain: []string{"planted", found.Name}}, &memo{})
		if err != nil {
			return s, err
		}
		if _, id, _ := strings.Cut(found.Name, "-"); t.catches(k, id) {
			s.Caught = append(s.Caught, found.Name)
		}
	}
	return s, nil
}

// inWords are the planted licences as they are named.
func inWords() map[string]string {
	return map[string]string{"AGPL-3.0-or-later": "AGPLv3+", "GPL-3.0-or-later": "GPLv3+", "MIT": "MIT", "unknown": "planted"}
}

// plant shows distributions with each of the planted licences, in each form. They are
// named after both.
func (d *dists) plant() (names []string, err error) {
	texts, err := fs.Glob(planted, "planted/*")
	if err != nil {
		return nil, err
	}
	for _, name := range texts {
		text, err := planted.ReadFile(name)
		if err != nil {
			return nil, err
		}
		id := strings.TrimSuffix(path.Base(name), ".txt")
		for _, form := range []struct{ name, metadata, text string }{
			{"text", "", string(text)},
			{"expression", "License-Expression: " + id, ""},
			{"classifier", "Classifier: License :: OSI Approved :: Planted (" + inWords()[id] + ")", ""},
			{"words", "License: " + inWords()[id], ""},
		} {
			name := form.name + "-" + id
			names = append(names, name)
			err := d.visit(planting("/planted/"+name+".dist-info/METADATA", "Name: "+name+"\nVersion: 1\n"+form.metadata+"\n"))
			if err == nil && form.text != "" {
				err = d.visit(planting("/planted/"+name+".dist-info/licenses/LICENSE", form.text))
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return names, nil
}

func planting(name, text string) image.Entry {
	return image.Entry{Path: name, Mode: 0o644, Size: int64(len(text)), Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
}
