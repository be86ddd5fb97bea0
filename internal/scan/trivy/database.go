package trivy

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/image"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
	"github.com/sluice-ci/sluice/internal/tool"
)

// DatabaseName is the name of the job that gets Trivy's database, and of its
// one stage. Its report's values are as those of the job "vulndb".
const DatabaseName = "trivydb"

const (
	databasePath     = "path"
	databaseModified = pipeline.DataModified
	databaseDigest   = "digest"
	databaseSource   = "source"
)

// The database's files (Trivy's documentation, "Air-gapped environment").
const (
	databaseFile = "trivy.db"
	metadataFile = "metadata.json"
)

// defaultDatabase is where Trivy's project publishes it.
const defaultDatabase = "ghcr.io/aquasecurity/trivy-db:2"

const (
	checkEvery    = 6 * time.Hour
	databaseLimit = 10 * time.Minute
	maxDatabase   = 8 << 30 // bytes
)

// Database plans and does the job "trivydb".
type Database struct{ probe probe }

var _ scan.Scanner = Database{}

// databaseParams is what the planner hands to the worker.
type databaseParams struct {
	params
	Source string `json:"source"` // an OCI reference, or a folder
}

// Name implements scan.Scanner.
func (Database) Name() string { return DatabaseName }

// Job implements scan.Scanner. Newer data is looked for once in six hours. A
// Go service, whose image has no operating system, gets none unless it is asked
// for: it has hundreds of megabytes.
func (Database) Job(s scan.Service) (pipeline.Job, error) {
	source := s.Options.TrivyDB
	job := pipeline.Job{
		Name: DatabaseName, Stages: []string{DatabaseName},
		Access: pipeline.Access{Network: pipeline.Outside}, Cost: 10 * time.Second, Limit: databaseLimit,
		Valid: validDatabase,
	}
	if source == "" && !s.Python && (s.GoModule != "" || !image.HasDockerfile(s.Dir)) {
		job.NotApplicable = "nothing here is known to need Trivy's database (trivydb in sluice.yaml names one)"
		return job, nil
	}
	p := databaseParams{params: newParams(s, &job), Source: cmp.Or(source, defaultDatabase)}
	job.Params = p
	job.Inputs.Values["source"] = p.Source
	if isFolder(p.Source) {
		job.Access.Network = pipeline.NoNetwork
		job.Inputs.Values["state"] = fileState(filepath.Join(p.Source, databaseFile)) + digestOf(filepath.Join(p.Source, metadataFile))
		job.Access.Read = append(job.Access.Read, p.Source)
		return job, nil
	}
	job.Inputs.Values["period"] = fmt.Sprint(time.Now().Unix() / int64(checkEvery/time.Second))
	return job, nil
}

// newParams finds Trivy, and says in the job what it reads.
func newParams(s scan.Service, job *pipeline.Job) params {
	p := params{Version: s.Version}
	found, err := s.Tools.Find(toolName)
	if p.Trivy = found; err != nil {
		p.Trivy, p.Missing, p.Remedy = tool.Found{}, err.Error(), hint.Remedy(err)
	}
	job.Access.Read = append(job.Access.Read, p.Trivy.Read...)
	job.Inputs.Values = map[string]string{"sluice": s.Version, toolName: p.Trivy.Digest}
	return p
}

func isFolder(source string) bool { return filepath.IsAbs(source) }

// validDatabase tells whether what an answer names is still there.
func validDatabase(a pipeline.Answer) bool {
	for _, r := range a.Reports {
		if r.Stage == DatabaseName {
			info, err := os.Stat(filepath.Join(r.Values[databasePath], databaseFile))
			return r.Values[databasePath] != "" && err == nil && info.Size() > 0
		}
	}
	return false
}

// Worker implements scan.Scanner.
func (s Database) Worker() pipeline.Worker { return s.work }

func (s Database) work(ctx context.Context, t pipeline.Task) (pipeline.Answer, error) {
	var p databaseParams
	if err := json.Unmarshal(t.Params, &p); err != nil {
		return pipeline.Answer{}, fmt.Errorf("reading the parameters of job %s: %w", t.Job, err)
	}
	dir := p.Source
	report := pipeline.Report{Stage: DatabaseName}
	if !isFolder(p.Source) {
		found, err := p.found(ctx, s.probe.orDefault())
		if err != nil {
			return pipeline.Answer{}, err
		}
		report.Tools = found.tools()
		t.Progress("getting Trivy's database")
		if dir, err = fetch(ctx, t, found, p.Source); err != nil {
			return pipeline.Answer{}, hint.With(err, "let this machine reach the registry, or name a folder or a mirror with the database as trivydb in sluice.yaml")
		}
	}
	db, err := openFolder(dir)
	if err != nil {
		return pipeline.Answer{}, hint.With(err, "name a folder with "+databaseFile+" and "+metadataFile+" as trivydb in sluice.yaml")
	}
	report.Examined = []pipeline.Count{{What: "databases", N: 1}}
	report.Values = map[string]string{databasePath: db.path, databaseDigest: db.digest, databaseModified: db.modified.UTC().Format(time.RFC3339), databaseSource: p.Source}
	return pipeline.Answer{Reports: []pipeline.Report{report}}, nil
}

// found is Trivy, made sure of.
func (p params) found(ctx context.Context, probe probe) (usable, error) {
	if p.Trivy.Path == "" {
		return usable{}, hint.With(errors.New(p.Missing), p.Remedy)
	}
	f, err := probe(ctx, p.Trivy)
	return usable{f}, err
}

