package secrets

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
)

// maxLeaks bounds how many secrets are noted; a repository with more has
// something else the matter.
const maxLeaks = 10_000

// errTooMany is what a search ends with that found more.
var errTooMany = hint.With(fmt.Errorf("there are more than %d secrets", maxLeaks),
	"remove those that are shown, or the files that are no part of the service")

// search is one run of the job.
type search struct {
	task   pipeline.Task
	params params
	top    string // of the work tree, or the service's root where there is none
	engine *engine
	repo   *repository // nil: there is none, the files are all there is
	tips   []string
	stale  bool // the repository is not as it was when the job was planned

	plants                   []planted
	cleanFiles, cleanCommits *cleanList

	mu      sync.Mutex
	leaks   map[leakKey]leak
	test    pipeline.SelfTest
	commits []string // which the leaks' commits are indexes of
}

// leakKey is what makes leaks one: of those only the first place is kept.
type leakKey struct {
	rule, secret, path string
	tree               bool
}

func newSearch(ctx context.Context, t pipeline.Task, p params) (*search, error) {
	s := &search{task: t, params: p, top: t.Root, plants: newPlants(), leaks: map[leakKey]leak{}}
	var err error
	if s.engine, err = sharedEngine(); err != nil {
		return nil, err
	}
	if p.Root != "" {
		if err := s.open(ctx); err != nil {
			return nil, err
		}
	}
	key, where := s.engine.key+" "+p.Version, sha256.Sum256([]byte(s.top))
	if s.cleanFiles, err = openClean(filepath.Join(t.Cache, fmt.Sprintf("files-%x", where[:8])), "files "+key); err != nil {
		return nil, err
	}
	if s.cleanCommits, err = openClean(filepath.Join(t.Cache, fmt.Sprintf("commits-%x", where[:8])), "commits "+key); err != nil {
		return nil, err
	}
	return s, nil
}

// open reads the references before anything else is read, so that what is
// committed meanwhile is left to the next run.
func (s *search) open(ctx context.Context) error {
	up, err := filepath.Rel(s.params.Root, ".")
	if err != nil {
		return fmt.Errorf("looking for the top of the work tree: %w", err)
	}
	s.top = filepath.Join(s.task.Root, up)
	r, err := openRepository(s.top)
	if err != nil {
		return err
	}
	s.repo = &r
	if s.tips, err = r.tips(ctx); err != nil {
		return err
	}
	s.stale = s.params.State == "" || r.state(ctx, s.tips) != s.params.State
	return nil
}

// run scans what was planted, the files, and then the history. What was found
// is told also when one of them could not be read to its end.
func (s *search) run(ctx context.Context) (pipeline.Answer, error) {
	var t *tree
	var h *history
	err := s.selfTest(ctx)
	if err == nil {
		t, h, err = s.scan(ctx)
	}
	if ctx.Err() != nil {
		return pipeline.Answer{}, context.Cause(ctx)
	}
	report := s.report(t, h)
	if err != nil {
		report.NotRun, report.Remedy = err.Error(), hint.Remedy(err)
	}
	s.save(t != nil, h != nil, &report)
	return pipeline.Answer{
		Reports:  []pipeline.Report{report},
		Secrets:  masks(s.all()),
		Volatile: err != nil || s.stale,
	}, nil
}

// scan scans the files and the history. A part that could not be is nil.
func (s *search) scan(ctx context.Context) (t *tree, h *history, err error) {
	t, err = s.scanTree(ctx)
	if s.repo == nil || ctx.Err() != nil {
		return t, nil, err
	}
	h, historyErr := s.scanHistory(ctx)
	return t, h, cmp.Or(err, historyErr)
}

// add notes secrets.
func (s *search) add(commit int, leaks []leak) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range leaks {
		l.commit = commit
		key := leakKey{l.rule, l.secret, l.path, commit == inTree}
		known, ok := s.leaks[key]
		if !ok && len(s.leaks) == maxLeaks {
			return errTooMany
		}
		hidden := append(known.hidden, l.hidden...)
		if !ok || byPlace(l, known) < 0 {
			known = l
		}
		slices.Sort(hidden)
		known.hidden = slices.Compact(hidden)
		s.leaks[key] = known
	}
	return nil
}

// log writes a line to the stage's log, which takes one at a time.
func (s *search) log(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.task.Log, format+"\n", args...)
}

// save keeps what was found clean for the next run, which without it is only slower.
func (s *search) save(files, commits bool, report *pipeline.Report) {
	for list, complete := range map[*cleanList]bool{s.cleanFiles: files, s.cleanCommits: commits} {
		if !complete {
			continue
		}
		if err := list.save(); err != nil {
			report.Notes = append(report.Notes, "the next scan will be as slow as this one: "+err.Error())
		}
	}
}

// all are the leaks, in the order of their places.
func (s *search) all() []leak {
	return slices.SortedFunc(maps.Values(s.leaks), byPlace)
}
