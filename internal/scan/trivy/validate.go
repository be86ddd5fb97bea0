package trivy

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sluice-ci/sluice/internal/atomicfile"
	"github.com/sluice-ci/sluice/internal/gitrepo"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

// ValidateName is the name of the job that has Terraform validate folders.
const ValidateName = "terraform"

// Validate plans and does the part of the stage "iac" that starts programs which
// the repository chooses: Terraform's providers. Its process sees the work tree
// without repositories, the machine's providers, and a loopback interface of its own.
type Validate struct{ probe probe }

var _ scan.Scanner = Validate{}

// validateParams is what the planner hands to the worker.
type validateParams struct {
	Top       string    `json:"top"` // of the work tree, or the service's root, absolute
	Terraform terraform `json:"terraform"`
	Folders   []string  `json:"folders,omitempty"` // of providers, on this machine
	Start     bool      `json:"start"`             // providers may be started
	Held      bool      `json:"held,omitempty"`    // they may not, whatever is locked
}

// Name implements scan.Scanner.
func (Validate) Name() string { return ValidateName }

// Job implements scan.Scanner. Which Terraform files are part of the repository,
// the job "iac" says: git is not within reach here.
func (Validate) Job(s scan.Service) (pipeline.Job, error) {
	p := validateParams{Top: cmp.Or(s.GitTop, s.Root), Terraform: findTerraform(s.Tools)}
	p.Held, p.Start = !s.Providers, s.Providers && mayBeLocked(s.GitTop)
	job := pipeline.Job{
		Name: ValidateName, Stages: []string{IaCName}, Reads: []string{IaCName}, Check: true,
		Inputs: pipeline.Inputs{Trees: []string{p.Top}, Values: map[string]string{"sluice": s.Version, terraformName: p.Terraform.Digest}},
		Access: pipeline.Access{Network: pipeline.NoNetwork, Read: p.Terraform.Read},
		Cost:   2 * time.Second,
	}
	if p.Start {
		home, _ := os.UserHomeDir() // who has none has no folders there
		p.Folders = providerFolders(home, os.Getenv)
		read, digest := packages(p.Folders)
		job.Inputs.Values["providers"] = digest
		job.Access.Read = slices.Concat(job.Access.Read, read)
		// Terraform speaks with providers over Unix sockets of its own, which a
		// process without any network cannot connect.
		job.Access.Network, job.Access.RunsRepositoryCode = pipeline.Loopback, true
	}
	job.Params = p
	return job, nil
}

// mayBeLocked tells whether a lock file may be committed: only then is there
// something to start. git's index has names as they are, or without the
// beginning that the name before has, too.
func mayBeLocked(top string) bool {
	if top == "" {
		return true
	}
	r, err := gitrepo.Open(top)
	if err != nil {
		return false // which is for the job "iac" to tell
	}
	index, err := os.ReadFile(filepath.Join(r.Dir, "index"))
	return err == nil && bytes.Contains(index, []byte(".lock.hcl"))
}

// handedOver is the file in which the job "iac" says which folders have
// Terraform files of the repository, and which of them a lock file.
const handedOver = "terraform.json"

type terraformFolders struct {
	Folders []string `json:"folders"` // relative to the tree's top, with slashes
	Locked  []string `json:"locked"`
	Fetched []string `json:"fetched"` // folders whose .terraform is committed
}

// handOver writes that file. Names that no text can have are told by the job
// "iac" itself.
func (t *tree) handOver(dir string) error {
	var all terraformFolders
	for _, name := range t.named(terraformKind) {
		all.Folders = append(all.Folders, path.Dir(name))
	}
	slices.Sort(all.Folders)
	all.Folders = slices.Compact(all.Folders)
	for _, name := range t.locks {
		if slices.Contains(all.Folders, path.Dir(name)) {
			all.Locked = append(all.Locked, path.Dir(name))
		}
	}
	for _, name := range folders(t.hidden) {
		all.Fetched = append(all.Fetched, path.Dir(name))
	}
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(dir, handedOver), text, 0o600)
}

// takeOver reads it.
func takeOver(t pipeline.Task) (all terraformFolders, err error) {
	need, ok := t.Needs[IaCName]
	if !ok || need.Out == "" {
		return all, hint.With(errors.New("which Terraform files there are, the job iac did not say"), "see the stage's log")
	}
	text, err := os.ReadFile(filepath.Join(need.Out, handedOver))
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		return all, fmt.Errorf("reading which Terraform files there are: %w", err)
	}
	for _, name := range slices.Concat(all.Folders, all.Locked) {
		if !filepath.IsLocal(name) || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
			return all, fmt.Errorf("reading which Terraform files there are: %.200q", name)
		}
	}
	return all, nil
}

