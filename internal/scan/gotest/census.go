package gotest

import (
	"go/ast"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/scan"
)

// census holds what go test reported against what there is, by name: packages
// that have tests, those, and the files that they are in. The error is about the first
// that do not agree. What did not run because its package failed is missing in
// it, and explained by a finding.
func (o outcome) census() (counts []pipeline.Count, first error) {
	add := func(what string, counted, examined []string) {
		if len(counted)+len(examined) == 0 {
			return
		}
		c, err := scan.Census(what, counted, examined)
		if counts = append(counts, c); first == nil {
			first = err
		}
	}
	packages, tests := o.listing.names()
	ended, reported := o.results.names()
	ended = slices.DeleteFunc(ended, o.listing.untested)
	add("packages", packages, ended)
	add("tests", tests, reported)
	add("test files", o.listing.files.there, o.listing.files.taken)
	return counts, first
}

// names are the packages that have tests, and those.
func (l listing) names() (packages, tests []string) {
	for _, p := range l.packages {
		if len(p.declared) > 0 || p.broken {
			packages = append(packages, p.ImportPath)
		}
		for _, name := range p.names() {
			tests = append(tests, p.ImportPath+"."+name)
		}
	}
	return packages, tests
}

// untested tells whether a package is one without tests: of those go test
// tells the coverage.
func (l listing) untested(path string) bool {
	p := l.byPath[path]
	return p != nil && len(p.declared) == 0 && !p.broken
}

// names are the packages whose test programs ended, and the tests that did.
func (r *results) names() (packages, tests []string) {
	for _, p := range r.order {
		if p.failedBuild == "" && (p.action == "pass" || p.action == "fail") {
			packages = append(packages, p.path)
		}
		for _, t := range p.order {
			if t.ended() && !strings.Contains(t.name, "/") {
				tests = append(tests, p.path+"."+t.name)
			}
		}
	}
	return packages, tests
}

// forged are packages of which go test says that they passed, and whose test
// programs cannot have run the tests: TestMain does nothing with them, or the
// coverage is not written that package testing writes after the last one.
func (o outcome) forged(c covered) (list []string) {
	for _, p := range o.results.order {
		l := o.listing.byPath[p.path]
		if l == nil || p.action != "pass" || len(l.declared) == 0 {
			continue
		}
		if l.idle || !c.packages[p.path] && l.statements() {
			list = append(list, p.path)
		}
	}
	return list
}

// uses tells whether a function does anything with its parameter.
func uses(fn *ast.FuncDecl) bool {
	names := fn.Type.Params.List[0].Names
	used := false
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		used = used || ok && len(names) > 0 && id.Name == names[0].Name
		return !used
	})
	return used
}
