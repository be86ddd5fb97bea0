package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/hint"
	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

// Detected is what kind of service is in a folder.
type Detected struct {
	Dir      string   // the folder, absolute, symbolic links resolved
	GoModule string   // the path of the Go module whose go.mod is in Dir; "" when there is none
	Name     string   // the service's name by default; "" when the module's path, or else the folder's name, yields none
	Python   []string // names of Python's files in Dir
}

// pythonProjects are the files that make a folder a Python project. pythonFiles
// are others that such a project has at its top.
var (
	pythonProjects = []string{"requirements.txt", "pyproject.toml", "setup.py", "Pipfile"}
	pythonFiles    = []string{"setup.cfg", "poetry.lock", "uv.lock"}
)

// IsPython tells whether the folder is a Python project.
func (d Detected) IsPython() bool {
	return slices.ContainsFunc(d.Python, func(name string) bool { return slices.Contains(pythonProjects, name) })
}

// Detect tells what kind of service is in a folder. A folder that has none that
// can be delivered is an error which says what was looked for. It reads go.mod
// and the names of the folder's files; it starts no process.
func Detect(dir string) (Detected, error) {
	dir, err := folder(dir)
	if err != nil {
		return Detected{}, err
	}
	entries, err := readDir(dir)
	if err != nil {
		return Detected{}, err
	}
	d := Detected{Dir: dir, Python: pythonOf(entries)}
	text, err := readFile(filepath.Join(dir, "go.mod"), maxFile)
	if errors.Is(err, fs.ErrNotExist) && d.IsPython() {
		d.Name = nameFor(filepath.Base(dir))
		return d, nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		return d, noService(d, entries)
	}
	if err != nil {
		return d, err
	}
	if d.GoModule, err = modulePath(filepath.Join(dir, "go.mod"), text); err != nil {
		return d, err
	}
	d.Name = nameFor(d.GoModule)
	return d, nil
}

func pythonOf(entries []fs.DirEntry) []string {
	var names []string
	for _, e := range entries {
		if !e.IsDir() && (strings.HasSuffix(e.Name(), ".py") || slices.Contains(pythonProjects, e.Name()) || slices.Contains(pythonFiles, e.Name())) {
			names = append(names, e.Name())
		}
	}
	return names
}

// modulePath reads go.mod as the go command does.
func modulePath(name string, text []byte) (string, error) {
	f, err := modfile.Parse(name, text, nil)
	var list modfile.ErrorList
	switch {
	case errors.As(err, &list) && len(list) > 0:
		return "", hint.With(fmt.Errorf("reading the module's definition: %w", &list[0]), "correct go.mod; go mod edit -json shows what Go reads in it")
	case err != nil:
		return "", hint.With(fmt.Errorf("reading the module's definition: %w", err), "correct go.mod")
	case f.Module == nil || f.Module.Mod.Path == "":
		return "", hint.With(fmt.Errorf("reading the module's definition: %s has no module line", name), "run go mod init with the module's path")
	}
	return f.Module.Mod.Path, nil
}

// noService says why a folder with neither Go nor Python cannot be delivered.
func noService(d Detected, entries []fs.DirEntry) error {
	switch inner := modulesIn(d.Dir, entries); {
	case len(entries) == 0:
		return hint.With(fmt.Errorf("the folder %s is empty: there is no go.mod in it", d.Dir), "name the folder of a service, or start one with go mod init or requirements.txt")
	case len(inner) > 0:
		return hint.With(fmt.Errorf("the folder %s has no go.mod, but %s in it has", d.Dir, choiceOf(inner)),
			fmt.Sprintf("name that folder, or write path: %s in %s", inner[0], Name))
	case len(d.Python) > 0:
		return hint.With(fmt.Errorf("the folder %s holds Python (%s), but no %s", d.Dir, choiceOf(d.Python), join(pythonProjects, " or ")), "write what it needs into requirements.txt, or name the folder of a service")
	}
	return hint.With(fmt.Errorf("the folder %s is no service: there is no go.mod in it, nor %s", d.Dir, join(pythonProjects, " or ")), "name the folder of a Go or Python service, or write it as path in "+Name)
}

// modulesIn are the folders directly in dir that hold a Go module.
func modulesIn(dir string, entries []fs.DirEntry) []string {
	var found []string
	for _, e := range entries {
		if !e.IsDir() || skipped(e.Name()) {
			continue
		}
		if info, err := os.Lstat(filepath.Join(dir, e.Name(), "go.mod")); err == nil && info.Mode().IsRegular() {
			found = append(found, e.Name())
		}
	}
	return found
}

// maxNamed is how many files or folders a message names.
const maxNamed = 10

func choiceOf(names []string) string {
	if rest := len(names) - maxNamed; rest > 0 {
		names = append(slices.Clone(names[:maxNamed]), fmt.Sprintf("%d more", rest))
	}
	return join(names, " and ")
}

// notInName is what a module's path may have and a service's name may not.
var notInName = regexp.MustCompile(`[^a-z0-9]+`)

// maxName is the longest name that Cloud Run accepts for a service.
const maxName = 49

// nameFor is the service's name for a module: the last part of its path without
// its major version, in the letters that a name may have.
func nameFor(modPath string) string {
	if prefix, _, ok := module.SplitPathVersion(modPath); ok {
		modPath = prefix
	}
	name := notInName.ReplaceAllString(strings.ToLower(path.Base(modPath)), "-")
	name = strings.TrimLeft(name, "-0123456789")
	return strings.TrimRight(name[:min(len(name), maxName)], "-")
}
