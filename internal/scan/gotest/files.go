package gotest

import (
	"errors"
	"fmt"
	"go/build"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/gomod"
	"github.com/sluice-ci/sluice/internal/scan"
)

// maxNames bounds how many files and folders a service may have.
const maxNames = 1_000_000

// testFiles are the test files there are: what go list says is held against
// them, as go.mod can have it pass over folders.
type testFiles struct {
	there, taken []string // relative to the service's folder
	excluded     int      // tests in files that build constraints leave out
	modules      int      // folders that are modules of their own
}

// errFound ends the search for the first of something.
var errFound = errors.New("found")

// mayHaveTests tells whether there is any test file. What keeps it from being
// known is left to the worker to find.
func mayHaveTests(dir string, w gomod.Workspace) bool {
	_, err := walkTests(dir, w, func(string) error { return errFound })
	return err != nil
}

// walkTests calls found for every test file of a module, by the go command's
// rules for names, and counts the folders that are modules of their own. In a
// workspace its modules count as one.
func walkTests(dir string, w gomod.Workspace, found func(path string) error) (modules int, err error) {
	names := 0
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if names++; err == nil && names > maxNames {
			err = fmt.Errorf("there are more than %d files", maxNames)
		}
		name := filepath.Base(path)
		hidden := strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
		used := w.Work && slices.Contains(w.Dirs, path) // by the workspace
		switch {
		case err != nil:
			return fmt.Errorf("looking for test files: %w", err)
		case path == dir:
			return nil
		case d.IsDir() && (hidden || name == "testdata" || name == "vendor"):
			return fs.SkipDir
		case d.IsDir() && isModule(path) && !used:
			modules++
			return fs.SkipDir
		case !d.IsDir() && !hidden && strings.HasSuffix(name, "_test.go"):
			return found(path)
		}
		return nil
	})
	return modules, err
}

func isModule(dir string) bool {
	info, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil && info.Mode().IsRegular()
}

// countFiles looks which test files the go command takes.
func (r *runner) countFiles(l *listing) error {
	dir, err := filepath.EvalSymlinks(r.Dir) // as the go command does
	if err != nil {
		return fmt.Errorf("looking for test files: %w", err)
	}
	w, _ := gomod.Find(dir)
	byDir := map[string]*listed{}
	for _, p := range l.packages {
		byDir[p.Dir] = p
	}
	l.files.modules, err = walkTests(dir, w, func(path string) error {
		name, _ := within(dir, path)
		p := byDir[filepath.Dir(path)]
		if p == nil {
			p = &listed{} // go list knows of none
		}
		switch {
		case p.takes(filepath.Base(path)):
			l.files.taken = append(l.files.taken, name)
		case r.excludes(p, path):
			return l.files.exclude(path)
		}
		l.files.there = append(l.files.there, name)
		return nil
	})
	return err
}

// takes tells whether a test file is compiled, or the reason that nothing is in
// its folder, which go test tells.
func (p *listed) takes(name string) bool {
	return p.Error != nil || slices.Contains(p.TestGoFiles, name) || slices.Contains(p.XTestGoFiles, name)
}

// excludes tells whether a build constraint is what leaves a file out. Of a
// folder without any other Go file the go command says nothing.
func (r *runner) excludes(p *listed, path string) bool {
	c := build.Default
	c.CgoEnabled = c.CgoEnabled || r.race.on
	if r.race.on {
		c.BuildTags = []string{"race"}
	}
	matches, err := c.MatchFile(filepath.Dir(path), filepath.Base(path))
	return slices.Contains(p.IgnoredGoFiles, filepath.Base(path)) || err == nil && !matches
}

// exclude counts the tests of a file that is left out.
func (f *testFiles) exclude(path string) error {
	p := listed{declared: map[string]place{}}
	err := p.declare(path)
	f.excluded += len(p.declared)
	return err
}

func (f testFiles) notes() (notes []string) {
	if f.excluded > 0 {
		notes = append(notes, fmt.Sprintf("%d tests are in files that build constraints leave out, and did not run", f.excluded))
	}
	if f.modules > 0 {
		notes = append(notes, fmt.Sprintf("%d folders are modules of their own, whose tests are not this service's", f.modules))
	}
	return notes
}

// notRun is why not all test files were compiled, "" when they were.
func (f testFiles) notRun() (reason, remedy string) {
	if _, err := scan.Census("test files", f.there, f.taken); err != nil {
		return "the go command passes over tests: " + err.Error(), "see the ignore lines of go.mod"
	}
	return "", ""
}
