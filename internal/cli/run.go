package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/internal/cache"
	"github.com/sluice-ci/sluice/internal/deploy"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/mask"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/report"
	"github.com/sluice-ci/sluice/internal/sandbox"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
	"github.com/sluice-ci/sluice/internal/verdict"
)

// selection is which stages are run, and how.
type selection struct {
	until   string
	only    []string
	without []string
	strict  bool
	noCache bool
	// unconfined says that code of the repository may be run where the kernel
	// does not confine it.
	unconfined bool
	sudo       bool // sudo may help to confine
	out        string
	// since names what to compare with; approved says that an owner has
	// approved the policy of the change.
	since    string
	approved bool
	released string // the folder whose last release is compared with
}

func (s *selection) flags(c *cobra.Command) {
	c.Flags().StringVar(&s.until, "until", "", "stop after this `stage`")
	c.Flags().StringSliceVar(&s.only, "only", nil, "run these `stages`, and what they need")
	c.Flags().StringSliceVar(&s.without, "without", nil, "leave these `stages` out")
}

func (a *app) runCommand() *cobra.Command {
	var s selection
	c := &cobra.Command{
		Use:   "run [DIR]",
		Short: "Run every stage: check, build, deploy on this machine, verify",
		Long: `Run takes the service in DIR (by default this folder) through every stage, and
leaves it serving on this machine when every gate lets it through.

With --since REF the policy of REF decides, and in lint, sast, deps, licenses and
workflow only what is new since HEAD left REF fails the run. A change cannot
loosen the gates that judge it: its own policy counts once it is merged, or when
--approved-policy says that an owner has approved it. --released FOLDER compares
with the commit of the last release in FOLDER, by the policy of HEAD.

Exit status: 0 passed; 1 a gate failed, whatever else could not run; 2 the
command or a file is wrong; 3 something could not run.`,
		Example: `  sluice run
  sluice run --until image-scan
  sluice run --only lint,test --json
  sluice run --until image-scan --without test
  sluice run --strict --since origin/main`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if s.strict && !c.Flags().Changed("allow-unconfined") {
				s.unconfined = false
			}
			if s.sudo {
				if err := a.throughSudo(c.Context()); err != nil {
					return err
				}
			}
			return a.run(c.Context(), dirOf(args), s)
		},
	}
	s.flags(c)
	c.Flags().BoolVar(&s.strict, "strict", a.isCI(), "let no gate open for what could not be run or proved (by default when CI=true)")
	c.Flags().BoolVar(&s.unconfined, "allow-unconfined", !a.isCI(), "run code of the repository also where this kernel cannot confine it (by default, but not when CI=true or --strict is given)")
	c.Flags().BoolVar(&s.sudo, "sudo", false, "have sudo grant the namespaces that this kernel keeps from ordinary users, as on GitHub's Ubuntu runners; no stage gets sudo")
	c.Flags().BoolVar(&s.noCache, "no-cache", false, "do everything again")
	c.Flags().StringVar(&s.since, "since", a.mergeTarget(), "hold HEAD to the policy of this `reference`, and to what is new since it left it")
	c.Flags().StringVar(&s.released, "released", "", "hold HEAD to what is new since the last release in this `folder` (of sluice release --to)")
	c.Flags().BoolVar(&s.approved, "approved-policy", false, "an owner has approved this change's gates, exceptions and baseline: they decide")
	c.Flags().StringVar(&s.out, "out", "", "hand the image and the reports over in this new `folder`")
	return c
}

// run is "sluice run".
func (a *app) run(ctx context.Context, dir string, s selection) error {
	r, err := a.newRun(ctx, dir, s)
	if err != nil {
		return err
	}
	return r.doAndClean(ctx)
}

func (r *oneRun) doAndClean(ctx context.Context) error {
	defer func() {
		if err := r.base.remove(); err != nil {
			fmt.Fprintln(r.Stderr, "sluice: removing the base commit's files:", err)
		}
	}()
	defer r.abandon()
	return r.do(ctx)
}

