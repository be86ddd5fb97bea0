package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/sluice-ci/sluice/internal/command"
	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/sarif"
)

// CompileError is code that does not compile. It is a finding, not a failure
// of the build.
type CompileError struct {
	Findings []sarif.Finding // at least one; of the stage "build"
	Go       string          // the toolchain's version
}

func (e *CompileError) Error() string {
	first := e.Findings[0]
	msg := fmt.Sprintf("%v: %s", first.Location, first.Message)
	if more := len(e.Findings) - 1; more > 0 {
		msg += fmt.Sprintf(" (and %d more)", more)
	}
	return msg
}

// buildFlags are those of go build. Symbols are kept, only debugging data is
// left out, so that a scanner of the binary can tell which functions are in it.
var buildFlags = []string{"-trimpath", "-buildvcs=false", "-tags=" + gotool.ImageTag, "-ldflags=-w"}

// buildSettings fix, in the environment, what else changes the program's bytes.
func buildSettings(arch string) []string {
	return []string{"GOFLAGS=", "CGO_ENABLED=0", "GOOS=linux", "GOARCH=" + arch, "GOAMD64=v1", "GOARM64=v8.0", "GOFIPS140=off"}
}

// compile builds the command to a file.
func (r Recipe) compile(ctx context.Context, tool gotool.Toolchain, binary string) error {
	r.Progress("compiling")
	env := append(tool.Env(r.Cache, gotool.CheckZone), buildSettings(r.Arch)...)
	env = append(env, "GOWORK="+goWork(r.Root, r.Dir))
	args := append([]string{"build", "-json", "-v", "-o", binary}, buildFlags...)
	events := &eventWriter{progress: r.Progress, log: r.Log}
	err := tool.Run(ctx, r.Dir, env, events, r.Log, append(args, "./"+r.mainPath())...)
	var exit *command.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	failures := append(events.failures(), failure{text: exit.Stderr})
	if remedy := notTheCode(failures); remedy != "" {
		return hint.With(fmt.Errorf("%w: %s", err, clean(failures[0].text)), remedy)
	}
	d := newDiagnosis(r, tool)
	for _, f := range events.failures() {
		d.add(f)
	}
	if len(d.findings) == 0 {
		return err
	}
	return &CompileError{Findings: d.findings, Go: tool.Version}
}

// elsewhere is what the go command says when the fault is not in the code.
var elsewhere = []struct{ says, remedy string }{
	{"module lookup disabled by GOPROXY=off", "run go mod tidy, and see that the modules stage can reach a module proxy"},
	{"no space left on device", "free some disk space, or set SLUICE_CACHE to a folder on a larger disk"},
	{"directory not found", "name the folder of the command to build, relative to the service's folder"},
	{"no Go files in", "name the folder of the command to build, relative to the service's folder"},
	{"flag provided but not defined: -json", "install Go 1.24 or later"},
}

func notTheCode(failures []failure) (remedy string) {
	for _, f := range failures {
		for _, e := range elsewhere {
			if strings.Contains(f.text, e.says) {
				return e.remedy
			}
		}
	}
	return ""
}

// goWork is the go.work nearest above the service, or "off". One outside the
// repository does not count: it is not part of what is delivered.
func goWork(root, dir string) string {
	for {
		name := filepath.Join(dir, "go.work")
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
			return name
		}
		parent := filepath.Dir(dir)
		if dir == root || parent == dir {
			return "off"
		}
		dir = parent
	}
}
