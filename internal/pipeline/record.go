package pipeline

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"github.com/sluice-ci/sluice/internal/atomicfile"
	"github.com/sluice-ci/sluice/internal/hint"
)

// StateDir is the folder, at the repository's root, that Sluice writes to.
const StateDir = ".sluice"

// State is how far a run has come.
type State string

// The states. A record that still says Running although its process is gone is
// of a run that was killed.
const (
	Running     State = "running"
	Finished    State = "finished"
	Interrupted State = "interrupted"
)

// Record is what is kept of a run: run.json.
type Record struct {
	Schema  int       `json:"schema"` // 1
	ID      string    `json:"id"`
	Sluice  string    `json:"sluice"` // the version that ran
	Service string    `json:"service"`
	Root    string    `json:"root"`
	Dir     string    `json:"dir"`              // relative to Root
	Commit  string    `json:"commit,omitempty"` // of HEAD, when there is git
	Dirty   bool      `json:"dirty,omitempty"`  // the work tree differs from Commit
	Base    string    `json:"base,omitempty"`   // the commit that it was compared with
	Strict  bool      `json:"strict,omitempty"`
	State   State     `json:"state"`
	Started time.Time `json:"started"`

	Outcome      Outcome       `json:"outcome,omitempty"`      // failed over not run over passed
	Wall         time.Duration `json:"wall"`                   // nanoseconds
	CriticalPath []string      `json:"criticalPath,omitempty"` // jobs, the first one first
	Chain        time.Duration `json:"chain"`                  // what the jobs of CriticalPath took, nanoseconds
	Results      []Result      `json:"results"`
	Notes        []string      `json:"notes,omitempty"` // about the run as a whole
}

// Folder is where a run keeps what it leaves: .sluice/runs/ID.
type Folder struct {
	Dir  string
	root string
}

// NewFolder makes the folder of a new run.
func NewFolder(root string, now time.Time) (f Folder, id string, err error) {
	state := filepath.Join(root, StateDir)
	for _, dir := range []string{state, filepath.Join(state, "runs")} {
		if err := ownFolder(dir); err != nil {
			return f, "", fmt.Errorf("making the run's folder: %w", err)
		}
	}
	ignore := filepath.Join(state, ".gitignore")
	if _, err := os.Stat(ignore); errors.Is(err, fs.ErrNotExist) {
		if err := atomicfile.Write(ignore, []byte("*\n"), 0o644); err != nil {
			return f, "", err
		}
	}
	var random [3]byte
	if _, err := rand.Read(random[:]); err != nil {
		return f, "", err
	}
	id = now.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(random[:])
	f = Folder{Dir: filepath.Join(state, "runs", id), root: root}
	if err := os.MkdirAll(filepath.Join(f.Dir, "logs"), 0o755); err != nil {
		return f, "", fmt.Errorf("making the run's folder: %w", err)
	}
	return f, id, nil
}

// ownFolder makes a folder that is not there. A symbolic link in its place would
// have Sluice write, and remove, elsewhere.
func ownFolder(dir string) error {
	err := os.Mkdir(dir, 0o755)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(dir)
	if err == nil && !info.IsDir() {
		err = hint.With(fmt.Errorf("%s is no folder", dir), "remove it: Sluice keeps its runs there")
	}
	return err
}

// runName is how NewFolder names a run.
var runName = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}$`)

// Save writes the record as it is now.
func (f Folder) Save(r Record) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the run's record: %w", err)
	}
	return atomicfile.Write(filepath.Join(f.Dir, "run.json"), append(data, '\n'), 0o644)
}

// Finish writes the final record and points .sluice/latest at it.
func (f Folder) Finish(r Record) error {
	if err := f.Save(r); err != nil {
		return err
	}
	return atomicfile.Link(filepath.Join("runs", r.ID), filepath.Join(f.root, StateDir, "latest"))
}

// maxRecord bounds a record that is read, bytes.
const maxRecord = 16 << 20

// Latest reads the record of the newest finished run. The error is
// fs.ErrNotExist (wrapped) when there is none.
func Latest(root string) (r Record, dir string, err error) {
	dir, err = filepath.EvalSymlinks(filepath.Join(root, StateDir, "latest"))
	if err != nil {
		return r, "", err
	}
	path := filepath.Join(dir, "run.json")
	info, err := os.Stat(path)
	if err != nil {
		return r, "", err
	}
	if info.Size() > maxRecord {
		return r, "", fmt.Errorf("%s: %d bytes are more than a record may have", path, info.Size())
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return r, "", err
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, "", fmt.Errorf("reading %s: %w", path, err)
	}
	return r, dir, nil
}

// keptRuns is how many runs stay; older ones are removed by Prune.
const keptRuns = 50

// Prune removes the oldest runs, but never the newest finished one.
func Prune(root string) error {
	dir := filepath.Join(root, StateDir, "runs")
	if err := errors.Join(ownFolder(filepath.Dir(dir)), ownFolder(dir)); err != nil {
		return err
	}
	runs, err := os.ReadDir(dir) // sorted by name, so by time
	if err != nil {
		return err
	}
	runs = slices.DeleteFunc(runs, func(e fs.DirEntry) bool { return !runName.MatchString(e.Name()) })
	latest, err := os.Readlink(filepath.Join(root, StateDir, "latest"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, run := range runs[:max(0, len(runs)-keptRuns)] {
		if run.Name() == filepath.Base(latest) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(root, StateDir, "runs", run.Name())); err != nil {
			return err
		}
	}
	return nil
}

// Conclude is the outcome of a run: a failed stage makes it failed, else one
// that was not run makes it not run.
func Conclude(results []Result) Outcome {
	has := func(o Outcome) bool {
		return slices.ContainsFunc(results, func(r Result) bool { return r.Outcome == o })
	}
	switch {
	case has(Failed):
		return Failed
	case has(NotRun) || !has(Passed):
		return NotRun
	default:
		return Passed
	}
}