// settle has what the runners left come to where it stays, without what no
// output may show.
func (r *oneRun) settle(m mask.Masker) (err error) {
	for _, done := range r.unsettled {
		err = errors.Join(err, done.Settle(m))
	}
	r.unsettled = nil
	return err
}

// abandon removes what was not settled, because the run broke off.
func (r *oneRun) abandon() {
	for _, done := range r.unsettled {
		if err := done.Abandon(); err != nil {
			fmt.Fprintln(r.Stderr, "sluice: removing the work folder:", err)
		}
	}
}

// do runs the chosen stages and tells what came of them.
func (r *oneRun) do(ctx context.Context) error {
	if err := r.compareWithBase(ctx); err != nil {
		return err
	}
	runner := r.runner(r.project, r.chosen, "logs")
	runner.Collect = r.collect
	done, err := r.show(ctx, runner)
	r.unsettled = append(r.unsettled, done)
	return r.conclude(ctx, done, err)
}

// show runs jobs and shows them while they go on.
func (r *oneRun) show(ctx context.Context, runner *pipeline.Runner) (pipeline.Done, error) {
	runner.Emit = r.watch()
	runner.Emit(pipeline.Event{Kind: pipeline.RunStarted, Plan: describe(runner.Jobs), Run: &r.record})
	done, err := runner.Run(ctx)
	runner.Emit(pipeline.Event{Kind: pipeline.RunFinished, At: done.Wall, Run: &r.record})
	return done, err
}

// oneRun is a run under way.
type oneRun struct {
	*app
	*project
	selection
	chosen []pipeline.Job
	store  *cache.Store
	folder pipeline.Folder
	record pipeline.Record
	git    func() gitState
	base   *base // nil: it is compared with nothing
	// loosened is what this change's policy lets through that the base's does not.
	loosened []scan.Loosening

	results   []pipeline.Result // with their reports, once it is over
	secrets   map[string]string // the values of the declared ones, by environment variable
	unsettled []pipeline.Done   // of the base and of the change: what they left is in their work folders
	handed    string            // the digest of what was handed over; "" when nothing was
}

// newRun plans a run and begins its record.
func (a *app) newRun(ctx context.Context, dir string, s selection) (*oneRun, error) {
	p, err := a.open(dir)
	if err != nil {
		return nil, err
	}
	if err := checkOut(s.out); err != nil {
		return nil, err
	}
	p.Service.Providers = s.out == ""
	store, err := cache.Open(p.cache)
	if err != nil {
		return nil, err
	}
	rel, err := filepath.Rel(p.Service.Root, p.Service.Dir)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	r := &oneRun{app: a, project: p, selection: s, store: store, git: readGit(ctx, p.Service)}
	r.record = pipeline.Record{Schema: 1, Sluice: p.Service.Version, Service: p.Service.Name, Root: p.Service.Root, Dir: filepath.ToSlash(rel),
		Strict: s.strict, State: pipeline.Running, Started: now.UTC()}
	if err := r.against(ctx); err != nil {
		return nil, errors.Join(err, r.base.remove())
	}
	var notes []string
	r.secrets, notes = a.declared(r.Service.Name, r.Service.Options.Secrets)
	r.record.Notes = append(r.record.Notes, notes...)
	if r.folder, r.record.ID, err = pipeline.NewFolder(p.Service.Root, now); err != nil {
		return nil, err
	}
	fmt.Fprintf(a.progress(), "sluice %s: %s in %s\n\n", version(), p.Service.Name, p.Service.Dir)
	return r, r.folder.Save(r.record)
}

