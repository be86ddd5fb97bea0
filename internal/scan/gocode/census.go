package gocode

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
)

// countFiles counts the module's Go files without asking the go command: those
// in its folders, and those of folders which are compiled only because they are
// imported; of other modules' folders those that are no tests.
func (c *check) countFiles() (err error) {
	if c.files, err = sources(c.task.Dir); err != nil {
		return err
	}
	var dirs []string
	local := map[string]bool{}
	for _, u := range c.program.roots() {
		if len(u.goFiles()) > 0 {
			dirs = append(dirs, u.Dir)
			local[u.Dir] = u.local
		}
	}
	c.files, err = withImported(c.files, dirs)
	c.files = slices.DeleteFunc(c.files, func(path string) bool { return local[filepath.Dir(path)] && isTest(path) })
	return err
}

// census says what was examined, and that the stage is not run where that is
// not all.
func (c *check) census(r *pipeline.Report) {
	if len(c.files)+len(c.program.roots()) == 0 {
		r.NotApplicable = "the module has no Go files"
		return
	}
	packages, missing := map[string]bool{}, map[string]bool{}
	var examined []string
	for _, u := range c.program.roots() {
		if reason := c.unexamined(u, r.Stage); reason != "" {
			missing[u.path()+" ("+reason+")"] = true
		} else if u.sound() {
			packages[u.path()] = true
			examined = append(examined, u.goFiles()...)
		}
	}
	files, err := scan.Census("files", c.names(c.built()), c.names(examined))
	r.Examined = []pipeline.Count{{What: "packages", N: len(packages)}, files}
	switch {
	case len(missing) > 0:
		r.NotRun = fmt.Sprintf("%s not analysed: %s", count(len(missing), "package"), some(slices.Sorted(maps.Keys(missing))))
		r.Remedy = "see the findings of lint and the log of this stage"
	case err != nil && c.sound():
		r.NotRun = err.Error()
		r.Remedy = "see what keeps go list ./... from naming them: go.mod (ignore), go.work, or the vendor folder"
	case len(c.program.roots()) == 0:
		r.NotRun = "build constraints leave out all files of the module"
		r.Remedy = "see sluice.yaml's path, and the build constraints"
	}
}

// sound tells whether all packages compile. Where one does not, a finding of lint
// says so, and nothing else is known of its files.
func (c *check) sound() bool {
	return !slices.ContainsFunc(c.program.roots(), func(u *unit) bool { return !u.sound() })
}

// built are the files that are compiled here: all that were counted, but those
// that a constraint leaves out.
func (c *check) built() []string {
	listed := c.listed()
	return slices.DeleteFunc(slices.Clone(c.files), func(path string) bool { return !listed[path] && c.constrained(path) })
}

// leftOut are the files that a constraint leaves out, and apart from them those
// that use cgo, which the image is built without.
func (c *check) leftOut() (constrained, cgo []string) {
	listed := c.listed()
	for _, path := range c.files {
		switch {
		case listed[path] || !c.constrained(path):
		case usesCgo(path):
			cgo = append(cgo, path)
		default:
			constrained = append(constrained, path)
		}
	}
	return c.names(constrained), c.names(cgo)
}

// listed are the files of the packages to analyse.
func (c *check) listed() map[string]bool {
	listed := map[string]bool{}
	for _, u := range c.program.roots() {
		for _, path := range u.goFiles() {
			listed[path] = true
		}
	}
	return listed
}

// constrained tells whether a file's name or its build constraint leaves it out
// here, by Sluice's own reading of it.
func (c *check) constrained(path string) bool {
	matches, err := c.platform().MatchFile(filepath.Dir(path), filepath.Base(path))
	return err == nil && (!matches || usesCgo(path))
}

// platform is what constraints are held against: that of the go command, which
// is told to do as for the image.
func (c *check) platform() *build.Context {
	p := build.Default
	p.GOOS, p.GOARCH, p.CgoEnabled, p.BuildTags = runtime.GOOS, runtime.GOARCH, false, []string{gotool.ImageTag}
	version := strings.Split(strings.TrimPrefix(c.g.tool.Version, "go1."), ".")
	if minor, err := strconv.Atoi(version[0]); err == nil && minor < maxRelease {
		p.ReleaseTags = nil
		for n := range minor {
			p.ReleaseTags = append(p.ReleaseTags, fmt.Sprintf("go1.%d", n+1))
		}
	}
	return &p
}

// maxRelease bounds the number of a Go release that is believed.
const maxRelease = 1000

// usesCgo tells whether a file imports "C", which is a constraint as well.
func usesCgo(path string) bool {
	text, err := readBounded(path, maxSource)
	if err != nil {
		return false
	}
	f, _ := parser.ParseFile(token.NewFileSet(), path, text, parser.ImportsOnly) // what it could read, it gives
	return f != nil && slices.ContainsFunc(f.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"C"` })
}

// names are paths as findings have them.
func (c *check) names(paths []string) []string {
	names := make([]string, len(paths))
	for i, path := range paths {
		names[i] = c.relative(path)
	}
	return names
}

// unexamined is why a package was not examined for a stage, or "". Code that
// does not compile is a finding of lint, so lint has answered.
func (c *check) unexamined(u *unit, stage string) string {
	if c.results[u] == nil {
		return "it was not reached"
	}
	if err := c.analyst.failures[u][stage]; err != nil {
		fmt.Fprintf(c.task.Log, "%v\n", err)
		return firstLine(err.Error())
	}
	if u.notRun != nil {
		return u.notRun.Error()
	}
	if stage == lintStage || u.sound() {
		return ""
	}
	if u.culprit != nil {
		return fmt.Sprintf("it imports %s, which does not compile", u.culprit.path())
	}
	return "it does not compile"
}
