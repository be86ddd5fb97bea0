package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxDepth is how deep mappings and lists may be nested.
const maxDepth = 20

const (
	mergeTag = "!!merge"
	nullTag  = "!!null"
)

// document parses the one document that text is, and refuses what makes YAML
// say something else than it seems to. It returns nil for an empty file.
func (w *walker) document(text []byte) *yaml.Node {
	if !w.plain(text) {
		return nil
	}
	var doc, more yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&doc); err != nil {
		w.syntax(err)
		return nil
	}
	if err := decoder.Decode(&more); err == nil {
		w.fault(&more, "a second document starts here, and only one is read")
	} else {
		w.syntax(err)
	}
	if len(doc.Content) != 1 || doc.Content[0].Tag == nullTag {
		return nil
	}
	w.form(doc.Content[0], 1)
	return doc.Content[0]
}

// plain refuses what is no text, and indentation by tabs, for which the parser
// has no clear words.
func (w *walker) plain(text []byte) bool {
	for i, line := range strings.Split(string(text), "\n") {
		at := &yaml.Node{Line: i + 1, Column: 1}
		if !utf8.ValidString(line) {
			w.fault(at, "this is no UTF-8 text")
			return false
		}
		body := strings.TrimLeft(line, " ")
		if strings.HasPrefix(body, "\t") && strings.TrimSpace(body) != "" {
			at.Column += len(line) - len(body)
			w.fault(at, "a tab in the indentation: use spaces")
		}
		if hidden := strings.IndexFunc(strings.TrimSuffix(line, "\r"), invisible); hidden >= 0 {
			at.Column = 1 + utf8.RuneCountInString(line[:hidden])
			r, _ := utf8.DecodeRuneInString(line[hidden:])
			w.fault(at, "a control character (%U)", r)
		}
	}
	return len(w.errs) == 0
}

// invisible tells of characters that an editor does not show, or shows as the
// end of a line where this file's errors would count none.
func invisible(r rune) bool {
	return r != '\t' && unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
}

// parserError is how the parser words its errors.
var parserError = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

func (w *walker) syntax(err error) {
	if errors.Is(err, io.EOF) {
		return
	}
	at, text := &yaml.Node{Line: 1, Column: 1}, err.Error()
	if m := parserError.FindStringSubmatch(text); m != nil {
		if line, err := strconv.Atoi(m[1]); err == nil {
			at.Line = line
		}
		text = m[2]
	}
	w.fault(at, "%s", text)
}

// form goes through all of a document, the parts with unknown keys too.
func (w *walker) form(n *yaml.Node, depth int) {
	if depth > maxDepth {
		w.fault(n, "nested more than %d deep", maxDepth)
		return
	}
	if refused := refusal(n); refused != "" {
		w.fault(n, "%s", refused)
	}
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && child.Kind != yaml.ScalarNode {
			w.fault(child, "a key must be a word, not %s", describe(child))
		}
		w.form(child, depth+1)
	}
}

func refusal(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.AliasNode:
		return fmt.Sprintf("aliases (*%s) are not supported: write the value out", clip(n.Value))
	case n.Anchor != "":
		return fmt.Sprintf("anchors (&%s) are not supported: write the value out where it is used", clip(n.Anchor))
	case n.Tag == mergeTag:
		return "merge keys (<<) are not supported: write the keys out"
	case n.Style&yaml.TaggedStyle != 0:
		return fmt.Sprintf("tags (%s) are not supported", clip(n.Tag))
	}
	return ""
}
