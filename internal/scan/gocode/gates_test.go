package gocode

import (
	"go/ast"
	"go/parser"
	"go/token"
	"testing"
)

// TestOpen holds the gates to their promise: a question may only be closed when
// the answer is no.
func TestOpen(t *testing.T) {
	t.Parallel()
	tests := []struct {
		code string
		ask  kind
		want kind
	}{
		{`func f() { g() }`, asksReturn, asksReturn},
		{`func f() { if x { g() } }`, asksReturn, 0},
		{`func f() { defer g(); return }`, asksReturn, 0},
		{`func f() { panic(1) }`, asksReturn, asksReturn},
		{`func f() { for {} }`, asksReturn, asksReturn},
		{`func f() { close(c) }`, asksReturn, 0},
		{`func Fatal() { if x { g() } }`, asksReturn, asksReturn},
		{`func f()`, asksReturn | asksPrint | asksPure, 0},

		{`func f(format string, args ...any) { g(format, args...) }`, asksPrint, asksPrint},
		{`func f(format string, args ...any) { g(format, args) }`, asksPrint, asksPrint},
		{`func f(format string, args ...any) { g(format) }`, asksPrint, 0},
		{`func f(args []any) { g(args...) }`, asksPrint, 0},

		{`func f(n int) int { return g(n) }`, asksPure, asksPure},
		{`func f(n int) { g(n) }`, asksPure, 0},
		{`func f(n int) int { go g(); return n }`, asksPure, 0},
		{`func f(n int) int { panic(n) }`, asksPure, 0},

		{`func f(s ...string) { if len(s)%2 != 0 { panic(1) } }`, asksEven, asksEven},
		{`func f(s ...string) { g(s) }`, asksEven, asksEven},
		{`func f(s Slice) { g(s...) }`, asksEven, asksEven},
		{`func f(s ...string) { g(s[0]) }`, asksEven, 0},

		{`func f() error { return g() }`, asksNeverNil, asksNil},
		{`func f() (int, error) { return 1, nil }`, asksNeverNil, 0},
		{`func f() (a, b I) { return nil, x }`, asksNeverNil, asksNil},
		{`func f() (err error) { return }`, asksNeverNil, asksNil},
		{`func f() error { h(func() error { return nil }); return x }`, asksNeverNil, asksNil},
		{`func f() *T { return x }`, asksNeverNil, 0},
		{`func f() error { return nil }`, asksNil, asksNil},
	}
	for _, tt := range tests {
		file, err := parser.ParseFile(token.NewFileSet(), "a.go", "package a\n"+tt.code, parser.SkipObjectResolution)
		if err != nil {
			t.Fatalf("%s: %v", tt.code, err)
		}
		if got := tt.ask.open(file.Decls[0].(*ast.FuncDecl)); got != tt.want {
			t.Errorf("%s: of %b stays open %b, want %b", tt.code, tt.ask, got, tt.want)
		}
	}
}