// Worker implements scan.Scanner.
func (s Validate) Worker() pipeline.Worker { return s.work }

func (s Validate) work(ctx context.Context, t pipeline.Task) (_ pipeline.Answer, err error) {
	var p validateParams
	if err := json.Unmarshal(t.Params, &p); err != nil {
		return pipeline.Answer{}, fmt.Errorf("reading the parameters of job %s: %w", t.Job, err)
	}
	all, err := takeOver(t)
	if err != nil {
		return pipeline.Answer{}, err
	}
	r := pipeline.Report{Stage: IaCName}
	if len(all.Folders) == 0 {
		r.NotApplicable = "there are no Terraform files"
		return pipeline.Answer{Reports: []pipeline.Report{r}}, nil
	}
	found, err := p.Terraform.found(ctx, s.probe.orDefault())
	if err != nil {
		return pipeline.Answer{}, err
	}
	if found.Path, err = exec.LookPath(found.Path); err != nil {
		return pipeline.Answer{}, err
	}
	r.Tools = []pipeline.Tool{{Name: terraformName, Version: found.Version, Unpinned: !found.Pinned}}
	dir, err := os.MkdirTemp("", "sluice-tf-")
	if err != nil {
		return pipeline.Answer{}, err
	}
	defer func() { err = errors.Join(err, atomicfile.RemoveAll(dir)) }()
	root, err := os.OpenRoot(p.Top)
	if err != nil {
		return pipeline.Answer{}, fmt.Errorf("opening the work tree: %w", err)
	}
	defer root.Close()
	v := &validation{
		task: t, params: p, program: t.Program, terraform: found, dir: dir, tree: &tree{top: p.Top, root: root}, report: r,
		called: map[string]bool{}, covered: map[string]bool{}, fetched: map[string]bool{}, left: map[string][]string{},
	}
	for _, name := range all.Fetched {
		v.fetched[name] = true
	}
	if err := v.selfTest(ctx); err != nil {
		return pipeline.Answer{}, err
	}
	if err := v.all(ctx, all); err != nil {
		return pipeline.Answer{}, err
	}
	return pipeline.Answer{Reports: []pipeline.Report{v.done(all.Folders)}}, nil
}

// all validates the folders with a lock file, and then those of the others that
// none of them calls as a module.
func (v *validation) all(ctx context.Context, all terraformFolders) error {
	others := slices.DeleteFunc(slices.Clone(all.Folders), func(name string) bool { return slices.Contains(all.Locked, name) })
	for i, name := range slices.Concat(all.Locked, others) {
		if i >= len(all.Locked) && v.covered[name] {
			v.examined = append(v.examined, name)
			continue
		}
		v.task.Progress("validating " + clean(name, 100))
		if err := v.folder(ctx, name, i < len(all.Locked)); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			v.unseen = append(v.unseen, clean(name+": "+err.Error(), maxReason))
			v.report.Remedy = cmp.Or(v.report.Remedy, hint.Remedy(err), "see the stage's log")
			continue
		}
		v.examined = append(v.examined, name)
	}
	return nil
}

// done is the report on some folders.
func (v *validation) done(folders []string) pipeline.Report {
	r := v.report
	n, err := scan.Census("Terraform folders", folders, v.examined)
	if err != nil && v.unseen == nil {
		v.unseen = []string{err.Error()}
	}
	r.Examined, r.Findings = []pipeline.Count{n}, sarif.Merge(r.Findings)
	r.Rules = scan.Rules(map[string]sarif.Rule{validateRule: validateExplained()}, r.Findings)
	for _, why := range lacks() {
		names := slices.DeleteFunc(slices.Clone(v.left[why]), func(name string) bool { return v.called[name] })
		slices.Sort(names)
		if names = slices.Compact(names); len(names) > 0 {
			r.Notes = append(r.Notes, "terraform validate was not done: "+why+": "+clean(some(names), maxReason))
		}
	}
	if len(v.unseen) > 0 {
		r.NotRun = "Terraform folders were not validated: " + some(v.unseen)
	}
	return r
}
