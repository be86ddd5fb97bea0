package tool

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/sluice-ci/sluice/internal/hint"
)

//go:embed lock
var files embed.FS

// Kind is what a tool is made of.
type Kind string

// The kinds.
const (
	Go     Kind = "go"     // a program, fetched as the project has built it or built from its module
	Python Kind = "python" // wheels in an environment of their own
)

// Lock names the tools, and pins them.
type Lock struct {
	Tools []Entry `json:"tools"`
}

// Entry is one tool of the lock.
type Entry struct {
	Name    string `json:"name"`
	Kind    Kind   `json:"kind"`
	Version string `json:"version"` // the pinned one; "" when none is

	Package         string `json:"package,omitempty"`         // of Go: what is built
	Experiment      string `json:"experiment,omitempty"`      // of Go: GOEXPERIMENT
	VersionVariable string `json:"versionVariable,omitempty"` // of Go: the variable that the linker puts Version in

	Module string `json:"module,omitempty"` // of Python: what "python -m" runs
	Least  string `json:"least,omitempty"`  // what is taken from PATH is this version or a later one,
	Below  string `json:"below,omitempty"`  // and before this one
}

// embedded is the lock that this program carries.
func embedded() (Lock, error) {
	text, err := files.ReadFile("lock/tools.json")
	if err != nil {
		return Lock{}, err
	}
	return parseLock(text)
}

// parseLock reads a lock and holds it to its rules.
func parseLock(text []byte) (l Lock, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return l, fmt.Errorf("reading the lock of tools: %w", err)
	}
	for _, e := range l.Tools {
		if err := e.check(); err != nil {
			return l, fmt.Errorf("the lock of tools: %s: %w", e.Name, err)
		}
	}
	return l, nil
}

func (e Entry) check() error {
	if malicious(e.Name, e.Version) {
		return fmt.Errorf("version %s is known to be malicious", e.Version)
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
