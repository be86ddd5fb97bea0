package trivy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/command"
	"github.com/sluice-ci/sluice/internal/pipeline"
)

// program is Trivy as a worker runs it.
type program struct {
	path string
	env  []string
	dir  string // of the worker's own: Trivy's cache, and where it looks for settings
	log  io.Writer
}

// maxReport bounds a report, bytes; maxLog what Trivy says besides.
const (
	maxReport = 256 << 20
	maxLog    = 16 << 20
)

// run has Trivy look at something, and reads its report. What it says of having
// failed at something in particular is given too: it goes on then, and its
// report and its exit status say nothing of it.
func (p program) run(ctx context.Context, each func(result) error, args ...string) (failures []string, err error) {
	work := filepath.Join(p.dir, "empty") // settings are looked for here: trivy.yaml, .trivyignore
	if err := os.MkdirAll(work, 0o700); err != nil {
		return nil, err
	}
	report := filepath.Join(p.dir, "report.json")
	out, err := os.Create(report)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, out.Close(), os.Remove(report)) }()
	var log bytes.Buffer
	// No PATH: it has nothing to start. And no way out, where the kernel does not see to that.
	env := append([]string{"HOME=" + work, "TMPDIR=" + os.TempDir(), "LC_ALL=C", "NO_COLOR=1", "HTTP_PROXY=" + nowhere, "HTTPS_PROXY=" + nowhere}, p.env...)
	if err := p.start(ctx, work, out, io.MultiWriter(p.log, &limited{&log}), env, slices.Concat(args[:1], p.always(), args[1:])...); err != nil {
		return nil, err
	}
	if _, err := out.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return failuresIn(log.String()), readReport(out, each)
}

// nowhere is a proxy that is not there.
const nowhere = "http://127.0.0.1:1"

// start runs Trivy in a folder of the worker's own.
func (p program) start(ctx context.Context, dir string, out, log io.Writer, env []string, args ...string) error {
	return said(command.Run(ctx, command.Spec{Path: p.path, Dir: dir, MaxOutput: maxReport, Stdout: out, Stderr: log, Args: args, Env: env}))
}

// always are flags of every run: nothing is fetched, told or remembered.
func (p program) always() []string {
	return []string{
		"--format", "json", "--exit-code", "0", "--severity", "UNKNOWN,LOW,MEDIUM,HIGH,CRITICAL",
		"--cache-dir", filepath.Join(p.dir, "cache"), "--cache-backend", "memory", "--disable-telemetry", "--skip-version-check",
		"--timeout", fmt.Sprintf("%ds", int(pipeline.DefaultLimit.Seconds())),
	}
}

// fatal is what Trivy last said before it gave up.
var fatal = regexp.MustCompile(`(?m)\tFATAL\t(.*)$`)

// said is the error of a run, in the words of Trivy's own reason.
func said(err error) error {
	var exit *command.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	if m := fatal.FindStringSubmatch(exit.Stderr); m != nil {
		return fmt.Errorf("%s: %s: %s", exit.Program, exit.State, clean(m[1], maxReason))
	}
	return fmt.Errorf("%s: %s: %s", exit.Program, exit.State, clean(exit.Stderr, maxReason))
}

// limited keeps the beginning of what is written to it.
type limited struct{ b *bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	l.b.Write(p[:min(len(p), max(0, maxLog-l.b.Len()))])
	return len(p), nil
}

// failed is a line of Trivy's log about something that went wrong, about variables
// of Terraform's that have no value, or about a Helm chart that it passes over.
var failed = regexp.MustCompile(`^\S+\t(?:ERROR\t(.*)|WARN\t(.* (?:Variable values were not found|Skipping chart)\s.*))$`)

// failuresIn are the errors in a log, each in a line. That there are no newer
// rules than those that Trivy carries is as it should be.
func failuresIn(log string) (all []string) {
	for line := range strings.Lines(log) {
		m := failed.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if m == nil || strings.Contains(m[1], "Falling back to embedded checks") {
			continue
		}
		all = append(all, clean(m[1]+m[2], maxReason))
	}
	slices.Sort(all)
	return slices.Compact(all)
}
