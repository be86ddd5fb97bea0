package gocode

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// maxDefects bounds how many errors of one package are kept.
const maxDefects = 20

// defect is why a package does not compile.
type defect struct {
	pos token.Position
	msg string
}

// loader type-checks units: those that are analysed whole, the others only as
// far as their importers see them.
type loader struct {
	*program
	exports *exports
	whole   map[*unit]bool
}

func newLoader(p *program, e *exports, whole map[*unit]bool) *loader {
	return &loader{program: p, exports: e, whole: whole}
}

// load type-checks the given units and, before them, what they import.
func (l *loader) load(ctx context.Context) {
	needed := map[*unit]bool{}
	for u := range l.whole {
		l.need(u, needed)
	}
	imports := func(u *unit) []*unit { return u.imports }
	inOrder(ctx, slices.Collect(maps.Keys(needed)), imports, func(u *unit) func() {
		l.check(ctx, u)
		return nil
	})
}

func (l *loader) need(u *unit, needed map[*unit]bool) {
	if needed[u] || !u.source {
		return
	}
	needed[u] = true
	for _, dep := range u.imports {
		l.need(dep, needed)
	}
}

// check parses and type-checks one unit.
func (l *loader) check(ctx context.Context, u *unit) {
	if err := ctx.Err(); err != nil {
		u.notRun = err
		return
	}
	if u.broken != nil {
		u.notRun = u.broken
		return
	}
	defer func() {
		if r := recover(); r != nil {
			u.notRun = fmt.Errorf("type-checking %s: %v", u.ImportPath, r)
		}
	}()
	l.parse(u)
	l.typecheck(u)
	// The type checker has found import cycles itself, where they are cut.
	if u.Error != nil && len(u.defects) == 0 && !strings.Contains(u.Error.Err, "import cycle not allowed") {
		u.defects = append(u.defects, listDefect(u))
	}
}

// listDefect is what go list has against the package: a folder whose name cannot
// be imported, say.
func listDefect(u *unit) defect {
	d := defect{pos: token.Position{Filename: u.Dir}, msg: firstLine(u.Error.Err)}
	entries, err := os.ReadDir(u.Dir)
	if err != nil {
		return d
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".go" {
			d.pos = token.Position{Filename: filepath.Join(u.Dir, e.Name()), Line: 1, Column: 1}
			break
		}
	}
	return d
}

// parse parses the unit's files.
func (l *loader) parse(u *unit) {
	mode := parser.ParseComments | parser.AllErrors
	if !l.whole[u] {
		mode |= parser.SkipObjectResolution // gosec's rules need it: they look at ast.Object
	}
	for _, path := range u.goFiles() {
		text := withoutLineComments(u.texts[path])
		file, err := parser.ParseFile(l.fset, path, text, mode)
		var list scanner.ErrorList
		if errors.As(err, &list) {
			for _, e := range list[:min(len(list), maxDefects)] {
				u.defects = append(u.defects, defect{pos: offsetPosition(path, text, e.Pos.Offset), msg: e.Msg})
			}
		} else if err != nil {
			u.defects = append(u.defects, defect{pos: token.Position{Filename: path, Line: 1, Column: 1}, msg: err.Error()})
		}
		if file != nil {
			u.files = append(u.files, file)
		}
	}
}

// offsetPosition is a place in a file as it was written: a line directive in it
// could name any file.
func offsetPosition(name string, text []byte, offset int) token.Position {
	before := text[:max(0, min(offset, len(text)))]
	if len(before) == len(text) {
		before = bytes.TrimSuffix(before, []byte("\n")) // the end is of the last line, not below it
	}
	return token.Position{
		Filename: name, Offset: offset,
		Line: 1 + bytes.Count(before, []byte("\n")), Column: len(before) - bytes.LastIndexByte(before, '\n'),
	}
}

// typecheck checks the unit's types; whole ones with their functions' bodies.
func (l *loader) typecheck(u *unit) {
	whole := l.whole[u]
	if whole {
		u.info = newInfo()
	}
	conf := types.Config{
		Importer:         &unitImporter{l: l, u: u},
		Sizes:            types.SizesFor("gc", runtime.GOARCH),
		GoVersion:        u.goVersion(),
		IgnoreFuncBodies: !whole,
		Error:            func(err error) { u.addTypeError(err, whole) },
	}
	info := u.info
	if info == nil {
		info = &types.Info{FileVersions: map[*ast.File]string{}}
	}
	u.types, _ = conf.Check(u.path(), l.fset, u.files, info) // errors went to conf.Error
	if !whole {
		u.files = nil // its importers need no more than its types
	}
}

func newInfo() *types.Info {
	return &types.Info{
		Types:        map[ast.Expr]types.TypeAndValue{},
		Instances:    map[*ast.Ident]types.Instance{},
		Defs:         map[*ast.Ident]types.Object{},
		Uses:         map[*ast.Ident]types.Object{},
		Implicits:    map[ast.Node]types.Object{},
		Selections:   map[*ast.SelectorExpr]*types.Selection{},
		Scopes:       map[ast.Node]*types.Scope{},
		FileVersions: map[*ast.File]string{},
	}
}

// addTypeError keeps an error of the type checker. Without bodies an import
// looks unused when it is not.
func (u *unit) addTypeError(err error, whole bool) {
	var e types.Error
	if !errors.As(err, &e) || (e.Soft && !whole) {
		return
	}
	if len(u.defects) < maxDefects {
		u.defects = append(u.defects, defect{pos: e.Fset.PositionFor(e.Pos, false), msg: e.Msg})
	}
}

// unitImporter resolves what one unit imports.
type unitImporter struct {
	l *loader
	u *unit
}

// Import implements types.Importer.
func (i *unitImporter) Import(path string) (*types.Package, error) {
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	dep := i.l.units[i.u.imported(path)]
	switch {
	case dep == nil:
		return nil, errors.New("no such package")
	case dep.Error != nil && dep.Name == "":
		return nil, errors.New(firstLine(dep.Error.Err))
	case !dep.source:
		pkg, err := i.l.exports.types(dep)
		if err != nil {
			i.u.notRun = err
		}
		return pkg, err
	case dep.notRun != nil:
		i.u.notRun = dep.notRun
		return nil, dep.notRun
	case dep.types == nil:
		return nil, errors.New("import cycle not allowed")
	}
	return dep.types, nil
}
