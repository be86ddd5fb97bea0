package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"time"

	"github.com/sluice-ci/sluice/internal/cache"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/mask"
	"github.com/sluice-ci/sluice/internal/sandbox"
)

// Launcher does a job, in a process of its own. The context ends it. It calls
// progress with what is being done.
type Launcher func(ctx context.Context, t Task, progress func(string)) (Answer, error)

// Runner runs jobs. All fields but the last group are required.
type Runner struct {
	Jobs   []Job
	Root   string // the repository's root, absolute
	Top    string // the top of the work tree that Root is in; "" is Root
	Dir    string // the service's folder, absolute
	Store  *cache.Store
	Hasher *cache.Hasher
	Launch Launcher
	Judge  Judge
	// CacheFor is the folder in which a job's worker keeps what it wants to
	// find again in later runs.
	CacheFor func(job string) string

	// Collect, when set, is told where a job's outputs are, while they are
	// there, and what must not be shown of them; after Settle only the cached
	// ones stay.
	Collect func(job, dir string, m mask.Masker) error
	// Logs is the folder that the jobs' logs come to, masked, by Settle.
	Logs string
	// Secrets are the values of the declared secrets, by the names that
	// Access.Secrets has.
	Secrets map[string]string

	Strict bool // gates stay shut for what was not run
	// Least is how strictly files and network must be confined where code of
	// the repository is run; otherwise it is not, and what it said when it was
	// confined less does not count.
	Least   sandbox.Level
	NoCache bool // do everything again
	// CPUs is the number of CPUs to use; 0 is the machine's. Twice as many jobs
	// compute at once, since each waits for the disk now and then; those that are
	// not on the longest path take a lower priority.
	CPUs int
	Emit Handler
}

// Done is what came of a run. Settle must be called.
type Done struct {
	Results      []Result      // in the order of the jobs and their stages, one a stage
	Secrets      []string      // texts that no output may show
	CriticalPath []string      // the jobs that the wall time consists of, the first one first
	Chain        time.Duration // what those took
	Wall         time.Duration

	session *session
}

// Run runs the jobs to their end, or until ctx is cancelled. The error is of
// the plan or the machine: what a job came to is in the results.
func (r *Runner) Run(ctx context.Context) (Done, error) {
	g, err := newGraph(r.Jobs)
	if err != nil {
		return Done{}, fmt.Errorf("planning: %w", err)
	}
	work, err := r.Store.Work()
	if err != nil {
		return Done{}, err
	}
	s := newSession(ctx, r, g, work)
	s.loop()
	d := Done{Results: s.ordered(), Secrets: s.secrets, CriticalPath: s.criticalPath(), Wall: time.Since(s.start), session: s}
	for _, name := range d.CriticalPath {
		d.Chain += s.ended[name].elapsed
	}
	return d, nil
}

// session is the state of one run. Only the goroutine of loop touches it, but
// for the fields that are said to be shared.
type session struct {
	*Runner
	g     *graph
	ctx   context.Context
	work  *cache.Work
	trees *snapshot // shared
	start time.Time

	started map[string]bool
	ended   map[string]*ended
	queue   []*lookup // not in the cache, waiting for a CPU
	busy    int       // CPUs taken
	doing   int       // goroutines under way
	parts   map[part]Result
	secrets []string
	teller  *teller

	looked   chan *lookup
	done     chan *ended
	progress chan Event
}

// lookup is a job whose key is known.
type lookup struct {
	job   *Job
	key   cache.Key
	parts []cache.Part // of key
	found *ended       // the cached answer; nil when there is none
}

// ended is a job and what came of it.
type ended struct {
	job     *Job
	key     cache.Key
	parts   []cache.Part // of key
	answer  Answer
	out     cache.Outputs
	fresh   bool   // the cache may get it
	digest  string // of what later jobs may read of it
	cached  bool
	started time.Duration
	elapsed time.Duration
	cost    time.Duration
	passed  bool // or not applicable, all its stages
	failed  bool // one of its stages
	used    bool // it held a CPU
}

func newSession(ctx context.Context, r *Runner, g *graph, work *cache.Work) *session {
	n := len(g.order)
	secrets := slices.Sorted(maps.Values(r.Secrets))
	return &session{Runner: r, g: g, ctx: ctx, work: work, trees: newSnapshot(r.Hasher), start: time.Now(), secrets: secrets, teller: newTeller(r.Emit, r.Jobs, secrets),
		started: map[string]bool{}, ended: map[string]*ended{}, parts: map[part]Result{},
		looked: make(chan *lookup, n), done: make(chan *ended, n), progress: make(chan Event, 64)}
}

func (s *session) loop() {
	for len(s.ended) < len(s.g.order) {
		s.open()
		s.launchQueued()
		if len(s.ended) == len(s.g.order) {
			return
		}
		select {
		case l := <-s.looked:
			s.doing--
			if l.found != nil {
				s.finish(l.found)
			} else {
				s.queue = append(s.queue, l)
			}
		case e := <-s.done:
			s.doing--
			s.finish(e)
		case ev := <-s.progress:
			s.emit(ev)
		}
	}
}

// open looks at every job that waits for nothing more.
func (s *session) open() {
	for again := true; again; {
		again = false
		for _, name := range s.g.order {
			if s.started[name] || !s.ready(name) {
				continue
			}
			s.started[name] = true
			job := s.g.jobs[name]
			if e := s.shut(job); e != nil {
				s.finish(e)
				again = true // what waits for it may be ready now
				continue
			}
			s.doing++
			go func() { s.looked <- s.lookup(job) }()
		}
	}
}

func (s *session) ready(name string) bool {
	return !slices.ContainsFunc(s.g.waits[name], func(n string) bool { return s.ended[n] == nil })
}

