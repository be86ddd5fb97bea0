package gocode

import (
	"context"
	"fmt"
	"go/types"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"

	"golang.org/x/tools/go/analysis"
)

// pass runs analyzers over one package, each once, after those that it requires.
type pass struct {
	known     *knowledge
	unit      *unit
	provided  map[*analysis.Analyzer]any // results that need no run
	results   map[*analysis.Analyzer]any
	crashed   map[*analysis.Analyzer]error
	objects   map[types.Object]factSet // facts of this package, by object; nil is the package
	foreign   []named                  // what the package uses of others
	report    func(*analysis.Analyzer, analysis.Diagnostic)
	moduleFor *analysis.Module
}

func newPass(k *knowledge, u *unit, provided map[*analysis.Analyzer]any, report func(*analysis.Analyzer, analysis.Diagnostic)) *pass {
	p := &pass{
		known: k, unit: u, provided: provided, report: report,
		results: map[*analysis.Analyzer]any{}, crashed: map[*analysis.Analyzer]error{},
		objects: map[types.Object]factSet{}, moduleFor: &analysis.Module{},
	}
	if m := u.Module; m != nil {
		p.moduleFor = &analysis.Module{Path: m.Path, Version: m.Version, Main: m.Main, Dir: m.Dir, GoVersion: m.GoVersion}
	}
	return p
}

// run runs an analyzer, unless it has run. The error is of the first analyzer in
// the chain that failed.
func (p *pass) run(ctx context.Context, a *analysis.Analyzer) error {
	if _, ok := p.results[a]; ok {
		return nil
	}
	if err := p.crashed[a]; err != nil {
		return err
	}
	if r, ok := p.provided[a]; ok {
		p.results[a] = r
		return nil
	}
	for _, required := range a.Requires {
		if err := p.run(ctx, required); err != nil {
			p.crashed[a] = err
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	result, err := p.runOne(a)
	if err != nil {
		p.crashed[a] = err
		return err
	}
	p.results[a] = result
	return nil
}

// runOne runs an analyzer whose requirements are met. A crash is an error.
func (p *pass) runOne(a *analysis.Analyzer) (result any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("analyzer %s crashed on %s: %v\n%s", a.Name, p.unit.ImportPath, r, debug.Stack())
		}
	}()
	result, err = a.Run(p.analysisPass(a))
	if err != nil {
		return nil, fmt.Errorf("analyzer %s on %s: %w", a.Name, p.unit.ImportPath, err)
	}
	if got := reflect.TypeOf(result); got != a.ResultType {
		return nil, fmt.Errorf("analyzer %s on %s: its result is %v, not %v", a.Name, p.unit.ImportPath, got, a.ResultType)
	}
	return result, nil
}

func (p *pass) analysisPass(a *analysis.Analyzer) *analysis.Pass {
	in := map[*analysis.Analyzer]any{}
	for _, required := range a.Requires {
		in[required] = p.results[required]
	}
	return &analysis.Pass{
		Analyzer: a, Fset: p.known.fset, Files: p.unit.files,
		OtherFiles: p.unit.otherFiles(), IgnoredFiles: p.unit.ignoredFiles(),
		Pkg: p.unit.types, TypesInfo: p.unit.info, TypesSizes: p.sizes(),
		Module: p.moduleFor, ResultOf: in, ReadFile: p.unit.readFile,
		Report:            func(d analysis.Diagnostic) { p.report(a, d) },
		ImportObjectFact:  func(o types.Object, f analysis.Fact) bool { return p.importFact(o.Pkg(), o, f) },
		ImportPackageFact: func(pkg *types.Package, f analysis.Fact) bool { return p.importFact(pkg, nil, f) },
		ExportObjectFact:  p.exportFact,
		ExportPackageFact: func(f analysis.Fact) { p.exportFact(nil, f) },
		AllObjectFacts:    func() []analysis.ObjectFact { return p.allObjectFacts(a) },
		AllPackageFacts:   func() []analysis.PackageFact { return p.allPackageFacts(a) },
	}
}

