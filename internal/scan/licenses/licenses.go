// Package licenses answers the stage "licenses": may what the service consists of
// be shipped? It looks at the texts in the folders of the modules that are linked
// into the program, in Go's own, and of code that was copied into the service; of a
// Python service at the packages in its image.
package licenses

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/sluice-ci/sluice/internal/gomod"
	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
)

// Stage is the name of the job and of the one stage that it answers.
const Stage = "licenses"

// Scanner plans the job and does it.
type Scanner struct{}

var _ scan.Scanner = Scanner{}

// params are what the worker is told.
type params struct {
	Cache   string        `json:"cache"`   // Sluice's cache folder, for the go command
	Version string        `json:"version"` // of Sluice
	Main    string        `json:"main"`    // the folder of the command that is built
	Terms   scan.Licenses `json:"terms"`
	Own     []string      `json:"own,omitempty"`    // the licence files at the repository's root, absolute
	Python  bool          `json:"python,omitempty"` // it is a Python service, and no Go one
	Image   bool          `json:"image,omitempty"`  // of which an image is built
	Name    string        `json:"name,omitempty"`   // of a Python service
	Beside  bool          `json:"beside,omitempty"` // there is Python beside the Go program

	Committed []string `json:"committed,omitempty"` // folders that look like environments, and have files that git tracks, absolute
	Unsure    bool     `json:"unsure,omitempty"`    // whether there are such folders is not known
}

// Name implements scan.Scanner.
func (Scanner) Name() string { return Stage }

// Job implements scan.Scanner. A go.mod that cannot be read is left to the job
// modules to explain.
func (Scanner) Job(s scan.Service) (pipeline.Job, error) {
	job := pipeline.Job{Name: Stage, Stages: []string{Stage}, Needs: []string{"modules"}, Check: true, Cost: 2 * time.Second}
	if s.GoModule == "" && s.Python {
		return pythonJob(s, job), nil
	}
	if s.GoModule == "" {
		job.NotApplicable = "there is neither a Go module nor a Python project, and licences are looked at of these only"
		return job, nil
	}
	tool, err := gotool.Find()
	if err != nil {
		return job, err
	}
	w, _ := gomod.Find(s.Dir)
	own := ownLicence(s.Root)
	job.Params = params{Cache: s.CacheDir, Version: s.Version, Main: s.Main, Terms: s.Options.Licenses, Own: own, Beside: s.Python}
	job.Inputs = pipeline.Inputs{Trees: append(w.Trees(), own...), Values: tool.Facts()}
	maps.Copy(job.Inputs.Values, map[string]string{"sluice": s.Version, toolName: version(), "modcache": tool.ModCache})
	job.Access = pipeline.Access{Network: pipeline.NoNetwork, Read: tool.Reads(), Write: []string{filepath.Join(s.CacheDir, string(gotool.CheckZone))}}
	return job, nil
}

// ownLicence are the licence files at a repository's root. A service in a folder of
// it is shown them, and not the rest.
func ownLicence(root string) (files []string) {
	entries, _ := os.ReadDir(root) // what cannot be read has no licence
	for _, e := range entries {
		if kindOf(e.Name()) != otherFile && e.Type().IsRegular() && len(files) < maxFiles {
			files = append(files, filepath.Join(root, e.Name()))
		}
	}
	return files
}

// Worker implements scan.Scanner.
func (Scanner) Worker() pipeline.Worker { return work }

func work(ctx context.Context, t pipeline.Task) (pipeline.Answer, error) {
	var p params
	if err := json.Unmarshal(t.Params, &p); err != nil {
		return pipeline.Answer{}, fmt.Errorf("reading the job's parameters: %w", err)
	}
	terms, err := newTerms(p.Terms)
	if err != nil {
		return pipeline.Answer{}, err
	}
	test, examine := selfTest, examine
	if p.Python {
		test, examine = pythonTest, examinePython
	}
	proof, err := scan.Proofs{Dir: t.Cache}.Once(facts(p), func() (pipeline.SelfTest, error) { return test(terms) })
	if err != nil {
		return pipeline.Answer{}, fmt.Errorf("the self-test: %w", err)
	}
	report, err := examine(ctx, t, p, terms)
	report.SelfTest = &proof
	return pipeline.Answer{Reports: []pipeline.Report{report}}, err
}

// facts are all that could blind it.
func facts(p params) map[string]string {
	terms, _ := json.Marshal(p.Terms) // lists of texts can always be written
	return map[string]string{"sluice": p.Version, toolName: version(), "terms": string(terms), "python": strconv.FormatBool(p.Python)}
}

func examine(ctx context.Context, t pipeline.Task, p params, terms terms) (pipeline.Report, error) {
	r := pipeline.Report{Stage: Stage, Tools: []pipeline.Tool{{Name: toolName, Version: version()}}}
	if p.Beside {
		r.Notes = []string{"Python's packages beside the Go program are not in its image, and their licences are not looked at"}
	}
	t.Progress("listing what is linked into the program")
	program, err := list(ctx, t, p)
	if err != nil {
		return r, err
	}
	parts, err := program.parts(t.Root)
	if err != nil {
		return r, err
	}
	copied, err := copied(t.Root, t.Dir, isModule)
	if err != nil {
		return r, err
	}
	t.Progress(fmt.Sprintf("reading the licences of %d modules", len(parts)))
	texts := recall(t.Cache, p.Version)
	read, err := readAll(ctx, append(parts, copied...), texts)
	if err != nil {
		return r, err
	}
	own, err := readAll(ctx, []part{{name: "the service", folders: []string{t.Dir}}, {name: "the repository", single: p.Own}}, texts)
	if err = errors.Join(err, texts.remember()); err != nil {
		return r, err
	}
	describe(t.Log, read)
	count, err := scan.Census("modules", program.modules(), named(read))
	r.Examined = []pipeline.Count{count, {What: "licence files", N: files(read)}}
	r.Findings, r.Rules = terms.findings(without(read, own), place{root: t.Root, dir: t.Dir})
	return r, err
}
