//go:build stack && linux

package compose_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/image"
)

// testDockerfile builds images as Sluice does for services that are not Go.
func (s *stack) testDockerfile(t *testing.T) {
	t.Setenv("PATH", s.variable("PATH"))
	build := func(t *testing.T, dockerfile string) (*image.Image, []string, error) {
		t.Helper()
		d := image.Dockerfile{Dir: t.TempDir(), File: image.DockerfileName, Socket: filepath.Join(s.folder, "docker.sock"), Out: filepath.Join(t.TempDir(), "image"), Temp: t.TempDir(), Log: io.Discard}
		d.Root = filepath.Dir(d.Dir)
		var told []string
		d.Progress = func(what string) { told = append(told, what) }
		write(t, filepath.Join(d.Dir, image.DockerfileName), []byte(dockerfile))
		write(t, filepath.Join(d.Dir, "app"), []byte("#!/bin/sh\necho hello\n"))
		res, err := d.Build(t.Context())
		if err != nil {
			return nil, told, err
		}
		im, err := image.Open(d.Out)
		if err != nil {
			t.Fatal(err)
		}
		if im.Digest() != res.Digest || res.Layers != im.Layers() || res.Engine == "" || res.Files == 0 {
			t.Errorf("it says %+v of %s", res, im.Digest())
		}
		return im, told, nil
	}

	im, told, err := build(t, "FROM "+baseName+"\nCOPY --chmod=755 app /srv/app\nRUN rm /etc/motd && ln -sf /srv/app /app\nUSER 65532:65532\nENTRYPOINT [\"/srv/app\"]\n")
	if err != nil {
		t.Fatal(err)
	}
	if c := im.Config(); c.User != "65532:65532" || len(c.Entrypoint) != 1 || c.OS != "linux" {
		t.Errorf("its configuration is %+v", c)
	}
	root := filepath.Join(t.TempDir(), "root")
	if err := im.Unpack(root); err != nil {
		t.Fatal(err)
	}
	if to, err := os.Readlink(filepath.Join(root, "app")); err != nil || to != "srv/app" {
		t.Errorf("a link leads to %q, %v", to, err)
	}
	if _, err := os.Lstat(filepath.Join(root, "etc/motd")); !os.IsNotExist(err) {
		t.Errorf("what a layer removed is there: %v", err)
	}
	if all := strings.Join(told, "\n"); !strings.Contains(all, "COPY --chmod=755 app /srv/app") || !strings.Contains(all, "writing the image") {
		t.Errorf("it told %q", told)
	}
	if images := s.docker(t, "image", "ls", "--quiet", "--filter", "dangling=true"); images != "" {
		t.Errorf("images are left in the engine: %s", images)
	}

	for name, c := range map[string]struct {
		dockerfile, message string
		line                int
	}{
		"a step that fails": {"FROM " + baseName + "\n\nRUN echo broken; \\\n    exit 3\n", "the step fails: RUN echo broken;", 3},
		"no instruction":    {"FROM " + baseName + "\nRUNN true\n", "unknown instruction", 2},
		"nothing to copy":   {"FROM " + baseName + "\nCOPY none /\n", "the step fails: COPY none /", 2},
	} {
		_, _, err := build(t, c.dockerfile)
		var broken *image.BuildError
		if !errors.As(err, &broken) {
			t.Errorf("%s: %v, want a finding", name, err)
			continue
		}
		if f := broken.Finding; f.Location.Line != c.line || !strings.Contains(strings.ToLower(f.Message), strings.ToLower(c.message)) || filepath.Base(f.Location.Path) != image.DockerfileName {
			t.Errorf("%s: %q at %v, want %q at line %d", name, f.Message, f.Location, c.message, c.line)
		}
	}
	if _, _, err := build(t, "FROM nowhere.invalid/none\n"); err == nil || errors.As(err, new(*image.BuildError)) {
		t.Errorf("a base that cannot be had: %v, want no finding", err)
	}
}

// variable is one of the engine's client.
func (s *stack) variable(name string) string {
	for _, kv := range s.env {
		if value, ok := strings.CutPrefix(kv, name+"="); ok {
			return value
		}
	}
	return ""
}
