package pipeline

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/sluice-ci/sluice/internal/cache"
	"github.com/sluice-ci/sluice/internal/hint"
)

// cached is what the store keeps of a job.
type cached struct {
	Answer Answer        `json:"answer"`
	Cost   time.Duration `json:"cost"`
}

// lookup asks the cache for a job's answer. It runs beside the loop.
func (s *session) lookup(job *Job) *lookup {
	l := &lookup{job: job}
	began := time.Since(s.start)
	var err error
	if l.key, l.parts, err = s.key(job); err != nil {
		l.found = &ended{job: job, started: began, answer: notRun(job, fmt.Errorf("reading its inputs: %w", err))}
		return l
	}
	if job.Always || s.NoCache {
		return l
	}
	var c cached
	out, ok := s.Store.Get(l.key, &c)
	if !ok || complete(job, c.Answer) != nil || job.Access.suffices(c.Answer.Enforced, s.Least) != nil || job.Valid != nil && !job.Valid(c.Answer) {
		return l
	}
	l.found = &ended{job: job, key: l.key, parts: l.parts, answer: c.Answer, out: out, cached: true, cost: c.Cost,
		started: began, elapsed: time.Since(s.start) - began, digest: digest(c.Answer, out)}
	return l
}

// key is the hash of all that decides a job's result, and its parts.
func (s *session) key(job *Job) (cache.Key, []cache.Part, error) {
	b := cache.NewKey("job " + job.Name)
	params, err := json.Marshal(job.Params)
	if err != nil {
		return "", nil, err
	}
	b.Add("params", string(params))
	b.Add("dir", s.relative(s.Dir))
	for _, stage := range slices.Sorted(slices.Values(job.Stages)) {
		b.Add("stage", stage)
	}
	b.AddMap("values", job.Inputs.Values)
	for _, tree := range job.Inputs.Trees {
		hash, err := s.trees.first(tree)
		if err != nil {
			return "", nil, err
		}
		b.Add("tree "+s.relative(tree), hash)
	}
	for _, need := range s.g.waits[job.Name] {
		b.Add("need "+need, s.ended[need].digest)
	}
	return b.Key(), b.Parts(), nil
}

// relative names a path within the repository independently of where that is.
func (s *session) relative(path string) string {
	if rel, err := filepath.Rel(s.Root, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}

// needs are what the jobs left that a job waits for.
func (s *session) needs(job *Job) map[string]Need {
	needs := map[string]Need{}
	for _, name := range s.g.waits[job.Name] {
		e := s.ended[name]
		n := Need{Reports: map[string]Report{}, Out: e.out.Dir, outputs: e.out}
		for _, r := range e.answer.Reports {
			n.Reports[r.Stage] = r
		}
		needs[name] = n
	}
	return needs
}

// perform does a job. It runs beside the loop.
func (s *session) perform(l *lookup, needs map[string]Need, nice int) *ended {
	e := &ended{job: l.job, key: l.key, parts: l.parts, started: time.Since(s.start)}
	answer, out, err := s.launch(l.job, needs, nice)
	e.elapsed = time.Since(s.start) - e.started
	e.cost = e.elapsed
	if err != nil {
		e.answer = notRun(l.job, err)
		return e
	}
	e.answer = answer
	if e.out, err = handOver(out); err != nil {
		e.answer = notRun(l.job, err)
		return e
	}
	e.fresh = s.repeatable(l.job, answer)
	e.digest = digest(answer, e.out)
	return e
}

func (s *session) launch(job *Job, needs map[string]Need, nice int) (a Answer, out string, err error) {
	for _, need := range slices.Sorted(maps.Keys(needs)) {
		if err := needs[need].unchanged(); err != nil {
			return a, "", fmt.Errorf("reading what %s left: %w", need, err)
		}
	}
	out = filepath.Join(s.work.Dir, job.Name)
	own, keep := s.CacheFor(job.Name), s.keepFolder(job.Name)
	for _, dir := range []string{out, own, keep} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return a, "", fmt.Errorf("making a folder for %s: %w", job.Name, err)
		}
	}
	params, err := json.Marshal(job.Params)
	if err != nil {
		return a, "", err
	}
	limit := job.Limit
	if limit == 0 {
		limit = DefaultLimit
	}
	ctx, cancel := context.WithTimeoutCause(s.ctx, limit, hint.With(fmt.Errorf("it took longer than %v and was stopped", limit), "see its log for what it was doing"))
	defer cancel()
	task := Task{Job: job.Name, Stages: job.Stages, Root: s.Root, Dir: s.Dir, Out: out, Cache: own, Params: params, Needs: needs, Access: job.Access, Trees: job.Inputs.Trees, Top: cmp.Or(s.Top, s.Root), Fresh: s.NoCache, Least: s.Least, Nice: nice, Lock: s.work.LockFile(),
		Keep: keep, LogFile: s.logFile(job.Name), Secrets: s.secretsFor(job)}
	a, err = s.Launch(ctx, task, func(text string) {
		select { // progress is for the eye: what is too much is dropped
		case s.progress <- Event{Kind: Progress, At: time.Since(s.start), Job: job.Name, Text: text}:
		default:
		}
	})
	if cause := context.Cause(ctx); cause != nil {
		if errors.Is(cause, context.Canceled) {
			cause = errors.New("the run was interrupted")
		}
		return a, "", cause
	}
	if err != nil {
		return a, "", err
	}
	return a, out, complete(job, a)
}

