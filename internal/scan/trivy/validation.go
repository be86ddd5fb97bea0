package trivy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-ci/sluice/internal/command"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan/gotest/testexec"
	"github.com/sluice-ci/sluice/internal/tool"
)

// validation is of one tree.
type validation struct {
	task      pipeline.Task
	params    validateParams
	program   string // that confines Terraform further: this one
	terraform tool.Found
	dir       string // of the worker's own
	tree      *tree
	runs      int

	report   pipeline.Report
	called   map[string]bool     // folders that are modules of others
	covered  map[string]bool     // those of them that were validated with one that calls them
	fetched  map[string]bool     // folders whose .terraform is committed, and does not count
	left     map[string][]string // folders that could not be validated, by why
	examined []string
	unseen   []string // why others were not
}

// Why a folder cannot be validated although nothing is wrong with it, and what
// there is to do about it.
const (
	lackLock     = "it starts providers, and no .terraform.lock.hcl says by checksum which (run terraform init, and commit the file)"
	lackEntry    = "the lock file does not name all providers (run terraform init, and commit the file)"
	lackPackage  = "a locked provider is not on this machine (run terraform init)"
	lackChecksum = "what this machine has of a provider has none of the locked checksums (run terraform providers lock -platform=" + platform + ", and terraform init)"
	lackLeave    = "it starts providers, and a run that hands something over starts none (run sluice run --only iac besides)"
	lackModule   = "modules from elsewhere are not there (run terraform init)"
	lackVersion  = "it wants another version of Terraform (install that one)"
)

func lacks() []string {
	return []string{lackLock, lackEntry, lackPackage, lackChecksum, lackLeave, lackModule, lackVersion}
}

// module is a folder that Terraform is run on, with folders of that run's own:
// one that providers could write to is never used for another.
type module struct {
	*validation
	path  string // absolute
	dir   string // what the run may not write to: the settings, the mirror
	write string // what it may: Terraform's data, temporary files
}

func (v *validation) newModule(path string) (m module, err error) {
	v.runs++
	m = module{validation: v, path: path, dir: filepath.Join(v.dir, strconv.Itoa(v.runs))}
	m.write = filepath.Join(m.dir, "w")
	for _, dir := range []string{m.mirror(), m.data(), m.temp()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return m, err
		}
	}
	settings := fmt.Sprintf("disable_checkpoint = true\nprovider_installation {\n  filesystem_mirror {\n    path = %q\n  }\n}\n", m.mirror())
	return m, os.WriteFile(m.settings(), []byte(settings), 0o600)
}

func (m module) mirror() string   { return filepath.Join(m.dir, "mirror") }
func (m module) settings() string { return filepath.Join(m.dir, "terraform.rc") }
func (m module) data() string     { return filepath.Join(m.write, "data") }
func (m module) temp() string     { return filepath.Join(m.write, "t") } // short: there are sockets in it

// start runs Terraform on the folder, without PATH, network or registry.
func (m module) start(ctx context.Context, out, log io.Writer, most int64, args ...string) error {
	settings := testexec.Settings{Write: []string{m.write}}
	return command.Run(ctx, command.Spec{
		Path: m.program, Args: slices.Concat([]string{testexec.Confined, m.terraform.Path, "-chdir=" + m.path}, args),
		Dir: m.write, Stdout: out, Stderr: io.MultiWriter(m.task.Log, log), MaxOutput: most,
		Env: append([]string{
			"HOME=" + m.write, "TMPDIR=" + m.temp(), "LC_ALL=C", "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_INPUT=0",
			"TF_CLI_CONFIG_FILE=" + m.settings(), "TF_DATA_DIR=" + m.data(), "TF_REGISTRY_DISCOVERY_RETRY=0",
			"HTTP_PROXY=" + nowhere, "HTTPS_PROXY=" + nowhere, testexec.Variable + "=" + settings.Encode(),
		}, m.terraform.Env...),
	})
}

// Bounds on what Terraform prints, bytes.
const (
	maxSaid    = 4 << 20
	maxVerdict = 64 << 20
)

// initialised is what came of terraform init.
type initialised struct {
	done   bool
	faults []string // the summaries of its errors
}

