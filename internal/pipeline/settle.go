package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/sluice-ci/sluice/internal/cache"
	"github.com/sluice-ci/sluice/internal/mask"
	"github.com/sluice-ci/sluice/internal/sandbox"
)

// Until it is known what no output may show, all that jobs say is in the run's
// work folder. The next run removes that of a run that was killed.

func (s *session) logFile(job string) string    { return filepath.Join(s.work.Dir, job+".log") }
func (s *session) keepFolder(job string) string { return filepath.Join(s.work.Dir, job+".keep") }

// Settle ends a run, once it is known what no output may show: logs and outputs
// come to where they are looked at, masked; the cache gets what shows nothing of
// it; the work folder is removed.
func (d Done) Settle(m mask.Masker) error {
	s := d.session
	if s == nil {
		return nil
	}
	errs := make([]error, len(s.g.order))
	var all sync.WaitGroup
	for i, name := range s.g.order {
		all.Go(func() { errs[i] = s.settle(s.ended[name], m) })
	}
	all.Wait()
	if m.Active() {
		s.Hasher.Forget(m.Has)
	}
	if len(s.secrets) > len(s.Secrets) { // some were found: a run that did not look for them may have kept them
		errs = append(errs, s.Store.DropIf(func(dir string) (bool, error) { return anyFile(dir, m, true) }))
	}
	return errors.Join(errors.Join(errs...), s.Hasher.Save(), d.Abandon())
}

// Abandon ends a run of which nothing is to stay.
func (d Done) Abandon() error {
	if d.session == nil {
		return nil
	}
	err := d.session.work.Close()
	d.session.Store.ClearStale() // what a killed run's last processes still held at the start
	return err
}

// settle does for one job what Settle does.
func (s *session) settle(e *ended, m mask.Masker) error {
	err := s.takeLog(e.job.Name, m)
	if s.Collect != nil && e.out.Dir != "" {
		err = errors.Join(err, s.collect(e, m))
	}
	return errors.Join(err, s.remember(e, m), s.takeKept(e, m))
}

// takeLog moves a job's log to where it is looked for.
func (s *session) takeLog(job string, m mask.Masker) error {
	from, err := os.Open(s.logFile(job))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer from.Close()
	if err := os.MkdirAll(s.Logs, 0o755); err != nil {
		return err
	}
	to, err := os.Create(filepath.Join(s.Logs, job+".log"))
	if err != nil {
		return err
	}
	w := m.Writer(to)
	_, err = io.Copy(w, from)
	return errors.Join(err, w.Flush(), to.Close())
}

// collect hands a job's outputs over, if they are still what it left.
func (s *session) collect(e *ended, m mask.Masker) error {
	if !e.cached { // those were checked when they were read
		if err := e.out.Verify(); err != nil {
			return fmt.Errorf("collecting what %s left: %w", e.job.Name, err)
		}
	}
	return s.Collect(e.job.Name, e.out.Dir, m)
}

// remember puts a new answer into the cache, or takes an old one out that shows
// a secret.
func (s *session) remember(e *ended, m mask.Masker) error {
	if !e.fresh && !e.cached {
		return nil
	}
	shows, err := s.shows(e, m)
	switch {
	case err != nil:
		return fmt.Errorf("looking for secrets in what %s left: %w", e.job.Name, err)
	case e.cached && shows:
		return s.Store.Drop(e.key)
	case e.cached || shows:
		return nil
	}
	_, err = s.Store.Put(e.key, cached{Answer: e.answer, Cost: e.cost}, e.out)
	return err
}

// largeOutput is the size of an output above which it is not searched again
// when it comes from the cache, bytes: an image, and no text of a tool's.
const largeOutput = 1 << 20

// shows tells whether an answer or its outputs have a secret in them.
func (s *session) shows(e *ended, m mask.Masker) (bool, error) {
	if !m.Active() {
		return false, nil
	}
	text, err := json.Marshal(e.answer)
	if err != nil {
		return false, err
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return false, err
	}
	if m.Has(string(text)) || has(v, m) {
		return true, nil
	}
	return anyFile(e.out.Dir, m, e.cached)
}

// has looks at each text of a JSON value as it was before it was written.
func has(v any, m mask.Masker) bool {
	switch v := v.(type) {
	case string:
		return m.Has(v)
	case []any:
		return slices.ContainsFunc(v, func(v any) bool { return has(v, m) })
	case map[string]any:
		for key, v := range v {
			if m.Has(key) || has(v, m) {
				return true
			}
		}
	}
	return false
}

// anyFile tells whether a secret is in a file below dir, or in its name.
func anyFile(dir string, m mask.Masker, smallOnly bool) (found bool, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || found || d.IsDir() && !m.Has(d.Name()) {
			return err
		}
		if info, err := d.Info(); err != nil || smallOnly && info.Size() > largeOutput {
			return err
		}
		found = m.Has(d.Name())
		if !found {
			found, err = inFile(path, m)
		}
		return err
	})
	return found, err
}

func inFile(path string, m mask.Masker) (bool, error) {
	f, err := cache.OpenOutput(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	return m.In(f)
}

// takeKept moves what a worker wants to find again to where it looks for it.
// What shows a secret is not kept, nor what an earlier run kept by its name, nor
// anything that code of the repository could have written.
func (s *session) takeKept(e *ended, m mask.Masker) error {
	job := e.job
	entries, err := os.ReadDir(s.keepFolder(job.Name))
	if errors.Is(err, fs.ErrNotExist) || job.Access.RunsRepositoryCode && e.answer.Enforced.Files < sandbox.Partial {
		return nil
	}
	for _, entry := range entries {
		from, to := filepath.Join(s.keepFolder(job.Name), entry.Name()), filepath.Join(s.CacheFor(job.Name), entry.Name())
		shows, inErr := inFile(from, m)
		switch {
		case inErr != nil:
			err = errors.Join(err, inErr)
		case shows:
			err = errors.Join(err, os.RemoveAll(to))
		default:
			err = errors.Join(err, os.Rename(from, to))
		}
	}
	return err
}
