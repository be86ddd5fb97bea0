// Package tool knows the programs of others that Sluice starts: which versions
// are pinned, where they are on this machine, and how they get there.
package tool

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/sluice-ci/sluice/internal/command"
	"github.com/sluice-ci/sluice/internal/hint"
)

// Found is a tool on this machine.
type Found struct {
	Name    string
	Version string   // "" when it was found in PATH and not yet asked
	Path    string   // of the program, absolute
	Read    []string // files and folders that it must be shown, absolute (pipeline.Access.Read)
	Env     []string // "NAME=value" that it needs, besides the stage's
	Digest  string   // hex SHA-256 of what decides what it does, for cache keys
	Pinned  bool     // it is what the lock names, in the folder of tools; else it is what PATH has
	// Manifest is the hex SHA-256 of the list of an installed tool's files; "" otherwise.
	Manifest string
}

// Box is where tools are looked for.
type Box struct {
	Dir  string // folder of the installed tools, absolute
	Path string // PATH of the user: folders by colons
	// Repository is a folder of which no program counts, absolute: it is what is looked
	// at, and would vouch for itself. "" is none.
	Repository string
}

// Find gives the installed tool that the lock names, or else, where the lock lets
// it, what PATH has by that name. It starts no process and reads little. The error
// says what to do about a tool that is not there.
func (b Box) Find(name string) (Found, error) {
	lock, err := embedded()
	if err != nil {
		return Found{}, err
	}
	return b.find(lock, name)
}

func (b Box) find(lock Lock, name string) (Found, error) {
	e, err := lock.entry(name)
	if err != nil {
		return Found{}, err
	}
	if f, ok, err := b.installed(e); ok || err != nil {
		return f, err
	}
	if e.Kind != Go {
		if f, ok := b.onPath(e); ok {
			return f, nil
		}
	}
	return Found{}, e.missing()
}

// errMissing is in the error for a tool that is not there.
var errMissing = errors.New("is not installed")

func (e Entry) missing() error {
	return hint.With(fmt.Errorf("%s %w", strings.TrimSpace(e.Name+" "+e.Version), errMissing), e.install())
}

// install is what the user can do to have the tool as the lock names it, or else
// one that it accepts.
func (e Entry) install() string {
	if e.Version == "" {
		return fmt.Sprintf("install %s %s or later, but before %s, where PATH has it", e.Name, e.Least, e.Below)
	}
	return "sluice tools install " + e.Name
}

// Probe makes sure of a tool that is to be used: of one from PATH by asking its
// version, which must be within the lock's range, of a pinned one by all of its
// files. It starts the program, with env, and so is for the process that is
// confined.
func (f Found) Probe(ctx context.Context, env []string) (Found, error) {
	lock, err := embedded()
	if err != nil {
		return f, err
	}
	return f.probe(ctx, lock, env)
}

func (f Found) probe(ctx context.Context, lock Lock, env []string) (Found, error) {
	e, err := lock.entry(f.Name)
	if err != nil {
		return f, err
	}
	if f.Pinned {
		if err := f.verify(e); err != nil {
			return f, hint.With(fmt.Errorf("the installed %s: %w", f.Name, err), e.install())
		}
		if e.Site {
			return f, f.hosts(ctx, e, env)
		}
		return f, nil
	}
	if f.Version, err = f.ask(ctx, env); err != nil {
		return f, hint.With(err, e.install())
	}
	if !e.accepts(f.Version) {
		return f, hint.With(fmt.Errorf("%s is %s %s: it must be at least %s and below %s", f.Path, f.Name, f.Version, e.Least, e.Below), e.install())
	}
	return f, nil
}

// maxVersionOutput bounds what a program may say of its version, bytes.
const maxVersionOutput = 64 << 10

// numbered is the first thing that looks like a version.
var numbered = regexp.MustCompile(`\bv?(\d+(\.\d+){1,3}[0-9A-Za-z.+-]*)`)

// ask starts the program for its version.
func (f Found) ask(ctx context.Context, env []string) (string, error) {
	out, err := command.Output(ctx, command.Spec{Path: f.Path, Args: []string{"--version"}, Env: append(append([]string{}, env...), f.Env...), MaxOutput: maxVersionOutput})
	if err != nil {
		return "", fmt.Errorf("asking %s for its version: %w", f.Path, err)
	}
	version := numbered.FindSubmatch(out)
	if version == nil {
		return "", errors.New("asking " + f.Path + " for its version: its answer has none")
	}
	return string(version[1]), nil
}
