package gotest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sluice-ci/sluice/internal/hint"
)

// maxSource bounds a test file that is parsed, bytes.
const maxSource = 32 << 20

// listing is what there is to be tested.
type listing struct {
	packages []*listed
	byPath   map[string]*listed
	files    testFiles
}

// listed is a package, as go list prints it.
type listed struct {
	Dir            string
	ImportPath     string
	GoFiles        []string
	CgoFiles       []string
	TestGoFiles    []string
	XTestGoFiles   []string
	IgnoredGoFiles []string
	Error          *struct{ Err string }

	declared map[string]place // tests that go test will run
	main     *place           // TestMain
	idle     bool             // TestMain does not use its parameter
	broken   bool             // a test file could not be parsed
}

// place is a line of a file.
type place struct {
	file string // absolute
	line int
}

// list asks for the packages, and reads from their test files which tests there
// are: this is what the results are held against.
func (r *runner) list(ctx context.Context) (listing, error) {
	args := append([]string{"list", "-e", "-json=Dir,ImportPath,GoFiles,CgoFiles,TestGoFiles,XTestGoFiles,IgnoredGoFiles,Error"}, r.flags()...)
	out, err := r.tc.Output(ctx, r.Dir, r.env, r.Log, append(args, "./...")...)
	if err != nil {
		return listing{}, fmt.Errorf("listing the packages: %w", err)
	}
	l := listing{byPath: map[string]*listed{}}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		p := &listed{declared: map[string]place{}}
		if err := dec.Decode(p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return l, fmt.Errorf("reading the list of packages: %w", err)
		}
		if p.Dir == "" && p.Error != nil {
			return l, hint.With(fmt.Errorf("listing the packages: %s", p.Error.Err), "see what go list ./... says")
		}
		l.packages = append(l.packages, p)
		l.byPath[p.ImportPath] = p
	}
	if len(l.packages) == 0 {
		return l, errors.New("there is no Go package")
	}
	if err := l.declare(); err != nil {
		return l, err
	}
	return l, r.countFiles(&l)
}

// declare reads the test files.
func (l listing) declare() error {
	for _, p := range l.packages {
		for _, name := range slices.Concat(p.TestGoFiles, p.XTestGoFiles) {
			if err := p.declare(filepath.Join(p.Dir, name)); err != nil {
				return fmt.Errorf("looking for tests: %w", err)
			}
		}
	}
	return nil
}

func (p *listed) declare(file string) error {
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if info.Size() > maxSource {
		return fmt.Errorf("%s is larger than %d MiB", file, maxSource>>20)
	}
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		p.broken = true // go test tells
		return nil
	}
	at := func(n ast.Node) place { return place{file, fset.Position(n.Pos()).Line} }
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if isTest(fn, "Test", "T") || isTest(fn, "Fuzz", "F") {
			p.declared[fn.Name.Name] = at(fn)
		} else if isTest(fn, "TestMain", "M") {
			here := at(fn)
			p.main, p.idle = &here, !uses(fn)
		}
	}
	for _, e := range doc.Examples(f) {
		if e.Output != "" || e.EmptyOutput {
			p.declared["Example"+e.Name] = at(e.Code)
		}
	}
	return nil
}

// isTest tells whether package testing runs a function, by the rules of the go
// command: func TestXxx(*testing.T), with no lower-case letter after "Test".
func isTest(fn *ast.FuncDecl, prefix, param string) bool {
	rest, ok := strings.CutPrefix(fn.Name.Name, prefix)
	first, _ := utf8.DecodeRuneInString(rest)
	if !ok || rest != "" && unicode.IsLower(first) {
		return false
	}
	list := fn.Type.Params.List
	if fn.Recv != nil || fn.Type.Results != nil || len(list) != 1 || len(list[0].Names) > 1 {
		return false
	}
	star, ok := list[0].Type.(*ast.StarExpr)
	if !ok {
		return false
	}
	switch t := star.X.(type) {
	case *ast.SelectorExpr:
		return t.Sel.Name == param
	case *ast.Ident: // a dot import of testing
		return t.Name == param
	}
	return false
}

// statements tells whether there are any besides the tests, which coverage is
// then written for.
func (p *listed) statements() bool {
	for _, name := range slices.Concat(p.GoFiles, p.CgoFiles) {
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return true // it passed, so this is another file than was compiled
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil && len(fn.Body.List) > 0 {
				return true
			}
		}
	}
	return false
}

// any tells whether there is anything to be run.
func (l listing) any() bool {
	return slices.ContainsFunc(l.packages, func(p *listed) bool { return len(p.declared) > 0 || p.broken })
}

// declaredAt is where a test is declared: for a part of one, the function that
// it is in.
func (p *listed) declaredAt(test string) place {
	name, _, _ := strings.Cut(test, "/")
	if at, ok := p.declared[name]; ok {
		return at
	}
	return p.somewhere()
}

// names are the package's tests, sorted.
func (p *listed) names() []string { return slices.Sorted(maps.Keys(p.declared)) }
