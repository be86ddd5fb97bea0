// Package trivy asks what Trivy knows: is the infrastructure that a repository
// describes set up safely (IaC)?
package trivy

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
	"github.com/sluice-ci/sluice/internal/tool"
)

// IaCName is the name of the job and of its one stage.
const IaCName = "iac"

// The names of who makes findings.
const (
	toolName      = "trivy"
	terraformName = "terraform"
	composeTool   = "sluice-compose"
)

// IaC plans and does the stage "iac": Terraform, Dockerfiles, Kubernetes'
// manifests, Helm charts and Compose files of the whole work tree.
type IaC struct {
	probe probe // nil is tool.Found.Probe
}

// probe makes sure of a tool that is to be used.
type probe func(context.Context, tool.Found) (tool.Found, error)

func (p probe) orDefault() probe {
	if p != nil {
		return p
	}
	return func(ctx context.Context, f tool.Found) (tool.Found, error) { return f.Probe(ctx, nil) }
}

var _ scan.Scanner = IaC{}

// params is what the planner hands to the worker.
type params struct {
	Top       string     `json:"top"`               // of the work tree, or the service's root, absolute
	Git       bool       `json:"git,omitempty"`     // Top is a git work tree
	Version   string     `json:"version"`           // of Sluice
	Trivy     tool.Found `json:"trivy"`             // Path is "" where it is not there
	Missing   string     `json:"missing,omitempty"` // why it is not
	Remedy    string     `json:"remedy,omitempty"`
	Terraform terraform  `json:"terraform"`

	Absent       string `json:"absent,omitempty"` // what of the repository is not here
	AbsentRemedy string `json:"absentRemedy,omitempty"`
}

// Name implements scan.Scanner.
func (IaC) Name() string { return IaCName }

// Job implements scan.Scanner. What infrastructure there is, the worker finds
// out: a planner does not read a whole tree. git's index decides what of it is
// part of the repository.
func (IaC) Job(s scan.Service) (pipeline.Job, error) {
	job := pipeline.Job{
		Name: IaCName, Stages: []string{IaCName}, Check: true,
		Access: pipeline.Access{Network: pipeline.NoNetwork},
		Cost:   5 * time.Second,
	}
	p := newParams(s, &job)
	p.Top, p.Git = cmp.Or(s.GitTop, s.Root), s.GitTop != ""
	job.Inputs.Trees = []string{p.Top}
	p.Terraform = findTerraform(s.Tools)
	job.Access.Read = append(job.Access.Read, p.Terraform.Read...)
	job.Inputs.Values[terraformName] = p.Terraform.Digest
	if repository(s, &job); p.Git {
		p.missing(p.Top, ".")
	}
	job.Params = p
	return job, nil
}

// fileState tells a file from another by what the system says of it.
func fileState(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return "none"
	}
	return fmt.Sprintf("%s %d %d", path, info.Size(), info.ModTime().UnixNano())
}

