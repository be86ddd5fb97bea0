package image

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/empty"
	ocilayout "github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/sluice-ci/sluice/internal/command"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/sarif"
)

// Dockerfile is an image that is built by a Docker engine with BuildKit, as a
// Dockerfile says. Its instructions are code: the engine runs them in containers
// that reach the network. What comes of them is not a function of the source.
type Dockerfile struct {
	Dir    string // the context, absolute
	File   string // the Dockerfile's name in it
	Root   string // what findings' paths are relative to, absolute
	Socket string // the engine's, absolute
	Out    string // the OCI layout's folder, which must not be there
	Temp   string // a folder for what is as large as the image
	Fresh  bool   // what the engine kept of earlier builds does not count

	Progress func(string)
	Log      io.Writer
}

// DockerfileName is what a Dockerfile is called.
const DockerfileName = "Dockerfile"

// BuildError is a Dockerfile that does not build, with the place of it.
type BuildError struct{ Finding sarif.Finding }

func (e *BuildError) Error() string { return e.Finding.Message }

// dockerfileRule explains findings of BuildKit.
var dockerfileRule = sarif.Rule{
	ID: "dockerfile", Tool: "buildkit", Name: "Dockerfile that does not build",
	Why: "What does not build cannot be tried, scanned or delivered.",
	Fix: "Correct the instruction; the stage's log has all that it printed.",
	URI: "https://docs.docker.com/reference/dockerfile/",
}

// Build has the engine build the image, and writes it to d.Out. An instruction
// that fails is a *BuildError. It returns the version of the engine.
func (d Dockerfile) Build(ctx context.Context) (res Result, err error) {
	engine, err := d.engine(ctx)
	if err != nil {
		return res, err
	}
	name := "sluice-" + strings.ToLower(rand.Text()) + ":build" // of this build only: the image itself may be the user's, too
	if err := d.build(ctx, name); err != nil {
		return res, err
	}
	// Only the name is given back: what it is of stays in the engine's cache.
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		if _, rmErr := d.docker(ctx, "image", "rm", name); rmErr != nil {
			err = errors.Join(err, fmt.Errorf("giving the image's name back: %w", rmErr))
		}
	}()
	d.Progress("writing the image")
	archive := filepath.Join(d.Temp, "image.tar")
	if _, err := d.docker(ctx, "image", "save", "--output", archive, name); err != nil {
		return res, fmt.Errorf("taking the image from the engine: %w", withSpaceHint(err))
	}
	if err := layoutOf(archive, d.Out); err != nil {
		return res, fmt.Errorf("writing the image of %s: %w", d.File, withSpaceHint(err))
	}
	return d.describe(engine)
}

func (d Dockerfile) describe(engine string) (Result, error) {
	im, err := Open(d.Out)
	if err != nil {
		return Result{}, err
	}
	res := Result{Digest: im.Digest(), Size: im.Size(), Layers: im.Layers(), Engine: engine}
	return res, im.Walk(func(e Entry) error {
		if !e.Mode.IsDir() {
			res.Files++
		}
		return nil
	})
}

// engine is the version of the engine, which has to be there.
func (d Dockerfile) engine(ctx context.Context) (string, error) {
	out, err := d.docker(ctx, "version", "--format", "{{.Server.Version}}")
	if err != nil {
		return "", hint.With(fmt.Errorf("a service with a %s is built by a Docker engine: %w", d.File, err), "install Docker and start it, or set DOCKER_HOST to the socket of one (unix://…)")
	}
	return strings.TrimSpace(string(out)), nil
}

// build has the image built, by a name.
func (d Dockerfile) build(ctx context.Context, name string) error {
	args := []string{"build"}
	env := []string{"DOCKER_BUILDKIT=1"} // what docker build used before buildx, and does not without it
	if _, err := d.docker(ctx, "buildx", "version"); err == nil {
		args, env = []string{"buildx", "build", "--load", "--provenance=false"}, nil
	}
	args = append(args, "--progress=plain", "--tag", name, "--file", filepath.Join(d.Dir, d.File))
	if d.Fresh {
		args = append(args, "--no-cache", "--pull")
	}
	steps := &stepWriter{progress: d.Progress}
	spec := d.spec(append(args, "--", d.Dir), env...)
	spec.Stdout, spec.Stderr = d.Log, io.MultiWriter(d.Log, steps)
	if err := command.Run(ctx, spec); err != nil {
		return d.diagnose(steps.said.String(), err)
	}
	return nil
}

// docker runs the engine's client.
func (d Dockerfile) docker(ctx context.Context, args ...string) ([]byte, error) {
	return command.Output(ctx, d.spec(args))
}

// spec is a call of the client, which gets no configuration of the user's: there
// are credentials in it.
func (d Dockerfile) spec(args []string, env ...string) command.Spec {
	env = append(env, "PATH="+os.Getenv("PATH"), "HOME="+d.Temp, "DOCKER_CONFIG="+filepath.Join(d.Temp, "config"), "DOCKER_HOST=unix://"+d.Socket, "TMPDIR="+d.Temp)
	return command.Spec{Path: "docker", Args: args, Dir: "/", Env: env, MaxOutput: maxBuildOutput}
}