// complete checks that an answer has a report for each stage asked for, and
// for nothing else.
func complete(job *Job, a Answer) error {
	got := map[string]bool{}
	for _, r := range a.Reports {
		if got[r.Stage] || !slices.Contains(job.Stages, r.Stage) {
			return fmt.Errorf("%s answered for the stage %q, which it was not asked", job.Name, r.Stage)
		}
		got[r.Stage] = true
	}
	if len(got) != len(job.Stages) {
		return fmt.Errorf("%s answered for %v only, of the stages %v", job.Name, slices.Sorted(maps.Keys(got)), job.Stages)
	}
	return nil
}

// unchanged tells whether the files of a need are those that its job left:
// code of the repository may have run since.
func (n Need) unchanged() error {
	if n.outputs.Dir == "" {
		return nil
	}
	return n.outputs.Verify()
}

// secretsFor are the values that a job is given.
func (s *session) secretsFor(job *Job) map[string]string {
	given := map[string]string{}
	for _, name := range job.Access.Secrets {
		if value, ok := s.Secrets[name]; ok {
			given[name] = value
		}
	}
	return given
}

// handOver takes what a job left, if it is what a job may leave.
func handOver(out string) (cache.Outputs, error) {
	sum, err := cache.OutputsDigest(out)
	if err != nil {
		return cache.Outputs{}, err
	}
	return cache.Outputs{Dir: out, Digest: sum}, nil
}

// repeatable tells whether an answer may be given again: not when something
// could not be done or a secret was seen, and not when the source has changed
// since the key was made from it.
func (s *session) repeatable(job *Job, a Answer) bool {
	unfinished := slices.ContainsFunc(a.Reports, func(r Report) bool { return r.NotRun != "" })
	return !job.Always && !a.Volatile && !unfinished && len(a.Secrets) == 0 && s.unchanged(job)
}

func (s *session) unchanged(job *Job) bool {
	return !slices.ContainsFunc(job.Inputs.Trees, func(tree string) bool { return !s.trees.same(tree) })
}

// digest is of what a later job may read of an answer: not the notes and the
// tools, which do not decide anything.
func digest(a Answer, out cache.Outputs) string {
	b := cache.NewKey("answer")
	for _, r := range a.Reports {
		r.Notes, r.Tools, r.Rules = nil, nil, nil
		text, err := json.Marshal(r)
		if err != nil {
			return "" // cannot be: it was read from JSON
		}
		b.Add(r.Stage, string(text))
	}
	b.Add("outputs", out.Digest)
	return string(b.Key())
}

// snapshot is the state of the source as the run first saw it. It is shared by
// the run's goroutines.
type snapshot struct {
	hasher *cache.Hasher
	mu     sync.Mutex
	seen   map[string]func() (string, error)
}

func newSnapshot(h *cache.Hasher) *snapshot {
	return &snapshot{hasher: h, seen: map[string]func() (string, error){}}
}

// first is the hash of a tree when the run first asked for it.
func (s *snapshot) first(tree string) (string, error) {
	s.mu.Lock()
	get := s.seen[tree]
	if get == nil {
		get = sync.OnceValues(func() (string, error) { return s.hasher.Tree(tree) })
		s.seen[tree] = get
	}
	s.mu.Unlock()
	return get()
}

// same tells whether a tree is now as it was first.
func (s *snapshot) same(tree string) bool {
	before, err := s.first(tree)
	if err != nil {
		return false
	}
	now, err := s.hasher.Tree(tree)
	return err == nil && now == before
}