// digestOf is of a file's content; "" where it cannot be read.
func digestOf(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Worker implements scan.Scanner.
func (s IaC) Worker() pipeline.Worker { return s.work }

func (s IaC) work(ctx context.Context, t pipeline.Task) (_ pipeline.Answer, err error) {
	var p params
	if err := json.Unmarshal(t.Params, &p); err != nil {
		return pipeline.Answer{}, fmt.Errorf("reading the parameters of job %s: %w", t.Job, err)
	}
	dir, err := os.MkdirTemp("", "sluice-iac-")
	if err != nil {
		return pipeline.Answer{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	t.Progress("looking for infrastructure files")
	ignored := nothingIgnored
	if p.Git {
		ignored = ignoredByGit
	}
	files, err := look(ctx, p.Top, ignored)
	if err != nil {
		return pipeline.Answer{}, err
	}
	if p.Git && files.inner {
		if files.hidden, err = trackedInner(ctx, p.Top); err != nil {
			return pipeline.Answer{}, err
		}
	}
	if err := files.handOver(t.Out); err != nil {
		return pipeline.Answer{}, err
	}
	r := pipeline.Report{Stage: IaCName}
	if len(files.files)+len(files.broken)+len(files.large)+len(files.coded)+len(files.hidden)+len(files.charts) == 0 && p.Absent == "" {
		r.NotApplicable = "there are no Terraform files, Dockerfiles, Kubernetes manifests or Compose files"
		r.Notes = files.notes()
		return pipeline.Answer{Reports: []pipeline.Report{r}}, nil
	}
	e := &examination{probe: s.probe.orDefault(), task: t, params: p, dir: dir, tree: files, report: r, rules: map[string]sarif.Rule{}, examined: map[kind]map[string]bool{}}
	if p.Absent != "" {
		e.miss(p.Absent, p.AbsentRemedy)
	}
	if err := e.examine(ctx); err != nil {
		return pipeline.Answer{}, err
	}
	return pipeline.Answer{Reports: []pipeline.Report{e.done()}}, nil
}

// examination is of one tree.
type examination struct {
	probe  probe
	task   pipeline.Task
	params params
	dir    string // of the worker's own
	tree   *tree

	report   pipeline.Report
	rules    map[string]sarif.Rule
	test     pipeline.SelfTest
	examined map[kind]map[string]bool
	unseen   []string // why something was not looked at
	remedy   string
	unset    []string // variables of Terraform's
}

// where is a file's path as findings have it: relative to the service's root.
func (e *examination) where(name string) string {
	rel, err := filepath.Rel(e.task.Root, filepath.Join(e.params.Top, filepath.FromSlash(name)))
	if err != nil {
		return name
	}
	return filepath.ToSlash(rel)
}

// miss notes that something was not looked at, and the first remedy.
func (e *examination) miss(reason, remedy string) {
	if !slices.Contains(e.unseen, reason) {
		e.unseen = append(e.unseen, reason)
	}
	e.remedy = cmp.Or(e.remedy, remedy)
}

func (e *examination) examine(ctx context.Context) error {
	if err := e.unseeable(); err != nil {
		return err
	}
	if err := e.compose(); err != nil {
		return err
	}
	if len(e.tree.named(terraformKind)) > 0 {
		e.task.Progress("checking the format of Terraform files")
		if err := e.format(ctx); err != nil {
			return err
		}
	}
	if len(e.tree.files) == len(e.tree.named(composeKind)) && len(e.tree.charts) == 0 {
		return nil
	}
	return e.misconfigurations(ctx)
}

// compose holds Compose files to Sluice's own rules.
func (e *examination) compose() error {
	if len(e.tree.named(composeKind)) == 0 {
		return nil
	}
	e.report.Tools = append(e.report.Tools, pipeline.Tool{Name: composeTool, Version: e.params.Version})
	for id, r := range composeRules() {
		e.rules[id] = r.Rule
	}
	planted, err := composeFindings([]byte(plantedCompose), plantedFolder)
	if err != nil {
		return fmt.Errorf("the planted Compose file: %w", err)
	}
	e.plant("compose-privileged", slices.ContainsFunc(planted, func(f sarif.Finding) bool { return f.Rule == "compose-privileged" && f.Location.Line == 4 }))
	e.examined[composeKind] = map[string]bool{}
	for _, name := range e.tree.named(composeKind) {
		found, err := composeFindings(e.tree.text(name), e.where(name))
		if err != nil {
			e.tree.faultAt(name, err)
			continue
		}
		e.examined[composeKind][name] = true
		e.report.Findings = append(e.report.Findings, found...)
	}
	return nil
}

// plant notes what was planted, and whether it was caught.
func (e *examination) plant(rule string, caught bool) {
	e.test.Planted = append(e.test.Planted, rule)
	if caught {
		e.test.Caught = append(e.test.Caught, rule)
	}
}

// format has terraform fmt look at Terraform's files, but for those in JSON,
// which it has no format for.
func (e *examination) format(ctx context.Context) error {
	names := slices.DeleteFunc(e.tree.named(terraformKind), func(name string) bool { return strings.HasSuffix(name, ".json") })
	if len(names) == 0 {
		return nil
	}
	found, err := e.params.Terraform.found(ctx, e.probe)
	if err != nil {
		e.miss("the format of Terraform files was not checked: "+err.Error(), hint.Remedy(err))
		return nil
	}
	tf := terraformProgram{path: found.Path, env: found.Env, dir: filepath.Join(e.dir, terraformName), log: e.task.Log}
	if err := os.MkdirAll(tf.dir, 0o700); err != nil {
		return err
	}
	e.report.Tools = append(e.report.Tools, pipeline.Tool{Name: terraformName, Version: found.Version, Unpinned: !found.Pinned})
	changed, caught, broken, err := tf.format(ctx, e.params.Top, names)
	if err != nil {
		return err
	}
	e.plant(formatRule, caught)
	e.tree.broken = append(e.tree.broken, broken...)
	e.rules[formatRule] = formatExplained()
	all, err := tf.findings(ctx, e.tree, changed, e.where)
	e.report.Findings = append(e.report.Findings, all...)
	return err
}

// misconfigurations has Trivy look at everything but Compose files.
func (e *examination) misconfigurations(ctx context.Context) error {
	e.task.Progress("looking for misconfigurations")
	found, err := e.params.found(ctx, e.probe)
	if err != nil {
		e.miss(err.Error(), hint.Remedy(err))
		return nil
	}
	e.report.Tools = append(e.report.Tools, found.tools()...)
	p := found.in(filepath.Join(e.dir, toolName), e.task.Log)
	m, err := p.misconfigured(ctx, e.tree)
	if err != nil {
		return err
	}
	for _, rule := range m.test.Planted {
		e.plant(rule, slices.Contains(m.test.Caught, rule))
	}
	for _, k := range []kind{terraformKind, dockerfileKind, kubernetesKind} {
		e.examined[k] = m.examined
	}
	for _, c := range m.failed {
		e.rules[c.rule()] = c.explained()
		e.report.Findings = append(e.report.Findings, c.finding(e.where))
	}
	for _, f := range m.failures {
		e.failure(f)
	}
	e.charts(m)
	return nil
}

// What Trivy says of a file that it cannot read, and of a module that it cannot
// have; a local one is a folder that is not there.
var (
	unread  = regexp.MustCompile(`file_path="?` + treeFolder + `/(.*?)"? (?:cause=.* )?err="(.*)"$`)
	noCall  = regexp.MustCompile(`Failed to load module.* loc="?` + treeFolder + `/([^" ]*)-\d+"? err="(.*)"$`)
	noValue = regexp.MustCompile(`Variable values were not found .* variables="?([^"]*)"?$`)
)

// noLocal is how the error of a local module begins.
const noLocal = "read dir: "

// failure tells of something that Trivy failed at. What is in a module of
// others, which nothing may be fetched for, is not part of the repository.
func (e *examination) failure(line string) {
	if m := noValue.FindStringSubmatch(line); m != nil {
		e.unset = append(e.unset, strings.Split(m[1], ", ")...)
		return
	}
	if m := unread.FindStringSubmatch(line); m != nil {
		e.miss(e.where(m[1])+": "+m[2], "repair the file")
		return
	}
	if noChart.MatchString(line) { // what became of a chart is told of each
		return
	}
	m := noCall.FindStringSubmatch(line)
	switch {
	case m == nil:
		e.miss("Trivy: "+line, "see the stage's log")
	case strings.HasPrefix(m[2], noLocal):
		e.miss(e.where(m[1])+": the folder of the module is not there", "repair the module's source")
	default:
		e.report.Notes = append(e.report.Notes, e.where(m[1])+": a Terraform module from elsewhere, in which nothing was examined")
	}
}

// done is the report.
func (e *examination) done() pipeline.Report {
	counts, err := e.tree.census(func(k kind, name string) bool { return e.examined[k][name] })
	if err != nil && e.unseen == nil && e.tree.broken == nil {
		e.miss(err.Error(), hint.Remedy(err))
	}
	for _, b := range e.tree.broken {
		e.miss(b, "repair the file")
	}
	r := e.report
	r.Examined, r.SelfTest = append(r.Examined, counts...), &e.test
	r.Findings = sarif.Merge(r.Findings)
	r.Rules = scan.Rules(e.rules, r.Findings)
	r.Notes = append(r.Notes, e.tree.notes()...)
	if slices.Sort(e.unset); len(e.unset) > 0 {
		r.Notes = append(r.Notes, "Terraform variables have no value here, and what follows from them was not examined: "+clean(strings.Join(slices.Compact(e.unset), ", "), maxReason))
	}
	if len(e.unseen) > 0 {
		r.NotRun, r.Remedy = "the infrastructure was not looked at in full: "+some(e.unseen), e.remedy
	}
	return r
}

// maxSome is how many reasons a report gives.
const maxSome = 5

func some(reasons []string) string {
	if len(reasons) > maxSome {
		return strings.Join(reasons[:maxSome], "; ") + fmt.Sprintf("; and %d more", len(reasons)-maxSome)
	}
	return strings.Join(reasons, "; ")
}

// notes are what is to be known of a tree besides its files.
func (t *tree) notes() (notes []string) {
	if len(t.charts) > 0 {
		notes = append(notes, fmt.Sprintf("Helm charts were examined as their default values have them rendered, and with no others: %d", len(t.charts)))
	}
	comments := 0
	for _, f := range t.files {
		if f.kind != composeKind && ignoreComment.Match(f.text) {
			comments++
		}
	}
	if comments > 0 {
		notes = append(notes, fmt.Sprintf("files with trivy:ignore comments, which are not honoured (exceptions belong in sluice.yaml): %d", comments))
	}
	return notes
}
