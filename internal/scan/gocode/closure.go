package gocode

import (
	"go/ast"
	"go/token"
	"path"
	"strconv"
)

// choose decides which functions of a package must be looked into: those that
// are asked about, unless their syntax answers, and what they call in turn.
// Names stand for functions here, so it may be more than is needed.
func (p *dependency) choose(fset *token.FileSet) {
	c := &closure{keep: map[*ast.FuncDecl]kind{}, byName: map[string][]*ast.FuncDecl{}, imports: map[*ast.FuncDecl]map[string]bool{}}
	asked := map[*ast.FuncDecl]kind{}
	for _, file := range p.files {
		c.addFile(file)
	}
	for f := range c.imports {
		if k := p.asked[declKey(fset, f)]; k != 0 {
			asked[f] = k
			p.kinds |= k & asksReturn // some functions are known by name, without a look at their body
		}
	}
	for f, k := range asked {
		c.need(f, k)
	}
	if len(asked) < len(p.asked) {
		// Questions about variables and interfaces' methods: whatever is
		// assigned to them anywhere in the package decides.
		for f := range c.imports {
			c.keep[f] |= asksPrint
		}
	}
	p.keep = c.keep
	for _, k := range p.keep {
		p.kinds |= k
	}
}

func declKey(fset *token.FileSet, f *ast.FuncDecl) string {
	at := fset.Position(f.Name.Pos())
	return path.Base(at.Filename) + ":" + strconv.Itoa(at.Line) + ":" + f.Name.Name
}

// closure is what functions of one package need to know of each other.
type closure struct {
	keep    map[*ast.FuncDecl]kind
	byName  map[string][]*ast.FuncDecl
	imports map[*ast.FuncDecl]map[string]bool // names of imported packages, by function
}

// addFile adds the functions of a file. What calls C is passed over: without the
// C compiler's headers it cannot be understood.
func (c *closure) addFile(file *ast.File) {
	imports := importNames(file)
	if imports["C"] {
		return
	}
	for _, decl := range file.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok {
			c.byName[f.Name.Name] = append(c.byName[f.Name.Name], f)
			c.imports[f] = imports
		}
	}
}

// need keeps a function for questions, and asks about what it calls.
func (c *closure) need(f *ast.FuncDecl, k kind) {
	if k = k.open(f) &^ c.keep[f]; k == 0 {
		return
	}
	c.keep[f] |= k
	statements := map[*ast.CallExpr]bool{}
	ast.Inspect(f.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ExprStmt:
			if call, ok := ast.Unparen(n.X).(*ast.CallExpr); ok {
				statements[call] = true
			}
		case *ast.CallExpr:
			kk := k &^ asksReturn
			if statements[n] && k != asksPrint {
				kk |= asksReturn
			}
			for _, callee := range c.callees(f, n) {
				c.need(callee, kk)
			}
		}
		return true
	})
}

// callees are the functions of the package that a call can mean, by name.
func (c *closure) callees(f *ast.FuncDecl, call *ast.CallExpr) []*ast.FuncDecl {
	fun := ast.Unparen(call.Fun)
	switch x := fun.(type) {
	case *ast.IndexExpr:
		fun = x.X
	case *ast.IndexListExpr:
		fun = x.X
	}
	switch fun := fun.(type) {
	case *ast.Ident:
		return c.byName[fun.Name]
	case *ast.SelectorExpr:
		if x, ok := fun.X.(*ast.Ident); ok && c.imports[f][x.Name] {
			return nil
		}
		return c.byName[fun.Sel.Name]
	}
	return nil
}

// importNames are the names by which a file's imports may be known: where none is
// given, the last elements of the path.
func importNames(file *ast.File) map[string]bool {
	names := map[string]bool{}
	for _, spec := range file.Imports {
		if spec.Name != nil {
			names[spec.Name.Name] = true
			continue
		}
		if importPath, err := strconv.Unquote(spec.Path.Value); err == nil {
			names[path.Base(importPath)] = true
		}
	}
	return names
}
