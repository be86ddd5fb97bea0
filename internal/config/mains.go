package config

import (
	"errors"
	"fmt"
	"go/build"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/hint"
)

// Bounds on the search for commands.
const (
	maxEntries   = 100_000  // files and folders in one folder
	maxFolders   = 10_000   // folders of a module
	maxTreeDepth = 30       // of folders
	maxGoFile    = 64 << 20 // bytes read of one Go file
)

// Command finds the folder of the command that is built, relative to the
// service's folder: chosen when it is not "", else the service's folder itself,
// else cmd/NAME, else the only command that there is. Build constraints count
// as they do for the image: for Linux, without cgo.
func (d Detected) Command(name, chosen string) (string, error) {
	if chosen != "" {
		return d.chosen(path.Clean(chosen))
	}
	for _, dir := range []string{".", "cmd/" + name} {
		if ok, err := isMain(filepath.Join(d.Dir, dir)); ok || err != nil {
			return dir, err
		}
	}
	s := search{root: d.Dir}
	if err := s.walk(".", 0); err != nil {
		return "", err
	}
	if public := slices.DeleteFunc(slices.Clone(s.mains), internal); len(public) == 1 {
		return public[0], nil // what is internal are the project's own tools
	}
	switch {
	case len(s.mains) == 1:
		return s.mains[0], nil
	case len(s.mains) == 0:
		return "", hint.With(fmt.Errorf("%s is a library: the Go module %s has no main package that is built for Linux", d.Dir, d.GoModule),
			"add a command, as cmd/NAME, or name the folder of a service")
	}
	return "", hint.With(fmt.Errorf("the Go module %s has several commands: %s", d.GoModule, choiceOf(s.mains)),
		fmt.Sprintf("write the service's one in %s, as build: {main: %s}", Name, s.mains[0]))
}

func internal(dir string) bool { return slices.Contains(strings.Split(dir, "/"), "internal") }

// chosen checks the folder that the configuration names.
func (d Detected) chosen(dir string) (string, error) {
	if message := folderIn(d.Dir, dir); message != "" {
		return "", errors.New(message)
	}
	ok, err := isMain(filepath.Join(d.Dir, dir))
	if err == nil && !ok {
		err = fmt.Errorf("names the folder %q, which has no main package that is built for Linux", dir)
	}
	return dir, err
}

// search looks for commands in a module.
type search struct {
	root    string
	folders int
	mains   []string
}

func (s *search) walk(dir string, depth int) error {
	if s.folders++; s.folders > maxFolders || depth > maxTreeDepth {
		return hint.With(fmt.Errorf("looking for commands in %s: there are more than %d folders, or more than %d in each other", s.root, maxFolders, maxTreeDepth),
			"write the command's folder in "+Name+", as build: {main: cmd/NAME}")
	}
	full := filepath.Join(s.root, dir)
	ok, err := isMain(full)
	if err != nil {
		return err
	}
	if ok {
		s.mains = append(s.mains, dir)
	}
	entries, err := readDir(full)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() || skipped(e.Name()) || isModule(filepath.Join(full, e.Name())) {
			continue
		}
		if err := s.walk(path.Join(dir, e.Name()), depth+1); err != nil {
			return err
		}
	}
	return nil
}

// skipped tells whether the go command's "./..." leaves a folder out, or it
// holds no commands of the service.
func skipped(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" || name == "vendor" || name == "node_modules"
}

// isModule tells whether a folder is a module of its own.
func isModule(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, "go.mod"))
	return err == nil
}

// isMain tells whether a folder holds a main package. A folder that is not
// there, or whose files are no one package, holds none: what is wrong with the
// code is for the stages to tell.
func isMain(dir string) (bool, error) {
	pkg, err := buildContext().ImportDir(dir, 0)
	if errors.Is(err, fs.ErrPermission) {
		return false, fmt.Errorf("looking for a command in %s: %w", dir, readable(err))
	}
	return pkg != nil && pkg.Name == "main" && len(pkg.GoFiles) > 0, nil
}

// buildContext is how the image's binary is built, with reads that are bounded.
func buildContext() *build.Context {
	c := build.Default
	c.GOOS, c.CgoEnabled = "linux", false
	c.ReadDir = regularFiles
	c.OpenFile = func(path string) (io.ReadCloser, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		return bounded{io.LimitReader(f, maxGoFile), f}, nil
	}
	return &c
}

type bounded struct {
	io.Reader
	io.Closer
}

// regularFiles lists a folder without pipes and the like, which would block a reader.
func regularFiles(dir string) ([]fs.FileInfo, error) {
	entries, err := readDir(dir)
	if err != nil {
		return nil, err
	}
	var infos []fs.FileInfo
	for _, e := range entries {
		if !e.Type().IsRegular() || !strings.HasSuffix(e.Name(), ".go") {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		infos = append(infos, info)
	}
	return infos, nil
}

// readDir lists a folder, sorted, and refuses one that is beyond reason.
func readDir(dir string) ([]fs.DirEntry, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the folder %s: %w", dir, readable(err))
	}
	defer f.Close()
	entries, err := f.ReadDir(maxEntries + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the folder %s: %w", dir, readable(err))
	}
	if len(entries) > maxEntries {
		return nil, hint.With(fmt.Errorf("reading the folder %s: it has more than %d entries", dir, maxEntries), "name the folder of a service")
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}
