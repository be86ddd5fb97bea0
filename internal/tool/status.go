package tool

import (
	"context"
	"errors"

	"github.com/sluice-ci/sluice/internal/hint"
)

// Status is how one tool of the lock stands on this machine.
type Status struct {
	Name   string `json:"name"`
	Kind   Kind   `json:"kind"`
	Pinned string `json:"pinned,omitempty"` // the version that the lock names; "" when it names none
	Range  string `json:"range,omitempty"`  // what is taken from PATH: ">=5 <8"; "" when nothing is
	State  State  `json:"state"`
	// Version is the one that would be used, and Path where it is; "" when there is
	// none.
	Version string `json:"version,omitempty"`
	Path    string `json:"path,omitempty"`
	Source  string `json:"source,omitempty"` // where an installed one came from
	Problem string `json:"problem,omitempty"`
	Remedy  string `json:"remedy,omitempty"`
	// Differences are what of an installed tool's files is not as it was installed.
	Differences []string `json:"differences,omitempty"`
}

// State is where a tool is.
type State string

// The states.
const (
	Installed State = "installed" // what the lock names
	InPath    State = "PATH"      // not pinned
	Missing   State = "missing"
	Refused   State = "refused" // what PATH has will not do
	Broken    State = "broken"  // it is installed, and not as it was
)

// Names are those of all tools.
func Names() ([]string, error) {
	lock, err := embedded()
	var names []string
	for _, e := range lock.Tools {
		names = append(names, e.Name)
	}
	return names, err
}

// Locked is what the lock says of a tool, in words: the version that it pins, or
// the range of those that are taken from PATH; "" for what is no tool.
func Locked(name string) string {
	lock, err := embedded()
	if err != nil {
		return ""
	}
	e, err := lock.entry(name)
	switch {
	case err != nil:
		return ""
	case e.Version != "":
		return e.Version
	}
	return ">=" + e.Least + " <" + e.Below
}

// Status says how a tool stands. With verify all files of an installed one are
// read; one from PATH is started, with env, for its version.
func (b Box) Status(ctx context.Context, name string, verify bool, env []string) (Status, error) {
	lock, err := embedded()
	if err != nil {
		return Status{}, err
	}
	return b.status(ctx, lock, name, verify, env)
}

func (b Box) status(ctx context.Context, lock Lock, name string, verify bool, env []string) (Status, error) {
	e, err := lock.entry(name)
	if err != nil {
		return Status{}, err
	}
	s := Status{Name: e.Name, Kind: e.Kind, Pinned: e.Version, State: Missing}
	if e.Kind != Go {
		s.Range = ">=" + e.Least + " <" + e.Below
	}
	f, err := b.find(lock, name)
	switch {
	case errors.Is(err, errMissing):
		return s.because(Missing, err), nil
	case err != nil:
		return s.because(Broken, err), nil
	}
	s.Path, s.Version, s.State = f.Path, f.Version, InPath
	if f.Pinned {
		return s.installed(e, f, verify), nil
	}
	f, err = f.probe(ctx, lock, env)
	if s.Version = f.Version; err != nil {
		s = s.because(Refused, err)
	}
	return s, nil
}

// installed says how an installed tool stands.
func (s Status) installed(e Entry, f Found, verify bool) Status {
	m, _, err := readManifest(prefix(f.Path))
	s.State, s.Source = Installed, m.Source
	if err == nil && verify {
		if s.Differences, err = m.differences(prefix(f.Path)); len(s.Differences) > 0 {
			err = errors.New("it is not as it was installed")
		}
	}
	if err != nil {
		return s.because(Broken, hint.With(err, e.install()))
	}
	return s
}

func (s Status) because(state State, err error) Status {
	s.State, s.Problem, s.Remedy = state, err.Error(), hint.Remedy(err)
	return s
}