// init has Terraform note the modules and take the providers from the mirror. It
// starts none of them.
func (m module) init(ctx context.Context) (i initialised, err error) {
	var out, log bytes.Buffer
	err = m.start(ctx, &out, &limited{&log}, maxSaid, "init", "-backend=false", "-input=false", "-no-color", "-lockfile=readonly")
	var exit *command.ExitError
	if err != nil && !errors.As(err, &exit) {
		return i, err
	}
	for _, s := range syntaxError.FindAllStringSubmatch(log.String(), -1) {
		if s[1] != "" {
			i.faults = append(i.faults, s[1])
		}
	}
	i.done = err == nil && strings.Contains(out.String(), "Terraform has been successfully initialized!")
	if !i.done && len(i.faults) == 0 {
		return i, hint.With(fmt.Errorf("terraform init ended in a way that is not known: %v", exit), "see the stage's log")
	}
	return i, nil
}

func (i initialised) saidAny(summaries ...string) bool {
	return slices.ContainsFunc(summaries, func(s string) bool { return slices.Contains(i.faults, s) })
}

// validate has Terraform say what is wrong with the folder.
func (m module) validate(ctx context.Context) (verdict, error) {
	var out, log bytes.Buffer
	err := m.start(ctx, &out, &limited{&log}, maxVerdict, "validate", "-json", "-no-color")
	var exit *command.ExitError
	if failed := errors.As(err, &exit) && exit.Code == 1; err == nil || failed {
		return readVerdict(out.Bytes(), failed)
	}
	return verdict{}, err
}

