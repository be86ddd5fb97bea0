package gocode

import (
	"bytes"
	"go/scanner"
	"go/token"
	"slices"
	"strings"
)

// withoutLineComments blanks the comments by which code says that it is of other
// lines, columns or files than it is: what is found, and what switches findings
// off, is told by where the text stands. Nothing else moves.
func withoutLineComments(text []byte) []byte {
	if !bytes.Contains(text, []byte("//line ")) && !bytes.Contains(text, []byte("/*line ")) {
		return text
	}
	file := token.NewFileSet().AddFile("", -1, len(text))
	var s scanner.Scanner
	s.Init(file, text, nil, scanner.ScanComments)
	blanked := slices.Clone(text)
	for {
		pos, tok, comment := s.Scan()
		if tok == token.EOF {
			return blanked
		}
		if tok == token.COMMENT && strings.HasPrefix(comment[2:], "line ") {
			blank(blanked[file.Offset(pos):], comment[1] == '*')
		}
	}
}

// blank overwrites the comment that text starts with, but what delimits it.
func blank(text []byte, block bool) {
	end := "\n"
	if block {
		end = "*/"
	}
	inside, _, _ := bytes.Cut(text[2:], []byte(end))
	for i, b := range inside {
		if b != '\n' {
			inside[i] = ' '
		}
	}
}
