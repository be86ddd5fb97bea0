package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/hint"
)

// Recipe says what an image is built from. The image is a function of the
// source, the Go toolchain, Name, Main and Arch, and of nothing else.
type Recipe struct {
	Name  string // of the service; the program is /app/NAME
	Root  string // the repository's root, absolute
	Dir   string // the service's folder, absolute, in or at Root
	Main  string // the command's folder, relative to Dir; "" is Dir itself
	Arch  string // GOARCH, amd64 or arm64; "" is this machine's
	Out   string // the OCI layout's folder; a layout that is there is replaced
	Cache string // Sluice's cache folder, for the compiler

	Progress func(string) // is told what is being done; may be nil
	Log      io.Writer    // gets what the compiler prints; may be nil
}

// Result is a built image.
type Result struct {
	Digest string // of the manifest, "sha256:…"
	Size   int64  // bytes, as a registry keeps it
	Binary string // the program's path in the image
	Module string // the main module's path
	Go     string // the toolchain's version, of a Go program
	Engine string // the Docker engine's version, of a Dockerfile
	Files  int    // names of files in the image that are no folders
	Layers int
}

// Build compiles a Go command to a static program and writes an image that
// holds it, and what it needs to talk TLS, to r.Out. Code that does not compile
// is a *CompileError. On any error r.Out is as it was.
func Build(ctx context.Context, r Recipe) (Result, error) {
	r = r.orDefault()
	res, err := r.build(ctx)
	if err != nil {
		return Result{}, fmt.Errorf("building the image of %s: %w", r.Name, withSpaceHint(err))
	}
	return res, nil
}

func (r Recipe) orDefault() Recipe {
	if r.Arch == "" {
		r.Arch = runtime.GOARCH
	}
	if r.Progress == nil {
		r.Progress = func(string) {}
	}
	if r.Log == nil {
		r.Log = io.Discard
	}
	return r
}

func (r Recipe) check() error {
	// A tar name of one component that nothing in a path or a log can mistake.
	if r.Name == "" || r.Name[0] == '.' || strings.ContainsFunc(r.Name, notPlain) || len(r.Name) > 100 {
		return hint.With(fmt.Errorf("%q cannot be the name of a program", r.Name), "name the service in sluice.yaml, in letters, digits and hyphens")
	}
	if _, ok := machines[r.Arch]; !ok {
		return hint.With(fmt.Errorf("no image can be built for %s", r.Arch), "build for amd64 or arm64")
	}
	if !filepath.IsLocal(r.mainPath()) {
		return hint.With(fmt.Errorf("the command's folder %q is not in the service's folder", r.Main), "name a folder relative to the service's folder")
	}
	return nil
}

func (r Recipe) mainPath() string { return path.Clean(filepath.ToSlash(r.Main)) }

func notPlain(c rune) bool {
	letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
	return !letter && c != '-' && c != '_' && c != '.'
}

func (r Recipe) build(ctx context.Context) (res Result, err error) {
	if err := r.check(); err != nil {
		return Result{}, err
	}
	if r.Out, err = filepath.Abs(r.Out); err != nil {
		return Result{}, err
	}
	tool, err := gotool.Find()
	if err != nil {
		return Result{}, err
	}
	aside, err := os.MkdirTemp(filepath.Dir(r.Out), "."+filepath.Base(r.Out)+".*")
	if err != nil {
		return Result{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(aside)) }()
	binary := filepath.Join(aside, "binary")
	if err := r.compile(ctx, tool, binary); err != nil {
		return Result{}, err
	}
	info, err := checkBinary(binary, r.Arch)
	if err != nil {
		return Result{}, err
	}
	if want := r.command(); info.Path != want {
		return Result{}, hint.With(fmt.Errorf("the program is %q, and %q was to be built", info.Path, want), "see what go build says in the service's folder")
	}
	r.Progress("writing the image")
	res, err = r.pack(aside, binary)
	res.Module, res.Go = info.Main.Path, tool.Version
	return res, err
}

// pack writes the layout aside, reads it back as any other image, and puts it
// where it belongs.
func (r Recipe) pack(aside, binary string) (Result, error) {
	layout := filepath.Join(aside, "layout")
	written, err := r.writeLayout(layout, binary)
	if err != nil {
		return Result{}, err
	}
	res, err := r.inspect(layout, binary)
	if err != nil {
		return Result{}, fmt.Errorf("reading the image back: %w", err)
	}
	if res.Digest != written {
		return Result{}, fmt.Errorf("reading the image back: it is %s, %s was written", res.Digest, written)
	}
	return res, replaceLayout(layout, r.Out, filepath.Join(aside, "old"))
}

// inspect reads all of an image, and sees that its program is the binary.
func (r Recipe) inspect(layout, binary string) (Result, error) {
	im, err := Open(layout)
	if err != nil {
		return Result{}, err
	}
	res := Result{Digest: im.Digest(), Size: im.Size(), Layers: im.Layers(), Binary: r.binaryPath()}
	found := false
	err = im.Walk(func(e Entry) error {
		if e.Mode.IsDir() {
			return nil
		}
		res.Files++
		if e.Path != res.Binary {
			return nil
		}
		found = true
		return sameContent(e, binary)
	})
	if err == nil && !found {
		err = fmt.Errorf("there is no %s in it", res.Binary)
	}
	return res, err
}

// command is the import path of the command, by the go.mod nearest above it; ""
// when there is none.
func (r Recipe) command() string {
	dir := filepath.Join(r.Dir, r.mainPath())
	for rel := ""; inside(r.Root, dir); dir = filepath.Dir(dir) {
		if module := modfile.ModulePath(readModFile(filepath.Join(dir, "go.mod"))); module != "" {
			return path.Join(module, rel)
		}
		rel = path.Join(filepath.Base(dir), rel)
	}
	return ""
}

func (r Recipe) binaryPath() string { return path.Join("/app", r.Name) }
