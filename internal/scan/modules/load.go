package modules

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/mod/module"

	"github.com/sluice-ci/sluice/internal/command"
	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/hint"
)

// variant is one way in which the service's packages are built later: each can
// import something that the others do not.
type variant struct {
	flags []string
	env   []string
}

func variants() []variant {
	return []variant{
		{flags: []string{"-test"}},               // checks
		{flags: []string{"-test", "-tags=race"}}, // go test -race
		{flags: []string{"-test", "-tags=" + gotool.ImageTag}, env: []string{"GOOS=linux", "CGO_ENABLED=0"}}, // the image, and its checks
	}
}

// load has the go command load every package, which fetches the modules that
// they import and only those: "go mod download" fetches whatever go.mod names.
func (f *fetcher) load(ctx context.Context) ([]string, error) {
	env, err := f.env(ctx)
	if err != nil {
		return nil, err
	}
	var needed []string
	for _, v := range variants() {
		var more listing
		gotool.Retry(ctx, func() bool {
			more, err = f.list(ctx, v, env)
			return passing(more.problems)
		})
		if err != nil {
			return nil, err
		}
		if len(more.problems) > 0 {
			return nil, f.explain(more.problems)
		}
		needed = append(needed, more.needed...)
	}
	slices.Sort(needed)
	return slices.Compact(needed), nil
}

// passing reports whether all that is wrong may be gone a moment later. Where a
// download was tampered with as well, that is said, and not tried again.
func passing(problems []string) bool {
	lasting := slices.ContainsFunc(problems, func(text string) bool { return !gotool.Passing(text) || causes[0].says.MatchString(text) })
	return len(problems) > 0 && !lasting
}

// list loads one variant. Errors in the source are not its concern: -e makes
// them part of the output, where those about modules are told apart: the
// listing's problems, which a caller must look at.
func (f *fetcher) list(ctx context.Context, v variant, env []string) (listing, error) {
	var out bytes.Buffer
	watch := &watcher{log: f.Log, tell: f.Progress, total: len(f.missing())}
	args := slices.Concat([]string{"list", "-e", "-deps", "-json=ImportPath,Dir,Module,Error"}, v.flags, []string{"./..."})
	err := f.tc.Run(ctx, f.Dir, slices.Concat(env, v.env), &out, watch, args...)
	var exit *command.ExitError
	if errors.As(err, &exit) {
		return listing{problems: []string{watch.said()}}, nil
	}
	if err != nil {
		return listing{}, fmt.Errorf("listing the packages: %w", err)
	}
	all, err := f.readList(&out)
	if err != nil {
		return listing{}, fmt.Errorf("reading the list of packages: %w", err)
	}
	if len(all.problems) > 0 {
		return all, nil
	}
	if gone := slices.DeleteFunc(slices.Clone(f.own), func(path string) bool { return all.packages[path] }); len(gone) > 0 {
		return listing{}, hint.With(fmt.Errorf("the go command left out packages of the service: %s", some(gone)), "see what go list ./... says")
	}
	return all, nil
}

// listing is what go list said.
type listing struct {
	needed, problems []string
	packages         map[string]bool // by import path
}

// listed is a package as go list prints it.
type listed struct {
	ImportPath string
	Dir        string
	Module     *listedModule
	Error      *struct{ Err string }
}

type listedModule struct {
	Path, Version string
	Main          bool
	Replace       *listedModule
}

// id is "path@version" in the module cache, "" for a folder outside of it.
func (m *listedModule) id() string {
	if m == nil || m.Main {
		return ""
	}
	if m.Replace != nil {
		m = m.Replace
	}
	if m.Version == "" {
		return ""
	}
	return m.Path + "@" + m.Version
}

// problem is what is wrong with a package if it could not be found, "" if it
// was, whether or not it can be compiled. It names the package, or its module.
func (f *fetcher) problem(p listed) string {
	if p.Error == nil || p.Dir != "" || strings.Contains(p.Error.Err, "is not in std") {
		return ""
	}
	if text := p.Error.Err; strings.Contains(text, p.ImportPath) || moduleAt.MatchString(text) {
		return text
	}
	return f.provider(p.ImportPath) + ": " + p.Error.Err
}

// provider is the module that go.mod names for a package, or the package.
func (f *fetcher) provider(path string) string {
	best := module.Version{}
	for _, m := range f.w.Requires {
		if (path == m.Path || strings.HasPrefix(path, m.Path+"/")) && len(m.Path) > len(best.Path) {
			best = m
		}
	}
	if best.Path == "" {
		return path
	}
	return id(best)
}

func (f *fetcher) readList(r io.Reader) (listing, error) {
	all := listing{packages: map[string]bool{}}
	for dec := json.NewDecoder(r); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return all, err
		}
		all.packages[p.ImportPath] = true
		if id := p.Module.id(); id != "" {
			all.needed = append(all.needed, id)
		}
		if text := f.problem(p); text != "" {
			all.problems = append(all.problems, masked(text))
		}
	}
}

// missing are the modules that go.mod names and the module cache lacks. Not
// all of them need be needed.
func (f *fetcher) missing() (list []string) {
	for _, m := range f.w.Requires {
		if !present(f.tc.ModCache, m) {
			list = append(list, id(m))
		}
	}
	return list
}

func id(m module.Version) string { return m.Path + "@" + m.Version }
