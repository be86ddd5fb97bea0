// Package spdx reads licence expressions (SPDX 2.3, annex D), and says whether a
// list of such expressions covers one.
package spdx

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/github/go-spdx/v2/spdxexp/spdxlicenses"
)

// Bounds on an expression, which may be anybody's.
const (
	MaxLength = 1000 // bytes of its text
	maxDepth  = 20   // of parentheses
	maxSets   = 64   // of alternatives
	maxTerms  = 64   // of an alternative
)

// refPrefix begins the names of licences that are on no list.
const refPrefix = "LicenseRef-"

// Term is one licence.
type Term struct {
	ID        string // as the SPDX list writes it, or "LicenseRef-…"
	Plus      bool   // or a later version of it
	Exception string // that is granted besides ("WITH"); "" is none
}

func (t Term) String() string {
	text := t.ID
	if t.Plus {
		text += "+"
	}
	if t.Exception != "" {
		text += " WITH " + t.Exception
	}
	return text
}

// Expression is a choice between alternatives, of each of which all terms hold.
// Alternatives and terms are sorted, and each is there once: two expressions
// that say the same are equal.
type Expression [][]Term

func (e Expression) String() string {
	var sets []string
	for _, set := range e {
		var terms []string
		for _, t := range set {
			terms = append(terms, t.String())
		}
		text := strings.Join(terms, " AND ")
		if len(e) > 1 && len(terms) > 1 {
			text = "(" + text + ")"
		}
		sets = append(sets, text)
	}
	return strings.Join(sets, " OR ")
}

// Of is the expression of one term.
func Of(t Term) Expression { return Expression{{t}} }

// Ref is a licence that the list does not have, by a name of letters, digits,
// hyphens and dots.
func Ref(name string) Expression { return Of(Term{ID: refPrefix + name}) }

// Either is the choice between two expressions.
func Either(a, b Expression) (Expression, error) { return tidy(slices.Concat(a, b)) }

// Both has the terms of two expressions hold. That of none is the other one.
func Both(a, b Expression) (Expression, error) {
	if len(a) == 0 || len(b) == 0 {
		return slices.Concat(a, b), nil
	}
	if len(a)*len(b) > maxSets*maxSets { // each is within its bounds; their product may be many times that
		return nil, errTooLarge
	}
	var all Expression
	for _, x := range a {
		for _, y := range b {
			all = append(all, slices.Concat(x, y))
		}
	}
	return tidy(all)
}

var errTooLarge = fmt.Errorf("it has more than %d alternatives, or more than %d licences in one", maxSets, maxTerms)

func tidy(e Expression) (Expression, error) {
	for i, set := range e {
		slices.SortFunc(set, compare)
		e[i] = slices.Compact(set)
		if len(e[i]) > maxTerms {
			return nil, errTooLarge
		}
	}
	slices.SortFunc(e, compareSets)
	e = slices.CompactFunc(e, func(a, b []Term) bool { return compareSets(a, b) == 0 })
	if len(e) > maxSets {
		return nil, errTooLarge
	}
	return e, nil
}

func compareSets(a, b []Term) int { return slices.CompareFunc(a, b, compare) }

func compare(a, b Term) int {
	return cmp.Or(strings.Compare(a.ID, b.ID), strings.Compare(a.Exception, b.Exception), boolean(a.Plus)-boolean(b.Plus))
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

// IDs are the identifiers of the SPDX list, those that are no longer to be used too.
func IDs() []string {
	return slices.Concat(spdxlicenses.GetLicenses(), spdxlicenses.GetDeprecated())
}

// Exceptions are the identifiers of the list's exceptions.
func Exceptions() []string { return spdxlicenses.GetExceptions() }

// listed finds an identifier in any case.
func listed(all []string, id string) (string, bool) {
	i := slices.IndexFunc(all, func(known string) bool { return strings.EqualFold(known, id) })
	if i < 0 {
		return "", false
	}
	return all[i], true
}
