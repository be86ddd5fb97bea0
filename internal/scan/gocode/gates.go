package gocode

import (
	"go/ast"
	"go/token"
	"strings"

	"golang.org/x/tools/go/cfg"
)

// open takes from questions about a function those that its syntax alone answers
// with no. It must not take one that an analyzer would answer with yes.
func (k kind) open(f *ast.FuncDecl) kind {
	if f.Body == nil {
		return 0
	}
	if k&asksReturn != 0 && mustReturn(f) {
		k &^= asksReturn
	}
	if k&asksPrint != 0 && !forwardsArgs(f) {
		k &^= asksPrint
	}
	if k&asksPure != 0 && (f.Type.Results.NumFields() == 0 || hasEffects(f.Body)) {
		k &^= asksPure
	}
	if k&asksEven != 0 && !countsElements(f) {
		k &^= asksEven
	}
	if k&asksNeverNil != 0 {
		k &^= asksNeverNil
		if mayBeNeverNil(f) {
			k |= asksNil
		}
	}
	return k
}

// mustReturn tells whether a function returns even if none of the functions that
// it calls as statements does. The analyzer knows some functions by name, so
// those that are named like them are left to it.
func mustReturn(f *ast.FuncDecl) bool {
	for _, word := range []string{"fatal", "panic", "exit"} {
		if strings.Contains(strings.ToLower(f.Name.Name), word) {
			return false
		}
	}
	graph := cfg.New(f.Body, func(call *ast.CallExpr) bool {
		id, ok := call.Fun.(*ast.Ident)
		return ok && returningBuiltins[id.Name]
	})
	return !graph.NoReturn()
}

var returningBuiltins = map[string]bool{"append": true, "clear": true, "close": true, "copy": true, "delete": true, "print": true, "println": true}

// forwardsArgs tells whether a function passes its last parameter on as the last
// argument of a call.
func forwardsArgs(f *ast.FuncDecl) bool {
	params := f.Type.Params.List
	if len(params) == 0 {
		return false
	}
	last := params[len(params)-1]
	if _, ok := last.Type.(*ast.Ellipsis); !ok || len(last.Names) == 0 {
		return false
	}
	name := last.Names[len(last.Names)-1].Name
	return anyNode(f.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		return ok && len(call.Args) > 0 && isIdent(call.Args[len(call.Args)-1], name)
	})
}

// hasEffects tells whether a body has statements that no pure function has.
func hasEffects(body *ast.BlockStmt) bool {
	return anyNode(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt, *ast.SelectStmt, *ast.SendStmt:
			return true
		case *ast.CallExpr:
			return isIdent(n.Fun, "panic")
		}
		return false
	})
}

// countsElements tells whether a function computes a remainder, or passes a
// parameter on to a function that may.
func countsElements(f *ast.FuncDecl) bool {
	params := map[string]bool{}
	for _, field := range f.Type.Params.List {
		switch field.Type.(type) {
		case *ast.Ellipsis, *ast.ArrayType, *ast.Ident, *ast.SelectorExpr:
			for _, name := range field.Names {
				params[name.Name] = true
			}
		}
	}
	return anyNode(f.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			return n.Op == token.REM
		case *ast.CallExpr:
			for _, arg := range n.Args {
				if id, ok := arg.(*ast.Ident); ok && params[id.Name] {
					return true
				}
			}
		}
		return false
	})
}

// mayBeNeverNil tells whether one of a function's results can be an interface
// that is never a plain nil: one that no return statement sets to nil.
func mayBeNeverNil(f *ast.FuncDecl) bool {
	n := f.Type.Results.NumFields()
	if n == 0 {
		return false
	}
	plain := make([]bool, n)
	ast.Inspect(f.Body, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.FuncLit:
			return false // its returns are its own
		case *ast.ReturnStmt:
			for i, r := range node.Results {
				if i < n && isIdent(r, "nil") {
					plain[i] = true
				}
			}
		}
		return true
	})
	i := 0
	for _, field := range f.Type.Results.List {
		for range max(len(field.Names), 1) {
			if !plain[i] && canBeInterface(field.Type) {
				return true
			}
			i++
		}
	}
	return false
}

// canBeInterface tells whether a type's syntax leaves it open that it is an
// interface.
func canBeInterface(t ast.Expr) bool {
	switch t := t.(type) {
	case *ast.Ident:
		return !basicNames[t.Name]
	case *ast.SelectorExpr, *ast.InterfaceType, *ast.IndexExpr, *ast.IndexListExpr, *ast.ParenExpr:
		return true
	}
	return false
}

var basicNames = map[string]bool{
	"bool": true, "string": true, "byte": true, "rune": true, "int": true, "int8": true, "int16": true, "int32": true, "int64": true,
	"uint": true, "uint8": true, "uint16": true, "uint32": true, "uint64": true, "uintptr": true, "float32": true, "float64": true,
}

func isIdent(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

func isTest(path string) bool { return strings.HasSuffix(path, "_test.go") }

func anyNode(root ast.Node, is func(ast.Node) bool) bool {
	found := false
	ast.Inspect(root, func(n ast.Node) bool {
		found = found || (n != nil && is(n))
		return !found
	})
	return found
}
