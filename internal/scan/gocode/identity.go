package gocode

import (
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// maxIdentity bounds how much of a statement's text is told, bytes; what is longer
// is told by its digest.
const maxIdentity = 2000

// identities reads what makes a finding the same one when code around it moves,
// from the files that have findings, each once.
type identities struct {
	module map[string]bool
	read   map[string]source
}

func (c *check) identities() identities {
	i := identities{module: map[string]bool{}, read: map[string]source{}}
	for _, path := range c.files {
		i.module[path] = true
	}
	return i
}

// of is the smallest statement or declaration around the finding and the function
// that has it. Where there is none, and for the form of a file, it is the line.
func (i identities) of(f sarif.Finding) string {
	at := f.Location
	if !i.module[at.Path] {
		return ""
	}
	s, ok := i.read[at.Path]
	if !ok {
		s = readSource(at.Path)
		i.read[at.Path] = s
	}
	if at.Line < 1 || at.Line > len(s.lines) {
		return ""
	}
	line := squeeze(s.lines[at.Line-1])
	if f.Tool != gofmtTool {
		line = s.around(at.Line, at.Column, line)
	}
	if len(line) > maxIdentity {
		line = strings.ToValidUTF8(line[:maxIdentity], "") + " " + digest([]byte(line))
	}
	return line
}

// source is a file as it was written.
type source struct {
	lines []string
	text  []byte
	fset  *token.FileSet
	file  *ast.File // nil if it cannot be parsed
}

func readSource(path string) source {
	text, err := readBounded(path, maxSource)
	if err != nil {
		return source{}
	}
	s := source{lines: strings.Split(string(text), "\n"), text: text, fset: token.NewFileSet()}
	if s.file, err = parser.ParseFile(s.fset, path, text, parser.SkipObjectResolution); err != nil {
		s.file = nil
	}
	return s
}

// around is the text of what is around a place, or else the line's, after the
// name of the function.
func (s source) around(line, column int, text string) string {
	if s.file == nil || line > s.fset.File(s.file.FileStart).LineCount() {
		return text
	}
	file := s.fset.File(s.file.FileStart)
	start := file.Offset(file.LineStart(line))
	if column == 0 {
		column = 1 + len(s.lines[line-1]) - len(strings.TrimLeft(s.lines[line-1], " \t"))
	}
	found := surroundings(s.file, file.Pos(min(start+column-1, file.Size())))
	if found.from.IsValid() {
		text = tokens(s.text[file.Offset(found.from):file.Offset(found.to)])
	}
	if found.function != "" {
		text = found.function + ": " + text
	}
	return text
}

// surrounding is what is around a place: a function's name, and where a simple
// statement, a declaration or the head of a larger statement stands.
type surrounding struct {
	function string
	from, to token.Pos
}

func surroundings(f *ast.File, pos token.Pos) (s surrounding) {
	ast.Inspect(f, func(n ast.Node) bool {
		if n == nil || pos < n.Pos() || pos >= n.End() {
			return false
		}
		switch n := n.(type) {
		case *ast.FuncDecl:
			s.function = functionName(n)
		case *ast.BlockStmt:
			s.from, s.to = token.NoPos, token.NoPos // what is around it is another's
		case *ast.FuncType:
			return false // a parameter is no declaration of its own
		}
		if from, to := extent(n); from <= pos && pos < to {
			s.from, s.to = from, to
		}
		return true
	})
	return s
}

// extent is where a node that can be told by its text stands, without the
// statements that it governs.
func extent(n ast.Node) (from, to token.Pos) {
	switch n := n.(type) {
	case *ast.AssignStmt, *ast.ExprStmt, *ast.ReturnStmt, *ast.GoStmt, *ast.DeferStmt, *ast.SendStmt, *ast.IncDecStmt, *ast.BranchStmt,
		*ast.ValueSpec, *ast.TypeSpec, *ast.ImportSpec, *ast.Field:
		return n.Pos(), n.End()
	case *ast.GenDecl:
		if !n.Lparen.IsValid() {
			return n.Pos(), n.End()
		}
	case *ast.FuncDecl:
		return n.Pos(), n.Type.End()
	case *ast.IfStmt:
		return n.Pos(), n.Body.Pos()
	case *ast.ForStmt:
		return n.Pos(), n.Body.Pos()
	case *ast.RangeStmt:
		return n.Pos(), n.Body.Pos()
	case *ast.SwitchStmt:
		return n.Pos(), n.Body.Pos()
	case *ast.TypeSwitchStmt:
		return n.Pos(), n.Body.Pos()
	case *ast.SelectStmt:
		return n.Pos(), n.Body.Pos()
	case *ast.CaseClause:
		return n.Pos(), n.Colon
	case *ast.CommClause:
		return n.Pos(), n.Colon
	case *ast.LabeledStmt:
		return n.Pos(), n.Colon
	}
	return token.NoPos, token.NoPos
}

// functionName is a function's name after that of its receiver's type.
func functionName(f *ast.FuncDecl) string {
	if f.Recv.NumFields() == 0 {
		return f.Name.Name
	}
	name := ""
	ast.Inspect(f.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && name == "" {
			name = id.Name + "." // what follows are the type's parameters
		}
		return name == ""
	})
	return name + f.Name.Name
}

// tokens is code without what only its form needs: comments, white space, line
// breaks, and the comma at the end of a list that is written over several lines.
func tokens(code []byte) string {
	var s scanner.Scanner
	s.Init(token.NewFileSet().AddFile("", -1, len(code)), code, nil, 0)
	var words []string
	for {
		_, tok, text := s.Scan()
		if last := len(words) - 1; last >= 0 && slices.Contains(closes(tok), words[last]) {
			words = words[:last]
		}
		switch {
		case tok == token.EOF:
			return strings.Join(words, " ")
		case tok == token.SEMICOLON || text == "":
			text = tok.String()
		}
		words = append(words, text)
	}
}

// closes are the separators that mean nothing before a token.
func closes(tok token.Token) []string {
	switch tok {
	case token.EOF:
		return []string{";"}
	case token.RPAREN, token.RBRACK, token.RBRACE:
		return []string{",", ";"}
	}
	return nil
}
