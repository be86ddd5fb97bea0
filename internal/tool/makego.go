package tool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/sluice-ci/sluice/internal/atomicfile"
	"github.com/sluice-ci/sluice/internal/command"
	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/hint"
)

// makeGo fetches the program that the project publishes, by its checksum, and
// builds it where that cannot be had. A file with another checksum ends it:
// whoever gave it is not to be asked for anything else.
func (m maker) makeGo(ctx context.Context) (manifest, error) {
	a, ok := m.Archives[runtime.GOOS+"/"+runtime.GOARCH]
	if !ok || m.Build {
		return m.build(ctx)
	}
	err := m.fetch(ctx, a)
	var wrong *checksumError
	switch {
	case err == nil:
		return manifest{Source: a.URL}, nil
	case errors.As(err, &wrong), ctx.Err() != nil:
		return manifest{}, err
	}
	m.Say(fmt.Sprintf("%s cannot be downloaded (%v): building it from source, which takes some minutes", m.Name, err))
	return m.build(ctx)
}

// goVariables say where modules come from and where they are kept. All of them are
// held to the checksums of NAME.sum.
var goVariables = []string{"GOMODCACHE", "GOCACHE", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GONOPROXY", "GOPRIVATE", "GOINSECURE", "GOAUTH", "GOVCS", "NETRC", "SSH_AUTH_SOCK",
	"GIT_SSH_COMMAND", "GIT_SSH", "GIT_SSH_VARIANT", "GIT_ASKPASS", "GIT_SSL_CAINFO", "GIT_SSL_NO_VERIFY"}

// build builds the tool from its module, in a module that requires it at
// its version and names the checksums of all that it is built from.
func (m maker) build(ctx context.Context) (manifest, error) {
	tc, err := gotool.Find()
	if err != nil {
		return manifest{}, err
	}
	src := filepath.Join(m.work, "src")
	if err := m.module(src); err != nil {
		return manifest{}, err
	}
	b := builder{maker: m, tc: tc, src: src, cache: filepath.Join(m.Dir, "go-build")}
	packages, err := b.packages(ctx)
	if err != nil {
		return manifest{}, err
	}
	m.Say("verifying the modules of " + m.Name)
	if err := b.run(ctx, nil, nil, "mod", "verify"); err != nil {
		return manifest{}, hint.With(err, "go clean -modcache removes what is not as it was downloaded")
	}
	if err := b.compile(ctx, packages); err != nil {
		return manifest{}, err
	}
	return manifest{Source: "built from " + m.Package + "@v" + m.Version + " by " + tc.Version}, atomicfile.RemoveAll(b.cache)
}

// module writes the module that is built in.
func (m maker) module(src string) error {
	if err := os.Mkdir(src, 0o700); err != nil {
		return err
	}
	for _, ending := range []string{"mod", "sum"} {
		text, err := fs.ReadFile(m.lock.files, m.Name+"."+ending)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(src, "go."+ending), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// builder runs the go command. Its build cache is kept until the program is built,
// so that who interrupts it does not begin again.
type builder struct {
	maker
	tc    gotool.Toolchain
	src   string
	cache string
}

func (b builder) run(ctx context.Context, stdout *bytes.Buffer, line func(string), args ...string) error {
	env := append(b.tc.Env(b.Dir, "go-build"), "GOPROXY=https://proxy.golang.org,direct")
	env = append(env, "GOCACHE="+b.cache)
	env = append(env, b.env(goVariables...)...)
	env = append(env, "GOTMPDIR="+b.tmp, "GOWORK=off", "CGO_ENABLED=0", "GOEXPERIMENT="+b.Experiment)
	w := &lines{each: line}
	spec := command.Spec{Path: b.tc.Go, Args: args, Dir: b.src, Env: env, Stderr: w}
	if stdout != nil {
		spec.Stdout = stdout
	}
	return explain(ctx, command.Run(ctx, spec))
}

// explain adds what the user can do about what the go command says most often.
func explain(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return hint.With(err, "install it again: what has been built is kept")
	case strings.Contains(err.Error(), "requires go >="):
		return hint.With(err, "install the Go version that it asks for")
	case strings.Contains(err.Error(), "no space left on device"):
		return hint.With(err, "free some disk space, or set SLUICE_CACHE to a folder on a larger disk")
	}
	return hint.With(err, "see that a module proxy can be reached (GOPROXY), and install it again: what has been built is kept")
}

// packages downloads what the tool is built from and counts its packages.
func (b builder) packages(ctx context.Context) (int, error) {
	b.Say("downloading the modules of " + b.Name)
	n := 0
	var out bytes.Buffer
	err := b.run(ctx, &out, func(line string) {
		if strings.HasPrefix(line, "go: downloading ") {
			if n++; n%20 == 0 {
				b.Say(fmt.Sprintf("downloading the modules of %s: %d", b.Name, n))
			}
		}
	}, "list", "-mod=readonly", "-deps", b.Package)
	return bytes.Count(out.Bytes(), []byte("\n")), err
}

func (b builder) compile(ctx context.Context, packages int) error {
	b.Say(fmt.Sprintf("building %s from %d packages", b.Name, packages))
	n := 0
	return b.run(ctx, nil, func(string) {
		if n++; n%100 == 0 {
			b.Say(fmt.Sprintf("building %s: %d of %d packages", b.Name, n, packages))
		}
	}, "build", "-v", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -X "+b.VersionVariable+"="+b.Version, "-o", filepath.Join(b.dir, "bin", b.Name), b.Package)
}

// lines calls each with every line that is written to it. What is longer than a
// line of a program's is cut.
type lines struct {
	each func(string)
	rest []byte
}

const maxLine = 4096

func (l *lines) Write(p []byte) (int, error) {
	for _, c := range p {
		if c != '\n' {
			if len(l.rest) < maxLine {
				l.rest = append(l.rest, c)
			}
			continue
		}
		if l.each != nil {
			l.each(string(l.rest))
		}
		l.rest = l.rest[:0]
	}
	return len(p), nil
}
