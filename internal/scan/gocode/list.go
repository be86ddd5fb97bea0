package gocode

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"

	"github.com/sluice-ci/sluice/internal/gotool"
	"github.com/sluice-ci/sluice/internal/hint"
)

// listed is a package as "go list" tells of it; see "go help list".
type listed struct {
	ImportPath string
	Name       string
	Dir        string
	ForTest    string
	Standard   bool
	DepOnly    bool
	Module     *module
	ImportMap  map[string]string
	Imports    []string
	Error      *listError

	GoFiles, IgnoredGoFiles                               []string
	CFiles, CXXFiles, MFiles, HFiles, FFiles, SFiles      []string
	SwigFiles, SwigCXXFiles, SysoFiles, IgnoredOtherFiles []string

	Export string

	local bool // of a local module, and there because a package of the service's imports it
}

type module struct {
	Path, Version, Dir, GoVersion string
	Main                          bool
	Replace                       *module
}

type listError struct {
	Pos string // file:line:col, relative to where go ran
	Err string
}

const listFields = "ImportPath,Name,Dir,ForTest,Standard,DepOnly,Module,ImportMap,Imports,Error," +
	"GoFiles,IgnoredGoFiles,CFiles,CXXFiles,MFiles,HFiles,FFiles,SFiles,SwigFiles,SwigCXXFiles,SysoFiles,IgnoredOtherFiles"

// golang is the go command for one module.
type golang struct {
	tool gotool.Toolchain
	dir  string
	env  []string
	log  io.Writer
}

func newGolang(dir, cache string, log io.Writer) (*golang, error) {
	tool, err := gotool.Find()
	if err != nil {
		return nil, err
	}
	g := &golang{tool: tool, dir: dir, log: log}
	flags := "-tags=" + gotool.ImageTag
	if g.vendored() {
		flags += " -mod=vendor" // as the go command itself would
	}
	g.env = append(tool.Env(cache, gotool.CheckZone),
		"CGO_ENABLED=0", "GOFLAGS="+flags, // as the image is built: what is checked is what runs
		"PWD="+dir) // so that paths are told as they were given
	return g, nil
}

// vendorList is what the go command keeps beside vendored modules.
const vendorList = "vendor/modules.txt"

// vendored tells whether the module brings along what it imports.
func (g *golang) vendored() bool {
	_, err := os.Stat(filepath.Join(g.dir, filepath.FromSlash(vendorList)))
	return err == nil
}

// list runs go list and reads its answer.
func (g *golang) list(ctx context.Context, fields string, args ...string) ([]*listed, error) {
	args = append([]string{"list", "-e", "-json=" + fields}, args...)
	out, err := g.tool.Output(ctx, g.dir, g.env, g.log, args...)
	if err != nil {
		return nil, fmt.Errorf("listing packages: %w", err)
	}
	var packages []*listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		p := new(listed)
		if err := d.Decode(p); errors.Is(err, io.EOF) {
			return packages, nil
		} else if err != nil {
			return nil, fmt.Errorf("listing packages: reading the answer of go list: %w", err)
		}
		packages = append(packages, p)
	}
}

// load lists the module's packages with their tests and all that they import,
// what is imported before what imports it.
func (g *golang) load(ctx context.Context) ([]*listed, error) {
	packages, err := g.listAll(ctx)
	if err != nil && hint.Remedy(err) == "" && strings.Contains(err.Error(), "go.mod") {
		err = hint.With(err, "correct go.mod; go mod edit -print shows what is wrong with it")
	}
	if err != nil {
		return nil, err
	}
	for _, p := range packages {
		if err := unavailable(p); err != nil {
			return nil, err
		}
		if p.Dir == "" && !p.DepOnly { // a folder with a name that cannot be imported
			p.Dir = filepath.Join(g.dir, strings.TrimPrefix(p.ImportPath, g.module()))
		}
	}
	return packages, nil
}

// listAll lists what "./..." means, and besides what of the module is imported
// from folders that "./..." passes over: go.mod can name such folders.
func (g *golang) listAll(ctx context.Context) ([]*listed, error) {
	patterns := []string{"./..."}
	for {
		packages, err := g.list(ctx, listFields, append([]string{"-deps", "-test", "--"}, patterns...)...)
		if err != nil {
			return nil, err
		}
		more := g.passedOver(packages)
		if len(more) == 0 {
			return packages, nil
		}
		patterns = append(patterns, more...) // packages that were not among them, so this ends
	}
}

