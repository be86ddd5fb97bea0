package gocode

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"runtime"
	"sync"

	"golang.org/x/tools/go/analysis"
	"golang.org/x/tools/go/analysis/passes/ctrlflow"
	"golang.org/x/tools/go/analysis/passes/printf"
	"honnef.co/go/tools/analysis/facts/deprecated"
	"honnef.co/go/tools/analysis/facts/nilness"
	"honnef.co/go/tools/analysis/facts/purity"
	"honnef.co/go/tools/staticcheck/sa5012"
)

// dependencies works out what the analyzers need to know about imported
// packages. Questions go from the importing to the imported packages, answers
// the other way.
type dependencies struct {
	*program
	known     *knowledge
	exports   *exports
	questions *questions
	records   map[string]*depRecord // by import path; kept between runs
	log       io.Writer

	mu     sync.Mutex // guards log
	opened map[*unit]*dependency
}

// dependency is an imported package as far as it is looked into.
type dependency struct {
	*unit
	record  *depRecord
	asked   map[string]kind // the new questions
	files   []*ast.File
	keep    map[*ast.FuncDecl]kind // functions whose bodies are needed
	kinds   kind                   // all of them
	checked *unit                  // the same package, type-checked as far as it is kept
}

// learn answers the questions of the given packages' analysis.
func (d *dependencies) learn(ctx context.Context, units []*unit) error {
	nobody := func(*unit) []*unit { return nil }
	inOrder(ctx, units, nobody, func(u *unit) func() {
		if u.sound() {
			d.questions.addUnit(u)
		}
		return nil
	})
	compiled, importers := d.compiled()
	used := usedPackages(units)
	inOrder(ctx, compiled, func(u *unit) []*unit { return importers[u] }, func(u *unit) func() {
		d.open(u, used[u.path()])
		return nil
	})
	inOrder(ctx, compiled, func(u *unit) []*unit { return u.imports }, func(u *unit) func() {
		d.answer(ctx, u)
		return nil
	})
	return ctx.Err()
}

// compiled are the packages that come from export data, and who imports each.
func (d *dependencies) compiled() ([]*unit, map[*unit][]*unit) {
	var units []*unit
	importers := map[*unit][]*unit{}
	for _, u := range d.order {
		if u.source {
			continue
		}
		d.recall(u)
		units = append(units, u)
		for _, dep := range u.imports {
			importers[dep] = append(importers[dep], u)
		}
	}
	return units, importers
}

// usedPackages are the packages of which the given ones mention anything.
func usedPackages(units []*unit) map[string]bool {
	used := map[string]bool{}
	for _, u := range units {
		if !u.sound() {
			continue
		}
		for o := range usedObjects(u) {
			used[o.Pkg().Path()] = true
		}
		for _, p := range u.types.Imports() {
			used[p.Path()] = true
		}
	}
	return used
}

// recall takes what is known of a package from earlier runs.
func (d *dependencies) recall(u *unit) {
	r := d.records[u.ImportPath]
	if r != nil && r.Key == u.key {
		if facts, err := decodeFacts(r.Facts); err == nil {
			d.known.add(u.path(), facts)
			d.opened[u] = &dependency{unit: u, record: r}
			return
		}
	}
	r = &depRecord{Key: u.key}
	d.records[u.ImportPath] = r
	d.opened[u] = &dependency{unit: u, record: r}
}

// open looks which of the questions about a package are new, and asks in turn
// what their answers depend on.
func (d *dependencies) open(u *unit, used bool) {
	p := d.opened[u]
	if used && !p.record.Docs {
		d.guard(u, func() error { return d.readDocs(p) })
	}
	p.asked = map[string]kind{}
	for key, k := range d.questions.of(u.path()) {
		if k &^= p.record.Known[key]; k != 0 {
			p.asked[key] = k
		}
	}
	if len(p.asked) == 0 {
		return
	}
	d.guard(u, func() error {
		if err := p.parse(d.fset); err != nil {
			return err
		}
		p.choose(d.fset)
		if p.kinds == 0 {
			return nil
		}
		p.check(d)
		for f, k := range p.keep {
			d.questions.add(p.checked.info, p.checked.types, f, k)
		}
		return nil
	})
}

// guard does something with a package that may be beyond us: what is then not
// known about it is taken for not so.
func (d *dependencies) guard(u *unit, do func() error) {
	defer func() {
		if r := recover(); r != nil {
			d.complain(fmt.Errorf("looking into %s: %v", u.ImportPath, r))
		}
	}()
	if err := do(); err != nil {
		d.complain(fmt.Errorf("looking into %s: %w", u.ImportPath, err))
	}
}

func (d *dependencies) complain(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	fmt.Fprintln(d.log, err)
}

