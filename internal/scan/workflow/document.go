package workflow

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/rhysd/actionlint"
	"go.yaml.in/yaml/v4"
)

const (
	maxDepth = 64     // of nested values
	maxNodes = 50_000 // values, with those behind aliases counted at each
	// maxExpression is how long a text may be that has an expression, as at
	// GitHub. It also bounds how deep one can be nested.
	maxExpression = 21_000
)

// document is a workflow or an action, parsed.
type document struct {
	path  string // from the top of the repository, with slashes
	lines []string
	// flow is the workflow. That of an action that is made of steps has these as
	// its one job; other actions have none.
	flow   *actionlint.Workflow
	action bool
	image  *actionlint.String // of an action that is an image
	errs   []*actionlint.Error
	steps  int // how many there are by the count of YAML's nodes
}

// fault is why a document could not be examined.
type fault struct {
	line int
	err  error
}

func (f *fault) Error() string { return f.err.Error() }

func faultAt(n *yaml.Node, format string, args ...any) error {
	return &fault{n.Line, fmt.Errorf(format, args...)}
}

// parse parses a workflow or an action. The error is a *fault.
func parse(name string, text []byte) (*document, error) {
	top, err := parseYAML(text)
	if err != nil {
		return nil, err
	}
	d := &document{path: name, lines: strings.Split(string(text), "\n"), action: isAction(name)}
	if d.action {
		err := d.parseAction(top)
		return d, err
	}
	d.flow, d.errs = actionlint.Parse(text)
	if d.flow == nil {
		return nil, faultAt(top, "actionlint could not parse it: %s", errors.Join(asErrors(d.errs)...))
	}
	d.steps = countSteps(top)
	return d, nil
}

func asErrors(all []*actionlint.Error) (errs []error) {
	for _, e := range all {
		errs = append(errs, errors.New(e.Message))
	}
	return errs
}

// parseYAML parses a text that is one document of YAML in which everything is
// bounded. It is the node at the top.
func parseYAML(text []byte) (*yaml.Node, error) {
	if at := invalid(text); at >= 0 {
		return nil, &fault{1 + bytes.Count(text[:at], []byte("\n")), errors.New("it is not UTF-8 text")}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var doc, more yaml.Node
	switch err := decoder.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return nil, &fault{1, errors.New("it is empty")}
	case err != nil:
		return nil, yamlFault(err)
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, &fault{max(more.Line, 1), errors.New("it has more than one YAML document")}
	}
	if _, err := (&bounds{sizes: map[*yaml.Node]int{}}).size(&doc); err != nil {
		return nil, err
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) == 0 || resolved(doc.Content[0]).Kind != yaml.MappingNode {
		return nil, &fault{1, errors.New("it is no mapping")}
	}
	return resolved(doc.Content[0]), nil
}

// invalid is where a text has what is no UTF-8, or a NUL; -1 when nowhere.
func invalid(text []byte) int {
	for at := 0; at < len(text); {
		r, n := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && n == 1 || r == 0 {
			return at
		}
		at += n
	}
	return -1
}

// yamlFault is an error of the YAML parser with its line.
func yamlFault(err error) error {
	var p *yaml.ParserError
	if errors.As(err, &p) {
		line := max(p.Line, 1)
		if strings.HasPrefix(p.Message, "did not find expected") {
			line = p.Line + 1 // errors of the parser count from 0, those of the scanner from 1
		}
		return &fault{line, fmt.Errorf("it is no YAML: %s", p.Message)}
	}
	return &fault{1, fmt.Errorf("it is no YAML: %w", err)}
}

// bounds holds a tree of nodes to the limits. What aliases would make of it is
// counted without being made.
type bounds struct {
	depth int
	sizes map[*yaml.Node]int // of whole subtrees; -1 while it is being counted
}

func (b *bounds) size(n *yaml.Node) (int, error) {
	n = resolved(n)
	switch size, ok := b.sizes[n]; {
	case ok && size < 0:
		return 0, faultAt(n, "an alias is part of what it stands for")
	case ok:
		return size, nil
	}
	if b.depth++; b.depth > maxDepth {
		return 0, faultAt(n, "it is nested more than %d deep", maxDepth)
	}
	defer func() { b.depth-- }()
	if err := short(n); err != nil {
		return 0, err
	}
	b.sizes[n] = -1
	size := 1
	for _, c := range n.Content {
		more, err := b.size(c)
		if err != nil {
			return 0, err
		}
		if size += more; size > maxNodes {
			return 0, faultAt(n, "it has more than %d values", maxNodes)
		}
	}
	b.sizes[n] = size
	return size, nil
}

// short holds texts with expressions to their limit. That of "if" is one without
// being marked.
func short(n *yaml.Node) error {
	if v := value(n, "if"); v != nil && len(v.Value) > maxExpression || len(n.Value) > maxExpression && strings.Contains(n.Value, "${{") {
		return faultAt(n, "it has an expression of more than %d characters", maxExpression)
	}
	return nil
}

// resolved is the node that an alias stands for.
func resolved(n *yaml.Node) *yaml.Node {
	for range maxDepth {
		if n.Kind != yaml.AliasNode || n.Alias == nil {
			break
		}
		n = n.Alias
	}
	return n
}

// countSteps counts the steps of a workflow's jobs.
func countSteps(top *yaml.Node) (n int) {
	jobs := value(top, "jobs")
	if jobs == nil || jobs.Kind != yaml.MappingNode {
		return 0
	}
	for i := 1; i < len(jobs.Content); i += 2 {
		if steps := value(resolved(jobs.Content[i]), "steps"); steps != nil {
			n += len(steps.Content)
		}
	}
	return n
}

// value is the value of a mapping's key; nil when there is none.
func value(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if strings.EqualFold(n.Content[i].Value, key) {
			return resolved(n.Content[i+1])
		}
	}
	return nil
}