// maxBuildOutput bounds what a build prints, bytes.
const maxBuildOutput = 64 << 20

// stepWriter takes what BuildKit prints, tells which step it is at, and keeps the end.
type stepWriter struct {
	progress func(string)
	partial  []byte
	said     bytes.Buffer
}

// step is the line by which BuildKit begins one: "#7 [2/5] RUN pip install".
var step = regexp.MustCompile(`^#\d+ (\[[^\]]*\d+/\d+\] .*)`)

func (w *stepWriter) Write(p []byte) (int, error) {
	if over := w.said.Len() + len(p) - maxFailures; over > 0 {
		w.said.Next(over)
	}
	w.said.Write(p)
	w.partial = append(w.partial, p...)
	for {
		line, rest, whole := bytes.Cut(w.partial, []byte("\n"))
		if !whole && len(w.partial) < maxLine {
			return len(p), nil
		}
		if m := step.FindSubmatch(line); m != nil {
			w.progress(clip(string(m[1]), 60))
		}
		w.partial = rest
	}
}

func clip(s string, n int) string { return strings.ToValidUTF8(s[:min(len(s), n)], "") }

// How BuildKit says what failed: a step (" > [2/3] RUN false:"), or a line that
// cannot be parsed.
var (
	failedStep = regexp.MustCompile(`(?m)^ > \[[^\]]*\d+/\d+\] (.*):$`)
	badLine    = regexp.MustCompile(`(?:dockerfile parse error (?:on )?line |Dockerfile:)(\d+)(?:[^\n]*: ?([^\n]*))?`)
)

// away is what steps say when it is not the Dockerfile's fault.
var away = regexp.MustCompile(`(?i)temporary failure|could not resolve|name or service not known|connection (timed out|refused|reset)|network is unreachable|no space left`)

// diagnose makes a finding of a build that failed, where it is the Dockerfile's fault.
func (d Dockerfile) diagnose(said string, err error) error {
	var exit *command.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	if away.MatchString(said) {
		return hint.With(fmt.Errorf("building the image, a step could not reach what it needs: %w", err), "run again when the network and the disk are there; see the stage's log")
	}
	f := sarif.Finding{Rule: dockerfileRule.ID, Tool: dockerfileRule.Tool, Stage: stage, Severity: sarif.High}
	if m := failedStep.FindStringSubmatch(said); m != nil {
		f.Message, f.Identity = "the step fails: "+clip(m[1], maxMessage), m[1]
		f.Location.Line = d.lineOf(m[1])
	} else if m := badLine.FindStringSubmatch(said); m != nil {
		f.Location.Line, _ = strconv.Atoi(m[1]) // digits only
		f.Message = clip(lastLine(said), maxMessage)
		f.Identity = f.Message
	} else {
		return hint.With(fmt.Errorf("building the image: %w", err), "see the stage's log")
	}
	at, relErr := filepath.Rel(d.Root, filepath.Join(d.Dir, d.File))
	f.Location.Path = filepath.ToSlash(at)
	return errors.Join(relErr, &BuildError{f})
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}

// lineOf is the line of an instruction as BuildKit prints it, with its lines
// joined; 0 when there is none like it.
func (d Dockerfile) lineOf(instruction string) int {
	text, err := os.ReadFile(filepath.Join(d.Dir, d.File))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(instruction, "  ") // where lines were joined
	for n, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(line), "\\"))
		if line != "" && strings.HasPrefix(first, line) {
			return n + 1
		}
	}
	return 0
}

// layoutOf writes the one image of an archive as docker save makes it to an OCI
// layout.
func layoutOf(archive, dir string) error {
	im, err := tarball.ImageFromPath(archive, nil)
	if err != nil {
		return err
	}
	im = mutate.ConfigMediaType(mutate.MediaType(im, types.OCIManifestSchema1), types.OCIConfigJSON)
	path, err := ocilayout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	if err := path.AppendImage(im); err != nil {
		return err
	}
	return settle(dir)
}

// socketOf is the engine's, as the user's environment names it.
func socketOf(host string) (string, error) {
	path, ok := strings.CutPrefix(host, "unix://")
	switch {
	case host == "":
		return "/var/run/docker.sock", nil
	case !ok || !filepath.IsAbs(path):
		return "", hint.With(fmt.Errorf("DOCKER_HOST is %q", host), "set it to the socket of an engine on this machine: unix:///var/run/docker.sock")
	}
	return path, nil
}

// HasDockerfile tells whether the image of a service that is no Go module is
// built by a Dockerfile in its folder.
func HasDockerfile(dir string) bool {
	info, err := os.Lstat(filepath.Join(dir, DockerfileName))
	return err == nil && info.Mode().IsRegular() && runtime.GOOS == "linux"
}
