package govuln

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/sluice-ci/sluice/internal/image"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
	"github.com/sluice-ci/sluice/internal/scan/scantest"
)

// TestConformImage has no programs to replace: the stage starts none. What
// can fail is the image.
func TestConformImage(t *testing.T) {
	app := func(t *testing.T) item { return item{name: "app", text: compile(t, "called", "-w"), mode: 0o555} }
	good := func(t *testing.T) pipeline.Need { return build(t, safe, app(t)) }
	service := func(leave func(*testing.T) pipeline.Need, flaws ...flaw) func(*testing.T) scantest.Service {
		return func(t *testing.T) scantest.Service {
			t.Helper()
			dir := t.TempDir()
			return scantest.Service{
				Service: scan.Service{Root: dir, Dir: dir, GoModule: "example.com/called", Version: "v1"},
				Needs:   map[string]pipeline.Need{"vulndb": databaseOf(t, append(flaws, oldFlaw)...).need(), "build": leave(t)},
			}
		}
	}
	spoilt := func(spoil func(text []byte) []byte) func(*testing.T) scantest.Service {
		return service(func(t *testing.T) pipeline.Need {
			need := good(t)
			spoilLayer(t, need.Out, spoil)
			return need
		})
	}
	scantest.Run(t, scantest.Adapter{
		Scanner: Image{},
		Make:    service(good),
		Defects: map[string]func(*testing.T) scantest.Service{
			"a vulnerable function": service(good, parseFlaw),
			"root":                  service(func(t *testing.T) pipeline.Need { return build(t, v1.Config{}, app(t)) }),
		},
		Blind: map[string]func(*testing.T) scantest.Service{
			"a layer cut off":             spoilt(func(text []byte) []byte { return text[:len(text)/2] }),
			"a layer with a byte changed": spoilt(func(text []byte) []byte { text[len(text)/2] ^= 1; return text }),
			"no file":                     service(func(t *testing.T) pipeline.Need { return build(t, safe) }),
			"the image of another service": service(func(t *testing.T) pipeline.Need {
				need := good(t)
				need.Out = build(t, safe, app(t), item{name: "more", mode: 0o444}).Out
				return need
			}),
			"an image of which build says nothing": service(func(t *testing.T) pipeline.Need { return pipeline.Need{Out: good(t).Out} }),
			"a file too many": service(func(t *testing.T) pipeline.Need {
				return build(t, safe, append(slices.Repeat([]item{{name: "a", mode: 0o444}}, image.DefaultEntries), app(t))...)
			}),
		},
	})
}

// spoilLayer changes the largest file of an image, which is a layer.
func spoilLayer(t *testing.T, out string, spoil func([]byte) []byte) {
	t.Helper()
	var layer string
	var size int64
	err := filepath.WalkDir(out, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() && info.Size() > size {
			layer, size = path, info.Size()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(layer)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(layer, spoil(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
