// Package gocode checks Go code: is it clean (gofmt, go vet's passes,
// staticcheck), and is it safe (gosec)? One load of the code serves all of
// them, in one process, and a package whose content did not change, nor that of
// what it imports, is not analysed again.
package gocode

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/mod/modfile"

	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
)

// The stages that the job answers.
const (
	lintStage = "lint"
	sastStage = "sast"
)

// maxModFile bounds go.mod and go.work, bytes.
const maxModFile = 4 << 20

// Scanner checks the module at a service's folder.
type Scanner struct{}

// params is what the worker needs to know besides the task.
type params struct {
	Cache   string   `json:"cache"`   // the user's cache folder, which holds the build cache
	Version string   `json:"version"` // of Sluice: another one may judge otherwise
	Ignore  []string `json:"ignore,omitempty"`
}

// Name is that of the job.
func (Scanner) Name() string { return "gocode" }

// Job implements scan.Scanner. It reads go.mod and go.work, and starts no process.
func (Scanner) Job(s scan.Service) (pipeline.Job, error) {
	job := pipeline.Job{
		Name:   "gocode",
		Stages: []string{lintStage, sastStage},
		Check:  true,
		Needs:  []string{"modules"},
		Cost:   20 * time.Second,
		Params: params{Cache: s.CacheDir, Version: s.Version, Ignore: s.Options.LintIgnore},
		Access: pipeline.Access{
			Network: pipeline.NoNetwork,
			Write:   []string{filepath.Join(s.CacheDir, string(gotool.CheckZone))},
		},
	}
	if s.GoModule == "" {
		job.NotApplicable = "there is no go.mod"
		return job, nil
	}
	go_, err := gotool.Find()
	if err != nil {
		return job, err
	}
	job.Inputs = pipeline.Inputs{Trees: trees(s.Dir), Values: go_.Facts()}
	job.Inputs.Values["sluice"] = s.Version
	job.Access.Read = go_.Reads()
	return job, nil
}

// Worker implements scan.Scanner.
func (Scanner) Worker() pipeline.Worker { return work }

// trees are the folders and files whose content decides what the go command
// loads: the module, its workspace, and the folders that replace modules.
func trees(dir string) []string {
	found := append([]string{dir}, replaced(filepath.Join(dir, "go.mod"))...)
	work := workFile(dir)
	if work == "" {
		return found
	}
	found = append(found, work, work+".sum")
	text, err := readBounded(work, maxModFile)
	if err != nil {
		return found
	}
	file, err := modfile.ParseWork(work, text, nil)
	if err != nil {
		return found // the go command will say so, in the worker
	}
	found = append(found, localFolders(filepath.Dir(work), file.Replace)...)
	for _, use := range file.Use {
		module := absolute(filepath.Dir(work), use.Path)
		found = append(found, module)
		found = append(found, replaced(filepath.Join(module, "go.mod"))...)
	}
	return found
}

// workFile finds the workspace as the go command does: in dir or above it.
func workFile(dir string) string {
	for {
		path := filepath.Join(dir, "go.work")
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

// replaced are the folders by which a go.mod replaces modules. A file that
// cannot be read names none: the worker sees what was loaded from elsewhere,
// and then its answer is not kept.
func replaced(path string) []string {
	text, err := readBounded(path, maxModFile)
	if err != nil {
		return nil
	}
	file, err := modfile.Parse(path, text, nil)
	if err != nil {
		return nil
	}
	return localFolders(filepath.Dir(path), file.Replace)
}

func localFolders(base string, replaces []*modfile.Replace) []string {
	var folders []string
	for _, r := range replaces {
		if r.New.Version == "" {
			folders = append(folders, absolute(base, r.New.Path))
		}
	}
	return folders
}

func absolute(base, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(base, filepath.FromSlash(path))
}

func parseParams(raw json.RawMessage) (params, error) {
	var p params
	if err := json.Unmarshal(raw, &p); err != nil {
		return p, fmt.Errorf("reading the job's parameters: %w", err)
	}
	return p, nil
}