// passedOver are the module's packages that were listed only because others
// import them.
func (g *golang) passedOver(packages []*listed) []string {
	module, seen := g.module(), map[string]bool{}
	for _, p := range packages {
		if !p.DepOnly {
			seen[p.path()] = true
		}
	}
	var paths []string
	for _, p := range packages {
		if m := p.Module; m != nil && m.Main && m.Path == module && p.Dir != "" && !seen[p.path()] {
			seen[p.path()] = true
			paths = append(paths, p.path())
		}
	}
	return paths
}

// module is the path of the main module.
func (g *golang) module() string {
	text, err := readBounded(filepath.Join(g.dir, "go.mod"), maxModFile)
	if err != nil {
		return ""
	}
	return modfile.ModulePath(text)
}

// unavailable tells a package that is not to be had here from one that is
// wrongly written: that is no defect of the code, and nothing can be judged.
func unavailable(p *listed) error {
	if p.Error == nil {
		return nil
	}
	text := p.Error.Err
	for says, remedy := range map[string]string{
		"disabled by GOPROXY=off":                    "see that the modules stage can reach a module proxy",
		"missing go.sum entry":                       "run go mod tidy and commit go.mod and go.sum",
		"updates to go.mod needed":                   "run go mod tidy and commit go.mod and go.sum",
		"inconsistent vendoring":                     "run go mod vendor and commit the vendor folder",
		"does not contain modules listed in go.work": "run go work use in the service's folder, or remove go.work",
	} {
		if strings.Contains(text, says) {
			return hint.With(fmt.Errorf("loading %s: %s", p.ImportPath, firstLine(text)), remedy)
		}
	}
	return nil
}

// firstLine is the first line of a message that says something: the go command
// heads what the compiler says with the package's name.
func firstLine(s string) string {
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "# ") {
			return line
		}
	}
	return strings.TrimSpace(s)
}

// path is the import path without the name of the test that p was compiled for.
func (p *listed) path() string {
	path, _, _ := strings.Cut(p.ImportPath, " [")
	return path
}

// testMain is the program that go test generates around the tests.
func (p *listed) testMain() bool {
	return p.Name == "main" && strings.HasSuffix(p.ImportPath, ".test")
}

// id is the identity of what p imports as path.
func (p *listed) imported(path string) string {
	if id, ok := p.ImportMap[path]; ok {
		return id
	}
	return path
}

// goVersion is the language version of the package, as go/types wants it: "go1.26".
func (p *listed) goVersion() string {
	if p.Module == nil || p.Module.GoVersion == "" {
		return ""
	}
	return "go" + p.Module.GoVersion
}

// origin is the module version that the package's files are of, "" when they
// can change: the main module's, and folders that replace modules.
func (p *listed) origin(toolchain, modCache string) string {
	if p.Standard {
		return toolchain
	}
	m := p.Module
	if m == nil || m.Main {
		return ""
	}
	if m.Replace != nil {
		m = m.Replace
	}
	if m.Version == "" || !within(modCache, p.Dir) {
		return ""
	}
	return m.Path + "@" + m.Version
}

// adopt takes a package that is imported from another module of the repository for
// the user's code, like the service's own: go.mod replaces the module by a folder,
// or go.work names it. Its tests are not the service's.
func (p *listed) adopt(root string) {
	m := p.Module
	if m == nil || !p.DepOnly || p.ForTest != "" {
		return
	}
	if m.Replace != nil {
		m = m.Replace
	}
	// What is vendored is not in the module's folder.
	if m.Version == "" && m.Dir != "" && within(root, m.Dir) && within(m.Dir, p.Dir) {
		p.local, p.DepOnly = true, false
	}
}

func within(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// otherFiles are those that are part of the package and not Go.
func (p *listed) otherFiles() []string {
	return p.absolute(slices.Concat(p.CFiles, p.CXXFiles, p.MFiles, p.HFiles, p.FFiles, p.SFiles, p.SwigFiles, p.SwigCXXFiles, p.SysoFiles))
}

// ignoredFiles are those that build constraints leave out.
func (p *listed) ignoredFiles() []string {
	return p.absolute(slices.Concat(p.IgnoredGoFiles, p.IgnoredOtherFiles))
}

// goFiles are the Go files that are compiled.
func (p *listed) goFiles() []string { return p.absolute(p.GoFiles) }

func (p *listed) absolute(names []string) []string {
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = name
		if !filepath.IsAbs(name) {
			paths[i] = filepath.Join(p.Dir, name)
		}
	}
	return paths
}