// against settles what the run compares with, and so what decides.
func (r *oneRun) against(ctx context.Context) (err error) {
	if r.released != "" {
		if err := r.sinceRelease(); err != nil {
			return err
		}
	}
	if r.since != "" {
		if r.base, err = r.findBase(ctx, r.project, r.since); err != nil {
			return err
		}
		r.record.Base = r.base.commit
		if git := r.git(); r.strict && !git.dirty && git.commit == r.base.tip {
			return usage(hint.With(errors.New("--since names a commit that has all of HEAD: there is nothing to compare"), "name the branch that the change is to be merged into, or the commit before it"))
		}
	}
	if err := r.govern(); err != nil {
		return err
	}
	return r.plan()
}

// plan plans the service as it is described now, and chooses what is run of it.
func (r *oneRun) plan() (err error) {
	if err := r.project.plan(); err != nil {
		return err
	}
	if r.chosen, err = choose(r.jobs, r.selection); err != nil || r.base == nil {
		return err
	}
	stages := []string{policyJob} // what a change takes away is looked at whatever else is
	for _, job := range r.chosen {
		stages = append(stages, job.Stages...)
	}
	r.chosen, err = pipeline.Select(r.jobs, stages)
	return err
}

// progress is where the run is shown while it goes on: standard error when
// standard output is for the result.
func (a *app) progress() io.Writer {
	if a.json {
		return a.Stderr
	}
	return a.Stdout
}

// watch shows jobs while they go on.
func (a *app) watch() pipeline.Handler {
	w := a.progress()
	if a.terminal(w) {
		live := &report.Live{Style: report.Style{Colour: a.colour(w)}, W: w, Width: a.width}
		return live.Handle
	}
	plain := &report.Plain{W: w}
	return plain.Handle
}

// runner runs jobs of a project, and logs below the run's folder.
func (r *oneRun) runner(p *project, jobs []pipeline.Job, logs string) *pipeline.Runner {
	processes := pipeline.Processes{Exe: r.exe, Args: []string{stageName}, Env: r.stageEnv, Confine: true, Logs: filepath.Join(r.folder.Dir, logs)}
	least := sandbox.None
	if !r.unconfined {
		least = sandbox.Partial
	}
	return &pipeline.Runner{
		Jobs: jobs, Root: p.Service.Root, Top: p.Service.GitTop, Dir: p.Service.Dir, Store: r.store, Hasher: p.hasher,
		Launch: processes.Launch, Judge: verdict.Judge(r.Policy, r.strict, r.record.Started), CacheFor: r.cacheFor,
		Strict: r.strict, NoCache: r.noCache, Least: least, Logs: processes.Logs, Secrets: r.secrets,
	}
}

// conclude writes down what came of the run and tells it.
func (r *oneRun) conclude(ctx context.Context, done pipeline.Done, runErr error) error {
	masker := mask.New(done.Secrets)
	r.discard(done.Results)
	settleErr := r.settle(masker)
	done.Results = maskResults(done.Results, masker)
	r.complete(ctx, done)
	r.record = mask.Value(masker, r.record)
	findings, blocking, rules := collectFindings(done.Results)
	r.record.Notes = append(r.record.Notes, r.unusedExceptions(findings)...)
	log := sarif.Log{Version: version(), Automated: "sluice/" + r.record.Service + "/", Findings: append(slices.Clip(findings), switchedOff(done.Results)...), Rules: rules, Tools: toolsOf(done.Results), NotRun: notRunOf(r.record.Results)}
	err := errors.Join(runErr, settleErr, r.writeSARIF(log), r.writeVerdict(done.Results, masker), r.folder.Finish(r.record))
	if err == nil {
		err = r.handOver(done.Results)
	}
	sum := report.Summary{Record: r.record, Blocking: blocking, Rules: rules, Folder: shorten(r.folder.Dir), Serving: serving(done.Results)}
	r.results = done.Results
	r.tell(sum, findings)
	if err != nil {
		return err
	}
	if err := pipeline.Prune(r.Service.Root); err != nil {
		return err
	}
	if err := r.store.Trim(maxCache); err != nil {
		return err
	}
	return told(r.status())
}

