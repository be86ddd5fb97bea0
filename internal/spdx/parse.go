package spdx

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// UnknownError is an identifier that the SPDX list has not.
type UnknownError struct {
	ID    string
	Known []string // what could have been meant
}

func (e *UnknownError) Error() string {
	return fmt.Sprintf("%q is no identifier of the SPDX list", e.ID)
}

// token is a parenthesis or a word.
var token = regexp.MustCompile(`[()]|[^()\s]+`)

// reference is a name that stands for a licence beside the list.
var reference = regexp.MustCompile(`^(DocumentRef-[-A-Za-z0-9.]+:)?LicenseRef-[-A-Za-z0-9.]+$`)

// Parse reads an expression. Identifiers and operators are known in any case.
// The error is an *UnknownError for an identifier that the list has not.
func Parse(text string) (Expression, error) {
	if len(text) > MaxLength {
		return nil, fmt.Errorf("it has more than %d bytes", MaxLength)
	}
	p := parser{words: token.FindAllString(text, -1)}
	e, err := p.choice(0)
	if err == nil && len(p.words) > 0 {
		err = fmt.Errorf("%q is not expected", p.words[0])
	}
	return e, err
}

type parser struct{ words []string }

// next is the next word, "" at the end.
func (p *parser) next() string {
	if len(p.words) == 0 {
		return ""
	}
	return p.words[0]
}

// take tells whether the next word is an operator, and goes past it.
func (p *parser) take(word string) bool {
	ok := strings.EqualFold(p.next(), word)
	if ok {
		p.words = p.words[1:]
	}
	return ok
}

// choice is what OR joins, which binds least.
func (p *parser) choice(depth int) (Expression, error) {
	return p.joined("OR", Either, func() (Expression, error) {
		return p.joined("AND", Both, func() (Expression, error) { return p.operand(depth) })
	})
}

func (p *parser) joined(operator string, join func(a, b Expression) (Expression, error), operand func() (Expression, error)) (Expression, error) {
	all, err := operand()
	for err == nil && p.take(operator) {
		var more Expression
		if more, err = operand(); err == nil {
			all, err = join(all, more)
		}
	}
	return all, err
}

func (p *parser) operand(depth int) (Expression, error) {
	if !p.take("(") {
		return p.term()
	}
	if depth == maxDepth {
		return nil, fmt.Errorf("parentheses are nested more than %d deep", maxDepth)
	}
	e, err := p.choice(depth + 1)
	if err == nil && !p.take(")") {
		err = errors.New("a parenthesis is not closed")
	}
	return e, err
}

func (p *parser) term() (Expression, error) {
	word := p.next()
	if word == "" || word == ")" || slices.ContainsFunc([]string{"AND", "OR", "WITH"}, func(s string) bool { return strings.EqualFold(s, word) }) {
		return nil, errors.New("a licence is missing")
	}
	p.words = p.words[1:]
	t, err := license(word)
	if err != nil || !p.take("WITH") {
		return Of(t), err
	}
	exception := p.next()
	id, ok := listed(Exceptions(), exception)
	if !ok || t.Exception != "" {
		return nil, &UnknownError{exception, Exceptions()}
	}
	p.words, t.Exception = p.words[1:], id
	return Of(t), nil
}

// license reads an identifier. Those that are no longer to be used are written
// as their successors, so that the same licence is the same text.
func license(word string) (Term, error) {
	if reference.MatchString(word) {
		return Term{ID: word}, nil
	}
	all := IDs()
	id, ok := listed(all, word)
	if ok {
		return current(id), nil
	}
	base, plus := strings.CutSuffix(word, "+")
	if id, ok = listed(all, base); !ok || !plus || strings.HasSuffix(id, "-only") || strings.HasSuffix(id, "-or-later") {
		return Term{}, &UnknownError{word, all}
	}
	if gnu(id) {
		return current(id + "+"), nil
	}
	return Term{ID: id, Plus: true}, nil
}

// gnu tells of the identifiers from before "-only" and "-or-later".
func gnu(id string) bool {
	for _, family := range []string{"AGPL-", "GPL-", "LGPL-", "GFDL-"} {
		if version, ok := strings.CutPrefix(id, family); ok && len(version) == len("1.0") {
			return true
		}
	}
	return false
}

// current is what an identifier is called now.
func current(id string) Term {
	base, later := strings.CutSuffix(id, "+")
	switch {
	case !gnu(base):
		return Term{ID: id}
	case later:
		return Term{ID: base + "-or-later"}
	}
	return Term{ID: base + "-only"}
}