// shut ends a job that must not start: nothing to do, a need that did not
// pass, a gate that is shut, or an interrupted run.
func (s *session) shut(job *Job) *ended {
	if job.NotApplicable != "" {
		return s.without(job, Report{NotApplicable: job.NotApplicable})
	}
	if s.ctx.Err() != nil {
		return s.without(job, Report{NotRun: "the run was interrupted"})
	}
	for _, need := range job.Needs {
		if e := s.ended[need]; !e.passed {
			return s.without(job, Report{NotRun: "it needs " + s.culprit(e, ", which ")})
		}
	}
	for _, gate := range job.Gates {
		if e := s.ended[gate]; e.failed || s.Strict && !e.passed {
			return s.without(job, Report{NotRun: "the gate is shut: " + s.culprit(e, " ")})
		}
	}
	if len(job.Gates) > 0 && !s.trees.same(s.Dir) {
		return s.without(job, Report{NotRun: "the source changed while it was being checked", Remedy: "run it again"})
	}
	return nil
}

// culprit names the stage of a job that kept it from passing, and how.
func (s *session) culprit(e *ended, link string) string {
	worst := e.job.Name + link + "was not run"
	for _, stage := range e.job.Stages {
		switch s.parts[part{e.job.Name, stage}].Outcome {
		case Failed:
			return stage + link + "failed"
		case NotRun:
			worst = stage + link + "was not run"
		}
	}
	return worst
}

// without is a job that ended without having started.
func (s *session) without(job *Job, report Report) *ended {
	e := &ended{job: job, started: time.Since(s.start)}
	for _, stage := range job.Stages {
		report.Stage = stage
		e.answer.Reports = append(e.answer.Reports, report)
	}
	return e
}

// launchQueued starts waiting jobs, the longest path first, while there is a
// CPU for them. Those that wait for a network need none.
func (s *session) launchQueued() {
	slices.SortStableFunc(s.queue, func(a, b *lookup) int { return int(s.g.length[b.job.Name] - s.g.length[a.job.Name]) })
	s.queue = slices.DeleteFunc(s.queue, func(l *lookup) bool {
		computes := l.job.Access.Network != Outside
		if computes && s.busy >= 2*s.cpus() {
			return false
		}
		if computes {
			s.busy++
		}
		s.emit(Event{Kind: JobStarted, Job: l.job.Name})
		s.doing++
		need, nice := s.needs(l.job), s.niceness(l.job)
		go func() {
			e := s.perform(l, need, nice)
			e.used = computes
			s.done <- e
		}()
		return true
	})
}

// sparing is the niceness (setpriority(2)) of jobs that nothing waits for yet.
const sparing = 5

// niceness is 0 for a job on the longest path of what is left to do.
func (s *session) niceness(job *Job) int {
	for _, name := range s.g.order {
		if s.ended[name] == nil && name != job.Name && s.ready(name) && s.g.length[name] > s.g.length[job.Name] {
			return sparing
		}
	}
	return 0
}

func (s *session) cpus() int {
	if s.CPUs > 0 {
		return s.CPUs
	}
	return runtime.GOMAXPROCS(0)
}

// finish judges what a job came to and tells it.
func (s *session) finish(e *ended) {
	if e.used {
		s.busy--
	}
	e.passed = true
	for _, report := range e.answer.Reports {
		res := Decide(report, s.Judge(report), e.job.Check)
		res.Job, res.Cached, res.Key, res.Access = e.job.Name, e.cached, string(e.key), e.job.Touches()
		res.Enforced = e.answer.Enforced
		if err := e.job.Access.suffices(res.Enforced, sandbox.Partial); err != nil && res.Outcome != NotRun && res.Outcome != NotApplicable {
			res.Warnings = append(res.Warnings, err.Error())
		}
		res.Inputs = e.parts
		res.Start, res.Elapsed, res.Cost = e.started, e.elapsed, e.cost
		e.passed = e.passed && (res.Outcome == Passed || res.Outcome == NotApplicable)
		e.failed = e.failed || res.Outcome == Failed
		s.parts[part{e.job.Name, report.Stage}] = res
		if s.answered(report.Stage) {
			whole := s.result(report.Stage)
			s.emit(Event{Kind: StageFinished, Job: e.job.Name, Stage: &whole})
		}
	}
	s.ended[e.job.Name] = e
	s.secrets = append(s.secrets, e.answer.Secrets...)
	s.teller.ended(e.job, e.answer.Secrets)
}

// criticalPath goes back from the job that ended last, each time to the one
// that was waited for longest.
func (s *session) criticalPath() (path []string) {
	end := func(name string) time.Duration { return s.ended[name].started + s.ended[name].elapsed }
	for names := s.g.order; len(names) > 0; {
		last := slices.MaxFunc(names, func(a, b string) int { return cmp.Compare(end(a), end(b)) })
		path = append(path, last)
		names = s.g.waits[last]
	}
	slices.Reverse(path)
	return path
}

func (s *session) emit(ev Event) {
	if ev.At == 0 {
		ev.At = time.Since(s.start)
	}
	s.teller.tell(ev)
}

func (s *session) ordered() (results []Result) {
	told := map[string]bool{}
	for _, name := range s.g.order {
		for _, stage := range s.g.jobs[name].Stages {
			if !told[stage] {
				told[stage] = true
				results = append(results, s.result(stage))
			}
		}
	}
	return results
}

// notRun is the answer of a job that could not be done.
func notRun(job *Job, err error) Answer {
	var a Answer
	for _, stage := range job.Stages {
		a.Reports = append(a.Reports, Report{Stage: stage, NotRun: err.Error(), Remedy: hint.Remedy(err)})
	}
	return a
}
