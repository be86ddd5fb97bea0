// Package govuln asks whether a known vulnerability of a Go module, or of Go
// itself, can be reached: in the service's source (Deps), and in the programs
// of the image that was built from it (Image). Both use govulncheck as a
// library, with the data that the job "vulndb" left.
package govuln

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"runtime/debug"
	"time"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
)

// The jobs, each of one stage of the same name.
const (
	DepsName  = "deps"
	ImageName = "image-scan"
)

// The jobs that these need, and the values that they read of their reports.
const (
	modulesJob  = "modules"
	buildJob    = "build"
	databaseJob = "vulndb"

	databasePath     = "path"
	databaseModified = pipeline.DataModified
	databaseDigest   = "digest"
)

// toolName is who makes the findings about advisories.
const toolName = "govulncheck"

// params is what the planners hand to the workers.
type params struct {
	Cache   string `json:"cache,omitempty"` // Sluice's cache folder, for the compiler
	Version string `json:"version"`         // of Sluice
	Main    string `json:"main,omitempty"`  // the folder of the command that is built
}

func readParams(t pipeline.Task) (params, error) {
	var p params
	if err := json.Unmarshal(t.Params, &p); err != nil {
		return p, fmt.Errorf("reading the parameters of job %s: %w", t.Job, err)
	}
	return p, nil
}

// openDatabase finds the vulnerability data that the job "vulndb" left.
func openDatabase(t pipeline.Task) (database, error) {
	report, ok := t.Needs[databaseJob].Reports[databaseJob]
	if !ok || report.NotRun != "" || report.Values[databasePath] == "" {
		return database{}, fmt.Errorf("there is no vulnerability data: %s", because(report.NotRun))
	}
	modified, err := time.Parse(time.RFC3339, report.Values[databaseModified])
	if err != nil {
		return database{}, fmt.Errorf("reading the age of the vulnerability data: %w", err)
	}
	d := database{path: report.Values[databasePath], modified: modified, digest: report.Values[databaseDigest]}
	if _, err := os.Stat(d.path); err != nil {
		return d, hint.With(fmt.Errorf("opening the vulnerability data: %w", err), "run again: it is fetched anew when it is gone")
	}
	return d, nil
}

// date says in a report how old the data is that it rests on.
func (d database) date(r pipeline.Report) pipeline.Report {
	r.Values = maps.Clone(r.Values)
	if r.Values == nil {
		r.Values = map[string]string{}
	}
	r.Values[pipeline.DataModified] = d.modified.UTC().Format(time.RFC3339)
	return r
}

func because(reason string) string {
	if reason == "" {
		return "stage " + databaseJob + " left none"
	}
	return reason
}

// tools names govulncheck with the version that is linked in.
func tools() []pipeline.Tool {
	return []pipeline.Tool{{Name: toolName, Version: version()}}
}

func version() string {
	info, _ := debug.ReadBuildInfo()
	return versionIn(info)
}

// versionIn is the version that a program was linked with. Test programs do
// not say.
func versionIn(info *debug.BuildInfo) string {
	if info != nil {
		for _, m := range info.Deps {
			if m.Path == "golang.org/x/vuln" {
				return m.Version
			}
		}
	}
	return "unknown"
}