func (p *pass) sizes() types.Sizes { return types.SizesFor("gc", runtime.GOARCH) }

// readFile gives analyzers the text that was parsed, and of other files only
// those of the package.
func (u *unit) readFile(path string) ([]byte, error) {
	if text, ok := u.texts[path]; ok {
		return text, nil
	}
	if slices.Contains(u.otherFiles(), path) || slices.Contains(u.ignoredFiles(), path) || u.texts == nil {
		return readBounded(path, maxSource)
	}
	return nil, fmt.Errorf("reading %s: it is no file of %s", path, u.ImportPath)
}

// importFact copies a fact into f, if it is known.
func (p *pass) importFact(pkg *types.Package, o types.Object, f analysis.Fact) bool {
	kind := reflect.TypeOf(f)
	var fact analysis.Fact
	var ok bool
	switch pkg {
	case nil:
		return false
	case p.unit.types:
		fact, ok = p.objects[o][factKey{kind: kind}]
	default:
		fact, ok = p.known.lookup(pkg, o, kind)
	}
	if ok {
		reflect.ValueOf(f).Elem().Set(reflect.ValueOf(fact).Elem())
	}
	return ok
}

func (p *pass) exportFact(o types.Object, f analysis.Fact) {
	if p.objects[o] == nil {
		p.objects[o] = factSet{}
	}
	p.objects[o][factKey{kind: reflect.TypeOf(f)}] = f
}

// allObjectFacts are the analyzer's facts about this package's objects, and
// about those of other packages that it uses; what it does not use, no analyzer
// can ask about.
func (p *pass) allObjectFacts(a *analysis.Analyzer) []analysis.ObjectFact {
	var all []analysis.ObjectFact
	for _, f := range a.FactTypes {
		kind := reflect.TypeOf(f)
		for o, facts := range p.objects {
			if fact, ok := facts[factKey{kind: kind}]; ok && o != nil {
				all = append(all, analysis.ObjectFact{Object: o, Fact: fact})
			}
		}
		for _, o := range p.used() {
			if fact, ok := p.known.find(o.Pkg().Path(), factKey{object: o.key, kind: kind}); ok {
				all = append(all, analysis.ObjectFact{Object: o.Object, Fact: fact})
			}
		}
	}
	return all
}

func (p *pass) allPackageFacts(a *analysis.Analyzer) []analysis.PackageFact {
	var all []analysis.PackageFact
	for _, f := range a.FactTypes {
		kind := reflect.TypeOf(f)
		if fact, ok := p.objects[nil][factKey{kind: kind}]; ok {
			all = append(all, analysis.PackageFact{Package: p.unit.types, Fact: fact})
		}
		for _, imported := range p.unit.types.Imports() {
			if fact, ok := p.known.lookup(imported, nil, kind); ok {
				all = append(all, analysis.PackageFact{Package: imported, Fact: fact})
			}
		}
	}
	return all
}

// named is an object with its key.
type named struct {
	types.Object
	key string
}

// used are the objects of other packages that the package mentions.
func (p *pass) used() []named {
	if p.foreign != nil {
		return p.foreign
	}
	p.foreign = []named{}
	for o := range usedObjects(p.unit) {
		p.foreign = append(p.foreign, named{o, objectKey(p.known.fset, o)})
	}
	return p.foreign
}

func usedObjects(u *unit) map[types.Object]bool {
	objects := map[types.Object]bool{}
	for _, o := range u.info.Uses {
		if f, ok := o.(*types.Func); ok {
			o = f.Origin()
		}
		if _, ok := o.(*types.PkgName); !ok && o.Pkg() != nil && o.Pkg() != u.types {
			objects[o] = true
		}
	}
	return objects
}

// facts are those of this package, for its importers.
func (p *pass) facts() factSet {
	s := factSet{}
	for o, facts := range p.objects {
		object := ""
		if o != nil {
			if o.Pkg() != p.unit.types {
				continue
			}
			if object = objectKey(p.known.fset, o); object == "" {
				continue
			}
		}
		for key, fact := range facts {
			s[factKey{object: object, kind: key.kind}] = fact
		}
	}
	return s
}