// unusedExceptions tells which exceptions are about nothing, once every stage
// has looked.
func (r *oneRun) unusedExceptions(findings []sarif.Finding) (notes []string) {
	if r.until != "" || len(r.only)+len(r.without) > 0 || len(notRunOf(r.record.Results)) > 0 {
		return nil
	}
	for _, x := range r.Policy.Exceptions.Unused(findings) {
		notes = append(notes, fmt.Sprintf("the exception for %s (%s) is about nothing that was found: remove it from sluice.yaml", x.ID, x.Owner))
	}
	return notes
}

// maxCache bounds the cached results, bytes.
const maxCache = 4 << 30

// complete fills in the record.
func (r *oneRun) complete(ctx context.Context, done pipeline.Done) {
	git := r.git()
	r.record.Commit, r.record.Dirty = git.commit, git.dirty
	r.record.State = pipeline.Finished
	if ctx.Err() != nil {
		r.record.State = pipeline.Interrupted
	}
	r.record.Results = done.Results
	r.record.Outcome = pipeline.Conclude(done.Results)
	r.record.Wall, r.record.Chain, r.record.CriticalPath = done.Wall, done.Chain, done.CriticalPath
}

func (r *oneRun) status() int { return statusOf(r.record.Outcome) }

// statusOf is the exit status for an outcome.
func statusOf(o pipeline.Outcome) int {
	switch o {
	case pipeline.Passed:
		return ExitPassed
	case pipeline.Failed:
		return ExitFailed
	default:
		return ExitMissing
	}
}

// tell prints the end of the run.
func (r *oneRun) tell(sum report.Summary, findings []sarif.Finding) {
	if r.json {
		if findings == nil {
			findings = []sarif.Finding{}
		}
		doc := struct {
			pipeline.Record
			Folder   string          `json:"folder"`
			URL      string          `json:"url,omitempty"`
			Digest   string          `json:"digest,omitempty"`   // of the image
			Handover string          `json:"handover,omitempty"` // the digest of handover.json
			Findings []sarif.Finding `json:"findings"`
			Blocking int             `json:"blocking"`
		}{r.record, r.folder.Dir, sum.Serving, digestOf(r.results), r.handed, findings, len(sum.Blocking)}
		_ = r.printJSON(doc) // nobody is there to be told that nobody listens
		return
	}
	if r.record.Dirty {
		sum.Hints = append(sum.Hints, "the work tree has changes that are not in commit "+r.record.Commit[:min(12, len(r.record.Commit))])
	}
	r.style.Write(r.Stdout, sum)
	if r.handed != "" {
		fmt.Fprintln(r.Stdout, "\nhanded over:", r.handed)
	}
}

// discard takes a revision away that was deployed but may get no traffic.
func (r *oneRun) discard(results []pipeline.Result) {
	outcome := map[string]pipeline.Outcome{}
	values := map[string]string{}
	for _, res := range results {
		outcome[res.Job] = res.Outcome
		if res.Job == deployJob {
			values = res.Report.Values
		}
	}
	if outcome[deployJob] != pipeline.Passed || outcome[rolloutJob] == pipeline.Passed {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second) // also when the run was interrupted
	defer cancel()
	if err := (deploy.Deploy{}).Discard(ctx, r.Service, values[deploy.RevisionValue]); err != nil {
		fmt.Fprintln(r.Stderr, "sluice: taking the new revision away:", err)
	}
}

// digestOf is the digest of the image that was built.
func digestOf(results []pipeline.Result) string {
	for _, res := range results {
		if res.Job == buildJob {
			return res.Report.Values["digest"]
		}
	}
	return ""
}

// serving is where the service answers after the run.
func serving(results []pipeline.Result) string {
	i := slices.IndexFunc(results, func(res pipeline.Result) bool {
		return res.Job == rolloutJob && res.Outcome == pipeline.Passed
	})
	if i < 0 {
		return ""
	}
	return results[i].Report.Values["url"]
}
