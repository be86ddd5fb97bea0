// Package vulndb gets the Go vulnerability database and leaves it as a folder
// that govulncheck reads with -db file://…, in the layout of
// https://go.dev/security/vuln/database#api: index/{db,modules,vulns}.json and
// ID/*.json.
package vulndb

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
)

// Name is that of the job and of its only stage.
const Name = "vulndb"

// The values of the report, by name.
const (
	ValuePath     = "path"                // the folder, absolute
	ValueDigest   = "digest"              // sha256 of the folder's manifest: one content, one digest
	ValueModified = pipeline.DataModified // when the newest of the data was changed, RFC 3339
	ValueSource   = "source"              // where it came from
)

const (
	// checkEvery is how often newer data is looked for.
	checkEvery = 6 * time.Hour
	// staleAfter is the age from which a report says how old the data is.
	staleAfter = 7 * 24 * time.Hour
	// limit is how long getting the data may take.
	limit = 5 * time.Minute
)

// Scanner plans and does the job "vulndb". Its zero value works.
type Scanner struct {
	now    func() time.Time // nil is time.Now
	site   string           // "" is the database of the Go project
	env    []string         // of the go command; nil is this process's
	client *http.Client     // nil is newClient
}

var _ scan.Scanner = Scanner{}

// params is what the planner hands to the worker.
type params struct {
	// Source is "" for the Go project's database by whatever way is open, or
	// a URL, or a folder.
	Source string `json:"source"`
}

// Name implements scan.Scanner.
func (Scanner) Name() string { return Name }

// Job plans the look for newer data: once in six hours, and whenever the
// folder that the last one left is gone or damaged.
func (s Scanner) Job(service scan.Service) (pipeline.Job, error) {
	job := pipeline.Job{
		Name: Name, Stages: []string{Name},
		Access: pipeline.Access{Network: pipeline.Outside},
		Cost:   5 * time.Second, Limit: limit,
		Valid: valid,
	}
	if service.GoModule == "" {
		job.NotApplicable = "there is no Go module, and the data is about Go modules"
		return job, nil
	}
	source := service.Options.VulnDB
	job.Params = params{Source: source}
	job.Inputs.Values = map[string]string{
		"source": source,
		"period": fmt.Sprint(s.time().Unix() / int64(checkEvery/time.Second)),
		"format": formatVersion,
	}
	if tool, err := gotool.Find(); err == nil { // without it there is no module to get, and the worker says so
		job.Access.Read = tool.Reads()
	}
	if dir, ok := folderOf(source); ok {
		job.Inputs.Trees = []string{dir}
		job.Access.Read = append(job.Access.Read, dir)
	}
	return job, nil
}

// Worker gets the data.
func (s Scanner) Worker() pipeline.Worker {
	return func(ctx context.Context, t pipeline.Task) (pipeline.Answer, error) {
		var p params
		if err := json.Unmarshal(t.Params, &p); err != nil {
			return pipeline.Answer{}, fmt.Errorf("reading the parameters of job %s: %w", Name, err)
		}
		report, err := s.get(ctx, t, p.Source)
		if err != nil {
			return pipeline.Answer{}, err
		}
		return pipeline.Answer{Reports: []pipeline.Report{report}}, nil
	}
}

func (s Scanner) time() time.Time {
	if s.now == nil {
		return time.Now()
	}
	return s.now()
}

// valid tells whether the folder that an answer names can still be used.
func valid(a pipeline.Answer) bool {
	for _, r := range a.Reports {
		if r.Stage == Name {
			return r.Values[ValuePath] != "" && intact(r.Values[ValuePath], r.Values[ValueDigest])
		}
	}
	return false
}

// folderOf is the folder that a source names, when it names one.
func folderOf(source string) (string, bool) {
	if dir, ok := strings.CutPrefix(source, "file://"); ok {
		return dir, true
	}
	return source, source != "" && !strings.Contains(source, "://")
}
