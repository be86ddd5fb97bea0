package tool

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/sluice-ci/sluice/internal/hint"
)

//go:embed lock
var carried embed.FS

// Kind is what a tool is made of.
type Kind string

// The kinds.
const (
	Go     Kind = "go"     // a program, fetched as its project has built it or built from its module
	Python Kind = "python" // wheels in an environment of their own
	// Program is fetched as its project has built it, and from nowhere else.
	Program Kind = "program"
)

// Lock names the tools, and pins them.
type Lock struct {
	Tools []Entry `json:"tools"`
	files fs.FS   // the requirements, go.mod and go.sum of the tools
}

// Entry is one tool of the lock.
type Entry struct {
	Name    string `json:"name"`
	Kind    Kind   `json:"kind"`
	Version string `json:"version,omitempty"` // the pinned one; "" when none is

	// Of Go.
	Package         string             `json:"package,omitempty"`         // what is built, with NAME.mod and NAME.sum
	Experiment      string             `json:"experiment,omitempty"`      // GOEXPERIMENT
	VersionVariable string             `json:"versionVariable,omitempty"` // the variable that the linker puts Version in
	Archives        map[string]Archive `json:"archives,omitempty"`        // by platform: "linux/amd64"; of Program, too

	// Of Python, with NAME.txt.
	Module string `json:"module,omitempty"` // what "python -m" runs
	Python string `json:"python,omitempty"` // the least version of the interpreter
	Site   bool   `json:"site,omitempty"`   // it runs in the Python that PATH has, with the packages there

	// Of all but Go.
	Least string   `json:"least,omitempty"` // what is taken from PATH is this version or a later one,
	Below string   `json:"below,omitempty"` // and before this one
	With  []string `json:"with,omitempty"`  // "NAME=value" that it is started with

	id string // hash of all that the lock says of it
}

// Archive is a program as its project publishes it: a .tar.gz or .zip that holds it.
type Archive struct {
	URL    string `json:"url"`
	SHA256 string `json:"sha256"`
}

// embedded is the lock that this program carries.
func embedded() (Lock, error) {
	files, err := fs.Sub(carried, "lock")
	if err != nil {
		return Lock{}, err
	}
	return readLock(files)
}

// readLock reads tools.json and holds it, and what it refers to, to the rules.
func readLock(files fs.FS) (l Lock, err error) {
	text, err := fs.ReadFile(files, "tools.json")
	if err != nil {
		return l, fmt.Errorf("reading the lock of tools: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return l, fmt.Errorf("reading the lock of tools: %w", err)
	}
	l.files = files
	for i := range l.Tools {
		if err := l.check(&l.Tools[i]); err != nil {
			return l, fmt.Errorf("the lock of tools: %s: %w", l.Tools[i].Name, err)
		}
	}
	return l, nil
}

// What a lock may say.
var (
	named     = regexp.MustCompile(`^[a-z][a-z0-9]*$`)
	checksum  = regexp.MustCompile(`^[0-9a-f]{64}$`)
	published = regexp.MustCompile(`^https://`)
	// requirement is one exact version of a package, with the hashes of its wheels.
	requirement = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*==[0-9][0-9a-z.]*( --hash=sha256:[0-9a-f]{64})+$`)
)

// check holds an entry to the rules, and hashes it.
func (l Lock) check(e *Entry) error {
	switch {
	case !named.MatchString(e.Name):
		return errors.New("that is no name")
	case e.Version != "" && !semver.IsValid("v"+e.Version):
		return fmt.Errorf("%q is no version", e.Version)
	case malicious(e.Name, e.Version):
		return fmt.Errorf("version %s is known to be malicious", e.Version)
	}
	sum := sha256.New()
	if err := json.NewEncoder(sum).Encode(e); err != nil {
		return err
	}
	for _, name := range e.files() {
		text, err := fs.ReadFile(l.files, name)
		if err != nil {
			return err
		}
		fmt.Fprintf(sum, "%s %x\n", name, sha256.Sum256(text))
	}
	e.id = hex.EncodeToString(sum.Sum(nil))
	switch e.Kind {
	case Go:
		return e.checkGo()
	case Python:
		return l.checkPython(*e)
	case Program:
		return e.checkProgram()
	}
	return fmt.Errorf("%q is no kind of tool", e.Kind)
}

// files are those that belong to an entry.
func (e Entry) files() []string {
	switch {
	case e.Version == "", e.Kind == Program:
		return nil
	case e.Kind == Go:
		return []string{e.Name + ".mod", e.Name + ".sum"}
	}
	return []string{e.Name + ".txt"}
}

func (e Entry) checkGo() error {
	if e.Version == "" || e.Package == "" {
		return errors.New("a Go tool has a version and a package")
	}
	return e.checkArchives()
}

func (e Entry) checkProgram() error {
	if e.Version == "" || len(e.Archives) == 0 || !e.accepts(e.Version) {
		return errors.New("a program has a version, archives, and a range of versions around it")
	}
	return e.checkArchives()
}

func (e Entry) checkArchives() error {
	for platform, a := range e.Archives {
		if !checksum.MatchString(a.SHA256) || !published.MatchString(a.URL) {
			return fmt.Errorf("the archive for %s has no checksum or no address", platform)
		}
	}
	return nil
}

func (l Lock) checkPython(e Entry) error {
	if e.Module == "" || !semver.IsValid("v"+e.Least) || !semver.IsValid("v"+e.Below) {
		return errors.New("a Python tool has a module and a range of versions")
	}
	if e.Version == "" {
		return nil
	}
	text, err := fs.ReadFile(l.files, e.Name+".txt")
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	for _, line := range lines {
		if !requirement.MatchString(line) {
			return fmt.Errorf("%q does not say one version and its hashes", line)
		}
	}
	if !e.accepts(e.Version) || !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, e.Name+"=="+e.Version+" ") }) {
		return fmt.Errorf("its requirements are not those of version %s", e.Version)
	}
	return nil
}

// malicious tells the versions that must never be installed, whoever asks for them.
// Those of Trivy read the secrets of the machines they ran on (CVE-2026-33634).
func malicious(name, version string) bool {
	return name == "trivy" && semver.Compare("v"+version, "v0.69.4") >= 0 && semver.Compare("v"+version, "v0.69.6") <= 0
}

func (l Lock) entry(name string) (Entry, error) {
	names := make([]string, len(l.Tools))
	for i, e := range l.Tools {
		if e.Name == name {
			return e, nil
		}
		names[i] = e.Name
	}
	return Entry{}, hint.With(fmt.Errorf("there is no tool %q", name), "the tools are "+strings.Join(names, ", "))
}

// accepts tells whether a version from PATH will do. One that cannot be compared
// will not.
func (e Entry) accepts(version string) bool {
	v := "v" + version
	return semver.IsValid(v) && semver.Compare(v, "v"+e.Least) >= 0 && semver.Compare(v, "v"+e.Below) < 0 && !malicious(e.Name, version)
}