// parse parses the package. Comments do not matter here.
func (p *dependency) parse(fset *token.FileSet) error {
	for _, path := range p.goFiles() {
		text, err := readBounded(path, maxSource)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(fset, path, text, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		p.files = append(p.files, file)
	}
	return nil
}

// check type-checks the package with no more bodies than are needed.
func (p *dependency) check(d *dependencies) {
	for _, file := range p.files {
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && p.keep[f] == 0 {
				f.Body = nil
			}
		}
	}
	info := newInfo()
	conf := types.Config{
		Importer:    &dependencyImporter{d: d, u: p.unit},
		Sizes:       types.SizesFor("gc", runtime.GOARCH),
		GoVersion:   p.goVersion(),
		FakeImportC: true,
		Error:       func(error) {}, // functions without a body, imports that only they used
	}
	pkg, _ := conf.Check(p.path(), d.fset, p.files, info)
	for f := range p.keep {
		if f.Body != nil && !understood(info, f.Body) {
			f.Body = nil // it mentions what only the C compiler knows, and no analyzer bears that
		}
	}
	info.InitOrder = nil // nobody asks about what runs before main
	p.checked = &unit{listed: p.listed, files: p.files, types: pkg, info: info}
}

// understood tells whether every name in a body has a type.
func understood(info *types.Info, body *ast.BlockStmt) bool {
	return !anyNode(body, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return false
		}
		switch o := info.Uses[id].(type) {
		case *types.Const, *types.Var, *types.Func, *types.TypeName:
			return types.Unalias(o.Type()) == types.Typ[types.Invalid]
		}
		return false
	})
}

// answer runs the analyzers that were asked for over what was kept.
func (d *dependencies) answer(ctx context.Context, u *unit) {
	p := d.opened[u]
	if len(p.asked) == 0 || ctx.Err() != nil {
		return
	}
	if p.checked != nil {
		d.guard(u, func() error { return d.analyse(ctx, p) })
	}
	if p.record.Known == nil {
		p.record.Known = map[string]kind{}
	}
	for key, k := range p.asked {
		p.record.Known[key] |= k
	}
	p.files, p.keep, p.checked = nil, nil, nil
}

func (d *dependencies) analyse(ctx context.Context, p *dependency) error {
	s := newPass(d.known, p.checked, nil, func(*analysis.Analyzer, analysis.Diagnostic) {})
	var failed error
	for _, needed := range []struct {
		kind     kind
		analyzer *analysis.Analyzer
	}{
		{p.kinds, ctrlflow.Analyzer}, {asksPrint, printf.Analyzer}, {asksPure, purity.Analyzer},
		{asksNil, nilness.Analysis}, {asksEven, sa5012.Analyzer},
	} {
		if p.kinds&needed.kind != 0 {
			failed = errors.Join(failed, s.run(ctx, needed.analyzer))
		}
	}
	return errors.Join(failed, d.remember(p, s.facts()))
}

// remember adds facts to what is known of a package, in this run and in later ones.
func (d *dependencies) remember(p *dependency, facts factSet) error {
	d.known.add(p.path(), facts)
	encoded, err := d.known.of(p.path()).encode()
	if err == nil {
		p.record.Facts = encoded
	}
	return err
}

// readDocs looks which of the package's objects are deprecated, which their
// comments say: no types are needed, and of most files not even the syntax.
func (d *dependencies) readDocs(p *dependency) error {
	pkg := types.NewPackage(p.path(), p.Name)
	info := &types.Info{Defs: map[*ast.Ident]types.Object{}}
	var files []*ast.File
	for _, path := range p.goFiles() {
		text, err := readBounded(path, maxSource)
		if err != nil {
			return err
		}
		if !bytes.Contains(text, []byte("Deprecated: ")) {
			continue
		}
		file, err := parser.ParseFile(d.fset, path, text, parser.SkipObjectResolution|parser.ParseComments)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				info.Defs[id] = types.NewVar(id.Pos(), pkg, id.Name, nil) // the analyzer needs no more than its place
			}
			_, body := n.(*ast.BlockStmt)
			return !body
		})
		files = append(files, file)
	}
	p.record.Docs = true
	if len(files) == 0 {
		return nil
	}
	u := &unit{listed: p.listed, files: files, info: info, types: pkg}
	s := newPass(d.known, u, nil, func(*analysis.Analyzer, analysis.Diagnostic) {})
	if err := s.run(context.Background(), deprecated.Analyzer); err != nil {
		return err
	}
	return d.remember(p, s.facts())
}

// dependencyImporter resolves what a package that comes from export data imports.
type dependencyImporter struct {
	d *dependencies
	u *unit
}

// Import implements types.Importer.
func (i *dependencyImporter) Import(path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	dep := i.d.units[i.u.imported(path)]
	if dep == nil || dep.source {
		return nil, errors.New("no such package")
	}
	return i.d.exports.types(dep)
}