// usable is a Trivy that was made sure of.
type usable struct{ tool.Found }

func (u usable) tools() []pipeline.Tool {
	return []pipeline.Tool{{Name: toolName, Version: u.Version, Unpinned: !u.Pinned}}
}

// in is the program with a folder of the worker's own.
func (u usable) in(dir string, log io.Writer) program {
	return program{path: u.Path, env: u.Env, dir: dir, log: log}
}

// fetch has Trivy get the database into a folder of the job's cache, by its
// digest. What is there already is the same.
func fetch(ctx context.Context, t pipeline.Task, u usable, source string) (_ string, err error) {
	aside, err := os.MkdirTemp(t.Cache, "new-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(aside)) }()
	if err := u.in(aside, t.Log).download(ctx, source); err != nil {
		return "", fmt.Errorf("getting %s: %w", source, err)
	}
	got := filepath.Join(aside, "cache", "db")
	db, err := openFolder(got)
	if err != nil {
		return "", err
	}
	to := filepath.Join(t.Cache, db.digest)
	if same, err := openFolder(to); err == nil && same.digest == db.digest {
		return to, nil
	}
	if err := errors.Join(os.RemoveAll(to), os.Rename(got, to)); err != nil {
		return "", fmt.Errorf("keeping Trivy's database: %w", err)
	}
	return to, removeOthers(t.Cache, to, aside)
}

// keepUnused is how long a database that is not the newest is left for runs
// that may be reading it.
const keepUnused = 24 * time.Hour

func removeOthers(dir string, but ...string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		info, err := e.Info()
		path := filepath.Join(dir, e.Name())
		if err != nil || path == but[0] || path == but[1] || time.Since(info.ModTime()) < keepUnused {
			continue // one without Info was removed by another run
		}
		errs = append(errs, os.RemoveAll(path))
	}
	return errors.Join(errs...)
}

// database is Trivy's, in a folder.
type database struct {
	path     string
	digest   string    // hex SHA-256 of its files
	modified time.Time // when it was made
}

// maxMetadata bounds what describes a database, bytes.
const maxMetadata = 64 << 10

// schema is the version of the database's schema that Trivy reads.
const schema = 2

// openFolder makes sure of a database.
func openFolder(dir string) (database, error) {
	db := database{path: dir}
	text, err := readSmall(filepath.Join(dir, metadataFile))
	if err != nil {
		return db, fmt.Errorf("opening Trivy's database: %w", err)
	}
	var m struct {
		Version   int
		UpdatedAt time.Time
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return db, fmt.Errorf("reading %s of Trivy's database: %w", metadataFile, err)
	}
	if m.Version != schema || m.UpdatedAt.IsZero() {
		return db, fmt.Errorf("the database of Trivy in %s is of schema %d and of %s; it must be of schema %d, and have a date", dir, m.Version, m.UpdatedAt.Format(time.DateOnly), schema)
	}
	if m.UpdatedAt.After(time.Now().Add(24 * time.Hour)) {
		return db, hint.With(fmt.Errorf("the database of Trivy is dated %s, which is yet to come", m.UpdatedAt.Format(time.RFC3339)), "set this machine's clock, or use another source")
	}
	db.modified = m.UpdatedAt
	f, err := os.Open(filepath.Join(dir, databaseFile))
	if err != nil {
		return db, fmt.Errorf("opening Trivy's database: %w", err)
	}
	defer f.Close()
	sum := sha256.New()
	fmt.Fprintf(sum, "%d %s\n", m.Version, m.UpdatedAt.UTC().Format(time.RFC3339))
	n, err := io.Copy(sum, io.LimitReader(f, maxDatabase+1))
	switch {
	case err != nil:
		return db, fmt.Errorf("reading Trivy's database: %w", err)
	case n == 0 || n > maxDatabase:
		return db, fmt.Errorf("the database of Trivy in %s has %d bytes", dir, n)
	}
	db.digest = hex.EncodeToString(sum.Sum(nil))
	return db, nil
}

func readSmall(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxMetadata+1))
	if err == nil && len(text) > maxMetadata {
		err = fmt.Errorf("%s has more than %d bytes", filepath.Base(file), maxMetadata)
	}
	return text, err
}

// left is the database that the job "trivydb" left; the error is why there is none.
func left(t pipeline.Task) (database, error) {
	r, ok := t.Needs[DatabaseName].Reports[DatabaseName]
	reason := cmp.Or(r.NotRun, r.NotApplicable, "stage "+DatabaseName+" left none")
	if !ok || r.Values[databasePath] == "" {
		return database{}, hint.With(errors.New("there is no vulnerability database: "+reason),
			cmp.Or(r.Remedy, "name an OCI reference, a mirror or a folder with Trivy's database as trivydb in sluice.yaml"))
	}
	modified, err := time.Parse(time.RFC3339, r.Values[databaseModified])
	if err != nil {
		return database{}, fmt.Errorf("reading the age of Trivy's database: %w", err)
	}
	db := database{path: r.Values[databasePath], digest: strings.TrimSpace(r.Values[databaseDigest]), modified: modified}
	if _, err := os.Stat(filepath.Join(db.path, databaseFile)); err != nil {
		return db, hint.With(fmt.Errorf("opening Trivy's database: %w", err), "run again: it is got anew when it is gone")
	}
	return db, nil
}
