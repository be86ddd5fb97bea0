package gocode

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"hash"
	"maps"
	"slices"
)

// unit is a package as it takes part in the analysis.
type unit struct {
	*listed
	origin  string  // module version or toolchain of its files, "" when they can change
	key     string  // digest of all that decides what is found in it
	imports []*unit // in the order of Imports
	broken  error   // why its files could not be read
	visited bool    // by the search for the order

	source   bool // its types come from its source, else from the compiler's export data
	analysed bool // it is one of the packages that were asked for

	texts map[string][]byte // of a source unit's files, by path

	// These are set by the loader.
	files   []*ast.File
	types   *types.Package
	info    *types.Info // nil when only the declarations were checked
	defects []defect    // of a package that does not compile
	notRun  error       // what, other than the code, kept it or an import of it from being loaded
	culprit *unit       // a package that it imports, perhaps through others, and that does not compile
}

// program is the module's packages and all that they import.
type program struct {
	fset  *token.FileSet
	units map[string]*unit // by import path, with the test it was compiled for
	order []*unit          // what is imported first
	salt  string
}

// newProgram connects packages and computes their keys. The salt is what decides
// every result: the toolchain, the analyzers' version.
func newProgram(packages []*listed, g *golang, salt string) *program {
	p := &program{fset: token.NewFileSet(), units: map[string]*unit{}, salt: salt}
	tested := map[string]bool{}
	for _, l := range packages {
		if l.testMain() {
			continue
		}
		p.units[l.ImportPath] = &unit{listed: l, origin: l.origin(g.tool.Version, g.tool.ModCache)}
		if l.ForTest == l.path() {
			tested[l.ForTest] = true
		}
	}
	for path, u := range p.units {
		// A package's own tests are compiled with it: that variant has all its files.
		u.analysed = !u.DepOnly && (u.ForTest != "" || !tested[path])
		u.source = !u.DepOnly
	}
	for _, path := range slices.Sorted(maps.Keys(p.units)) { // always in one order, so that cycles are cut alike
		p.visit(p.units[path])
	}
	return p
}

// visit puts u into the order, after what it imports. An import cycle, which
// the compiler refuses, is cut where it is found.
func (p *program) visit(u *unit) {
	if u.visited {
		return
	}
	u.visited = true
	for _, path := range u.Imports {
		dep := p.units[u.imported(path)]
		if dep == nil {
			continue
		}
		if p.visit(dep); dep.key == "" {
			continue // it is still being visited: it imports u
		}
		u.imports = append(u.imports, dep)
		// Types from source and from export data do not mix: what imports
		// a package that comes from source comes from source itself.
		u.source = u.source || dep.source
	}
	u.key = p.digest(u)
	p.order = append(p.order, u)
}

// digest is the unit's key.
func (p *program) digest(u *unit) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%q %q %q %q\n", p.salt, u.ImportPath, u.Name, u.goVersion(), u.origin)
	if u.origin == "" {
		u.broken = u.read(h)
	}
	for _, dep := range u.imports {
		fmt.Fprintln(h, dep.key)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// read reads the unit's files, and keeps those that will be parsed: what is
// analysed must be what the key was made of.
func (u *unit) read(h hash.Hash) error {
	keep := u.goFiles()
	u.texts = map[string][]byte{}
	for _, path := range slices.Concat(keep, u.otherFiles(), u.ignoredFiles()) {
		text, err := readBounded(path, maxSource)
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%q %x\n", path, sha256.Sum256(text))
		if u.source && slices.Contains(keep, path) {
			u.texts[path] = text
		}
	}
	return nil
}

// roots are the packages to analyse, what is imported first.
func (p *program) roots() []*unit {
	var roots []*unit
	for _, u := range p.order {
		if u.analysed {
			roots = append(roots, u)
		}
	}
	return roots
}