// folder validates one. An error is that it was not.
func (v *validation) folder(ctx context.Context, name string, hasLock bool) error {
	m, err := v.newModule(filepath.Join(v.tree.top, filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	lack, err := m.providers(name, hasLock)
	if err != nil {
		return err
	}
	if err := m.modulesOfUser(name); err != nil {
		return err
	}
	i, err := m.init(ctx)
	if err != nil {
		return err
	}
	calls, err := m.calls(name) // before any provider could write that
	if err != nil {
		return err
	}
	for _, c := range calls {
		v.called[c] = true
	}
	if lack != "" {
		v.left[lack] = append(v.left[lack], name)
		return nil
	}
	said, err := m.validate(ctx)
	if err != nil {
		return err
	}
	if err := v.judge(name, i, said, hasLock); err != nil {
		return err
	}
	for _, c := range calls {
		v.covered[c] = v.covered[c] || !v.lacking(name)
	}
	return nil
}

// lacking tells whether something kept a folder from being validated.
func (v *validation) lacking(name string) bool {
	for _, names := range v.left {
		if slices.Contains(names, name) {
			return true
		}
	}
	return false
}

// judge makes findings of what Terraform says of a folder, and notes what kept
// it from being validated.
func (v *validation) judge(name string, i initialised, said verdict, hasLock bool) error {
	explained := i.done
	for _, d := range said.Diagnostics {
		if lack := i.lacks(d, hasLock); lack != "" {
			explained = true
			v.left[lack] = append(v.left[lack], name)
			continue
		}
		if d.Range == nil || d.crashed() {
			return errors.New("terraform validate failed: " + clean(d.Summary+": "+d.Detail, maxReason))
		}
		f, err := d.finding(name, v.where)
		if err != nil {
			return err
		}
		explained = explained || d.Severity == "error"
		v.report.Findings = append(v.report.Findings, f)
	}
	if !explained {
		return errors.New("terraform init failed: " + clean(strings.Join(i.faults, "; "), maxReason))
	}
	return nil
}

// where is a file's path as findings have it: relative to the service's root.
func (v *validation) where(name string) string {
	return (&examination{task: v.task, params: params{Top: v.params.Top}}).where(name)
}

// lacks tells why the folder could not be validated, if that is what a
// diagnostic says and terraform init said so, too: "" when it is a defect.
func (i initialised) lacks(d diagnostic, hasLock bool) string {
	switch {
	case d.Summary == "Module not installed" && i.saidAny("Failed to download module", "Error accessing remote module registry", "Registry service unreachable"):
		return lackModule
	case d.Summary == "Unsupported Terraform Core version" && i.saidAny(d.Summary):
		return lackVersion
	case d.Summary != "Missing required provider" || !i.saidAny("Failed to query available provider packages", "Provider dependency changes detected"):
		return ""
	case hasLock:
		return lackEntry
	}
	return lackLock
}

// providers lays out those that a folder's lock file names, and tells what is
// lacking, if anything.
func (m module) providers(name string, hasLock bool) (lack string, err error) {
	if !hasLock {
		return "", nil
	}
	text, err := m.tree.read(path.Join(name, lockFile))
	var all []locked
	if err == nil {
		all, err = parseLock(text)
	}
	if err != nil {
		return "", hint.With(fmt.Errorf("%s: %w", lockFile, err), "have terraform init write the lock file")
	}
	switch {
	case len(all) == 0: // there is nothing to start
		return "", nil
	case m.params.Held:
		return lackLeave, nil
	case !m.params.Start:
		return lackLock, nil
	}
	places := slices.Clone(m.params.Folders)
	if !m.fetched[name] {
		places = append(places, filepath.Join(m.path, terraformFolder, "providers"))
	}
	for _, l := range all {
		switch err := l.mirror(places, m.mirror()); {
		case errors.Is(err, errNoPackage):
			lack = lackPackage
		case errors.Is(err, errNotLocked):
			lack = lackChecksum
		case err != nil:
			return "", fmt.Errorf("the provider %s: %w", l, err)
		default:
			continue
		}
		fmt.Fprintf(m.task.Log, "%s: the provider %s is not within reach\n", m.path, l)
	}
	return lack, nil
}

// modulesFile is where Terraform notes which module is in which folder.
const modulesFile = "modules/modules.json"

// modulesOfUser lets Terraform find the modules from elsewhere that the user's
// own terraform init has fetched. What is committed is a defect, not a source.
func (m module) modulesOfUser(name string) error {
	if m.fetched[name] {
		return nil
	}
	text, err := m.tree.read(path.Join(name, terraformFolder, modulesFile))
	if errors.Is(err, errNoFile) {
		return nil
	}
	if err != nil {
		return err
	}
	return write(filepath.Join(m.data(), filepath.FromSlash(modulesFile)), text)
}

// calls are the folders of the repository that a folder calls as modules.
func (m module) calls(name string) (dirs []string, err error) {
	text, err := os.ReadFile(filepath.Join(m.data(), filepath.FromSlash(modulesFile)))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var all struct{ Modules []struct{ Key, Dir string } }
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil {
		return nil, fmt.Errorf("reading which modules it calls: %w", err)
	}
	for _, c := range all.Modules {
		if dir := path.Join(name, filepath.ToSlash(c.Dir)); c.Key != "" && dir != name {
			dirs = append(dirs, dir)
		}
	}
	return dirs, nil
}

// selfTest has Terraform look at a folder with a module in which a variable is
// used that is not declared.
func (v *validation) selfTest(ctx context.Context) error {
	v.report.SelfTest = &pipeline.SelfTest{Planted: []string{validateRule}}
	dir := filepath.Join(v.dir, plantedFolder)
	for name, text := range map[string]string{
		"main.tf":       "module \"planted\" {\n  source = \"./child\"\n}\n",
		"child/main.tf": "output \"planted\" {\n  value = var.planted\n}\n",
	} {
		if err := write(filepath.Join(dir, filepath.FromSlash(name)), []byte(text)); err != nil {
			return err
		}
	}
	m, err := v.newModule(dir)
	if err != nil {
		return err
	}
	if _, err := m.init(ctx); err != nil {
		return fmt.Errorf("what was planted: %w", err)
	}
	said, err := m.validate(ctx)
	if err != nil {
		return fmt.Errorf("what was planted: %w", err)
	}
	caught := func(d diagnostic) bool {
		return d.Severity == "error" && d.Range != nil && d.Range.Filename == "child/main.tf" && d.Range.Start.Line == 2
	}
	if len(said.Diagnostics) == 1 && caught(said.Diagnostics[0]) {
		v.report.SelfTest.Caught = v.report.SelfTest.Planted
	}
	return nil
}
