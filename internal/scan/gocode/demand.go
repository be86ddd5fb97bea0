package gocode

import (
	"go/ast"
	"go/types"
	"sync"

	"golang.org/x/tools/go/types/typeutil"
	irtypes "honnef.co/go/tools/go/types/typeutil"
)

// kind is a set of questions that analyzers ask about functions of other
// packages. Only what is asked is worked out, for only the functions that it is
// asked about: the dependencies of a small service are a million lines.
type kind uint8

const (
	asksReturn   kind = 1 << iota // does it ever return? (ctrlflow)
	asksPrint                     // does it print as fmt does? (printf)
	asksPure                      // has it no side effect? (purity)
	asksEven                      // must a slice be of even length? (SA5012)
	asksNil                       // which results can be nil? (nilness)
	asksNeverNil                  // the same, of interest only when it never returns a plain nil
)

const asksAll = asksReturn | asksPrint | asksPure | asksEven | asksNeverNil

// questions are what is asked about the functions of packages.
type questions struct {
	known *knowledge

	mu    sync.Mutex
	asked map[string]map[string]kind // by package path and function
}

func newQuestions(k *knowledge) *questions {
	return &questions{known: k, asked: map[string]map[string]kind{}}
}

func (q *questions) ask(o types.Object, k kind) {
	key := objectKey(q.known.fset, o)
	if k == 0 || key == "" {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	path := o.Pkg().Path()
	if q.asked[path] == nil {
		q.asked[path] = map[string]kind{}
	}
	q.asked[path][key] |= k
}

// of are the questions about one package.
func (q *questions) of(path string) map[string]kind {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.asked[path]
}

// addUnit asks what the analysis of a package will ask.
func (q *questions) addUnit(u *unit) {
	for _, file := range u.files {
		context := asksAll
		if isTest(q.known.fset.Position(file.FileStart).Filename) {
			context &^= asksNeverNil // comparisons in tests are not judged (SA4023)
		}
		for _, decl := range file.Decls {
			k := context
			if f, ok := decl.(*ast.FuncDecl); ok && k&asksNeverNil != 0 && f.Body != nil && mayBeNeverNil(f) {
				k |= asksNil
			}
			q.add(u.info, u.types, decl, k)
		}
	}
}

// add asks about all that is called below a node, as far as context needs it.
func (q *questions) add(info *types.Info, self *types.Package, root ast.Node, context kind) {
	statements := map[*ast.CallExpr]bool{}
	ast.Inspect(root, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ExprStmt:
			if call, ok := ast.Unparen(n.X).(*ast.CallExpr); ok {
				statements[call] = true
			}
		case *ast.CallExpr:
			o := typeutil.Callee(info, n)
			if o == nil || o.Pkg() == nil || o.Pkg() == self {
				return true
			}
			q.call(o, context, statements[n])
		}
		return true
	})
}

// call asks about one callee. Of a function that is not known before it is called
// (a variable, an interface's method) only printf asks.
func (q *questions) call(o types.Object, context kind, statement bool) {
	sig, ok := o.Type().Underlying().(*types.Signature)
	if !ok {
		return
	}
	k := relevant(sig, context, statement)
	f, ok := o.(*types.Func)
	if !ok || (sig.Recv() != nil && types.IsInterface(sig.Recv().Type())) {
		k &= asksPrint
	}
	if ok {
		o = f.Origin()
	}
	q.ask(o, k)
}

// relevant are the questions that make sense of a function with such a signature.
func relevant(sig *types.Signature, context kind, statement bool) kind {
	var k kind
	if statement && context != asksPrint {
		k |= asksReturn
	}
	if takesAny(sig) {
		k |= asksPrint
	}
	if sig.Results().Len() > 0 && onlyBasic(sig) {
		k |= asksPure
	}
	if anyVar(sig.Params(), func(t types.Type) bool { _, ok := t.Underlying().(*types.Slice); return ok }) {
		k |= asksEven
	}
	if anyVar(sig.Results(), irtypes.MaybePointerLike) {
		k |= asksNil
	}
	if anyVar(sig.Results(), types.IsInterface) {
		k |= asksNeverNil
	}
	return k & (context | asksReturn)
}

// takesAny tells whether a function ends in "args ...any".
func takesAny(sig *types.Signature) bool {
	if !sig.Variadic() {
		return false
	}
	slice, ok := sig.Params().At(sig.Params().Len() - 1).Type().(*types.Slice)
	if !ok {
		return false
	}
	i, ok := types.Unalias(slice.Elem()).(*types.Interface)
	return ok && i.Empty()
}

// onlyBasic tells whether a function takes nothing but basic values.
func onlyBasic(sig *types.Signature) bool {
	notBasic := func(t types.Type) bool { return !basic(t) }
	return !anyVar(sig.Params(), notBasic) && (sig.Recv() == nil || basic(sig.Recv().Type()))
}

func basic(t types.Type) bool {
	switch t := t.Underlying().(type) {
	case *types.Basic:
		return true
	case *types.Struct:
		for f := range t.Fields() {
			if !basic(f.Type()) {
				return false
			}
		}
		return true
	}
	return false
}

func anyVar(vars *types.Tuple, is func(types.Type) bool) bool {
	for v := range vars.Variables() {
		if is(v.Type()) {
			return true
		}
	}
	return false
}
