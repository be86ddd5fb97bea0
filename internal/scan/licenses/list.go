package licenses

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"slices"

	"golang.org/x/mod/modfile"

	"github.com/sluice-ci/sluice/internal/gomod"
	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/pipeline"
)

// program is the packages that are linked into the service's program.
type program struct {
	tool     gotool.Toolchain
	root     string // the main package
	packages map[string]listed
}

type listed struct {
	ImportPath, Dir   string
	Imports           []string
	Standard, DepOnly bool
	Module            *module
}

type module struct {
	Path, Version string
	Main          bool
	Replace       *module
}

// goItself is what the standard library is called as a module.
const goItself = "std"

// name is how a package's module is called: "path@version", which may be of another
// one in its place, or its path where it is a folder.
func (p listed) name() string {
	switch version := p.version(); {
	case p.Standard:
		return goItself
	case version == "":
		return p.Module.Path
	case p.Module.Replace != nil:
		return p.Module.Replace.Path + "@" + version
	default:
		return p.Module.Path + "@" + version
	}
}

// version is that of a package's code, "" where that is a folder or Go's own.
func (p listed) version() string {
	switch {
	case p.Standard:
		return ""
	case p.Module.Replace != nil:
		return p.Module.Replace.Version
	}
	return p.Module.Version
}

// list has the go command list the packages as the image is built from them. It
// reads nothing of the network, and fails where a module is not in the cache.
func list(ctx context.Context, t pipeline.Task, p params) (program, error) {
	tool, err := gotool.Find()
	if err != nil {
		return program{}, err
	}
	w, err := gomod.Find(t.Dir)
	if err != nil {
		return program{}, err
	}
	env := append(tool.Env(p.Cache, gotool.CheckZone), "GOFLAGS=-tags="+gotool.ImageTag, "GOFIPS140=off", "CGO_ENABLED=0", "GOOS=linux", "GOWORK=off")
	if w.Work {
		env = append(env, "GOWORK="+filepath.Join(w.Root, "go.work"))
	}
	out, err := tool.Output(ctx, t.Dir, env, t.Log, "list", "-deps", "-json=ImportPath,Dir,Imports,Standard,DepOnly,Module", "./"+path.Clean(filepath.ToSlash(p.Main)))
	if err != nil {
		return program{}, fmt.Errorf("listing the packages: %w", err)
	}
	root, err := mainPackage(t.Dir, p.Main)
	if err != nil {
		return program{}, err
	}
	prog, err := readList(bytes.NewReader(out), root)
	if err != nil {
		return prog, hint.With(fmt.Errorf("listing the packages: %w", err), "see what go list -deps says")
	}
	prog.tool = tool
	return prog, nil
}

// mainPackage is the import path of the command that is built.
func mainPackage(dir, folder string) (string, error) {
	name := filepath.Join(dir, "go.mod")
	text, err := readSmall(name)
	if err != nil {
		return "", err
	}
	module := modfile.ModulePath(text)
	if module == "" {
		return "", hint.With(fmt.Errorf("%s names no module", name), "run go mod init")
	}
	return path.Join(module, filepath.ToSlash(folder)), nil
}

// readList reads what the go command said, which must be about the package root
// and have all that this imports.
func readList(r io.Reader, root string) (program, error) {
	prog := program{root: root, packages: map[string]listed{}}
	for dec := json.NewDecoder(r); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return prog, prog.whole()
		} else if err != nil {
			return prog, err
		}
		if p.ImportPath == "" || p.Dir == "" && p.ImportPath != "unsafe" || !p.Standard && p.Module == nil {
			return prog, fmt.Errorf("it says too little of the package %q", p.ImportPath)
		}
		if !p.DepOnly && p.ImportPath != root {
			return prog, fmt.Errorf("it was asked about %s, and says %.200q", root, p.ImportPath)
		}
		prog.packages[p.ImportPath] = p
	}
}

func (prog program) whole() error {
	if _, ok := prog.packages[prog.root]; !ok {
		return fmt.Errorf("the package %s is not among them", prog.root)
	}
	for _, p := range prog.packages {
		for _, path := range p.Imports {
			if _, ok := prog.packages[path]; !ok && !p.Standard && path != "C" {
				return fmt.Errorf("%s imports %s, which is not among them", p.ImportPath, path)
			}
		}
	}
	return nil
}

// modules are all modules of the program that are not the service's own.
func (prog program) modules() (names []string) {
	for _, p := range prog.packages {
		if p.Standard || !p.Module.Main {
			names = append(names, p.name())
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// ways tells of every package by which other one it is imported, on one of the
// shortest ways from the main package. Packages are in the order of those ways.
func (prog program) ways() (from map[string]string, order []string) {
	from, order = map[string]string{prog.root: ""}, []string{prog.root}
	for i := 0; i < len(order); i++ {
		for _, path := range prog.packages[order[i]].Imports {
			if _, seen := from[path]; seen {
				continue
			}
			if _, ok := prog.packages[path]; ok {
				from[path] = order[i]
				order = append(order, path)
			}
		}
	}
	return from, order
}

// chain is the way to a package by modules, the service first.
func (prog program) chain(from map[string]string, path string) (chain []string) {
	for ; path != ""; path = from[path] {
		p := prog.packages[path]
		name := goItself
		if !p.Standard {
			name = p.Module.Path
		}
		if len(chain) == 0 || chain[0] != name {
			chain = slices.Insert(chain, 0, name)
		}
	}
	return chain
}
