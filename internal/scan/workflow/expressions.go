package workflow

import (
	"strings"

	"github.com/rhysd/actionlint"
)

// expression is one in a text.
type expression struct {
	offset int // of its "${{", bytes
	text   string
	node   actionlint.ExprNode
}

// expressions are all of a text that can be parsed; what cannot is a finding of
// actionlint's, and GitHub does not run it.
func expressions(text string) (all []expression) {
	for from := 0; ; {
		at := strings.Index(text[from:], "${{")
		if at < 0 {
			return all
		}
		at += from
		lexer := actionlint.NewExprLexer(text[at+3:])
		node, err := actionlint.NewExprParser().Parse(lexer)
		from = at + 3
		if err != nil {
			continue
		}
		from = min(from+max(lexer.Offset(), 0), len(text))
		all = append(all, expression{at, strings.TrimSpace(strings.TrimSuffix(text[at+3:from], "}}")), node})
	}
}

// ways are the values that an expression can come to, or to a text that has
// them: "github.event.issue.title". What is only compared, or asked about, is
// not among them.
func ways(n actionlint.ExprNode) []string {
	switch n := n.(type) {
	case *actionlint.VariableNode, *actionlint.ObjectDerefNode, *actionlint.ArrayDerefNode:
		return []string{way(n)}
	case *actionlint.IndexAccessNode:
		return []string{way(n)}
	case *actionlint.LogicalOpNode:
		if n.Kind == actionlint.LogicalOpNodeKindAnd {
			return ways(n.Right) // the left is what it comes to when that is empty
		}
		return append(ways(n.Left), ways(n.Right)...)
	case *actionlint.FuncCallNode:
		return called(n)
	}
	return nil
}

// called are the values that a function's result has.
func called(n *actionlint.FuncCallNode) (all []string) {
	switch strings.ToLower(n.Callee) {
	case "contains", "startswith", "endswith", "hashfiles", "success", "failure", "always", "cancelled":
		return nil
	case "tojson":
		for _, arg := range n.Args {
			for _, w := range ways(arg) {
				all = append(all, w)
				all = append(all, below(w)...)
			}
		}
		return all
	}
	for _, arg := range n.Args {
		all = append(all, ways(arg)...)
	}
	return all
}

// below are the values of outsiders in an object.
func below(object string) (all []string) {
	for _, o := range outsiders() {
		parts, whole := strings.Split(object, "."), strings.Split(o, ".")
		if len(parts) < len(whole) && same(object, strings.Join(whole[:len(parts)], ".")) {
			all = append(all, o)
		}
	}
	return all
}

// way is how a value is got to, in small letters: "a.b.*" of a.B[0].
func way(n actionlint.ExprNode) string {
	switch n := n.(type) {
	case *actionlint.VariableNode:
		return strings.ToLower(n.Name)
	case *actionlint.ObjectDerefNode:
		return way(n.Receiver) + "." + strings.ToLower(n.Property)
	case *actionlint.ArrayDerefNode:
		return way(n.Receiver) + ".*"
	case *actionlint.IndexAccessNode:
		if s, ok := n.Index.(*actionlint.StringNode); ok {
			return way(n.Operand) + "." + strings.ToLower(s.Value)
		}
		if _, filtered := n.Operand.(*actionlint.ArrayDerefNode); filtered {
			return way(n.Operand)
		}
		return way(n.Operand) + ".*"
	case *actionlint.FuncCallNode:
		if all := ways(n); strings.EqualFold(n.Callee, "fromjson") && len(all) > 0 {
			return all[0]
		}
	}
	return "?"
}
