package gotest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/sluice-ci/sluice/internal/command"
	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
	"github.com/sluice-ci/sluice/internal/scan/gotest/testexec"
	"github.com/sluice-ci/sluice/internal/testdb"
)

// limits bound what tests can make this process do.
type limits struct {
	stream int64         // bytes that go test -json may print
	output int64         // bytes that tests may print; the go command holds them in memory
	kept   int           // bytes of output that are kept
	tests  int           // tests and subtests
	all    time.Duration // of all packages together
}

func (p params) limits() limits {
	return limits{stream: 1 << 30, output: 256 << 20, kept: 64 << 20, tests: 200_000, all: p.all()}
}

var (
	errTooMuch = errors.New("the tests print too much")
	errTooLong = errors.New("the tests take too long")
)

// runner does one job.
type runner struct {
	pipeline.Task
	params params
	tc     gotool.Toolchain
	race   race
	limits limits
	more   []string // environment, besides the go command's
	exec   string   // what starts test programs, for go test -exec
	// settings are for what starts them.
	settings testexec.Settings
	env      []string
	notes    []string
	proofs   scan.Proofs
}

func (r *runner) run(ctx context.Context) (_ pipeline.Report, err error) {
	tmp, err := r.ownTemp()
	if err != nil {
		return pipeline.Report{}, err
	}
	defer tmp.clean(r.Log)
	r.env = slices.Concat(r.tc.Env(r.params.CacheDir, gotool.TestZone), []string{"GOTMPDIR=" + cmp.Or(r.Scratch, os.TempDir())}, r.more)
	if err := r.confine(tmp.dir); err != nil {
		return pipeline.Report{}, err
	}
	if !r.race.on {
		r.notes = append(r.notes, "without the race detector: "+r.race.why)
	}
	if len(r.params.Services) > 0 {
		r.Progress("starting " + testdb.MySQL)
	}
	reached, stop, err := testdb.Start(ctx, r.params.Services, filepath.Join(os.TempDir(), testdb.MySQL), r.Log)
	if err != nil {
		return pipeline.Report{}, err
	}
	maps.Copy(r.settings.Env, reached)
	defer func() { err = errors.Join(err, stop()) }()
	o, err := r.test(ctx)
	if err == nil && o.results.builds["runtime/cgo"] != nil {
		r.notes = append(r.notes, "without the race detector and cgo: the C compiler does not work: "+firstLines(o.results.builds["runtime/cgo"].String(), 3))
		r.race.on, r.env = false, append(r.env, "CGO_ENABLED=0")
		o, err = r.test(ctx)
	}
	if err != nil {
		return pipeline.Report{}, err
	}
	report, err := r.report(o)
	if err != nil || report.NotApplicable != "" {
		return report, err
	}
	return r.prove(ctx, report, tmp.dir)
}

// outcome is all that is known after the tests have run.
type outcome struct {
	listing listing
	results *results
	ended   error // nil, errTooMuch, errTooLong or an *command.ExitError
}

func (r *runner) test(ctx context.Context) (outcome, error) {
	r.Progress("looking for tests")
	list, err := r.list(ctx)
	if err != nil {
		return outcome{}, err
	}
	o := outcome{listing: list, results: newResults(r.limits)}
	if !list.any() {
		return o, nil
	}
	r.Progress("compiling the tests")
	o.ended = r.goTest(ctx, o)
	if context.Cause(ctx) != nil {
		return o, context.Cause(ctx)
	}
	if o.results.diskFull() {
		return o, hint.With(errors.New("compiling the tests: no space left on device"), "free some disk space, or set SLUICE_CACHE and TMPDIR to folders on a larger disk")
	}
	var exit *command.ExitError
	known := o.ended == nil || errors.Is(o.ended, errTooMuch) || errors.Is(o.ended, errTooLong) || errors.As(o.ended, &exit) && len(o.results.order) > 0
	if !known {
		return o, fmt.Errorf("running the tests: %w", o.ended)
	}
	return o, nil
}

// goTest runs go test and reads what it says.
func (r *runner) goTest(ctx context.Context, o outcome) error {
	ctx, cancel := context.WithTimeoutCause(ctx, r.limits.all, errTooLong)
	defer cancel()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	args := []string{"test", "-exec=" + r.exec, "-json", "-vet=off", "-timeout=" + r.params.Limit.String(), "-covermode=atomic", "-coverprofile=" + r.profile()}
	in := &stream{line: func(line []byte) {
		if err := r.take(o, line); err != nil {
			stop(err)
		}
	}}
	err := command.Run(ctx, command.Spec{
		Path: r.tc.Go, Args: append(append(args, r.flags()...), "./..."), Dir: r.Dir, Env: r.environ(),
		Stdout: in, Stderr: r.Log, MaxOutput: r.limits.stream,
	})
	in.close()
	if errors.Is(err, command.ErrTooMuchOutput) {
		return errTooMuch
	}
	return err
}

func (r *runner) flags() []string {
	if r.race.on {
		return []string{"-race"}
	}
	return nil
}

func (r *runner) profile() string { return filepath.Join(r.Out, "coverage.out") }
