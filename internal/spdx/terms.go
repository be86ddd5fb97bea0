package spdx

import (
	"slices"
	"strings"
)

// Covers tells whether a list entry speaks of a term that holds together with
// the others of a set: an entry of one licence speaks of that; an entry of
// several joined by AND speaks of each of them where all hold; of a choice each
// alternative is an entry of its own.
func (e Expression) Covers(t Term, set []Term) bool {
	return slices.ContainsFunc(e, func(entry []Term) bool {
		return slices.ContainsFunc(entry, func(own Term) bool { return own.covers(t) }) &&
			!slices.ContainsFunc(entry, func(own Term) bool { return !slices.ContainsFunc(set, own.covers) })
	})
}

// covers tells whether an entry speaks of a licence. One without an exception
// does whatever exceptions are granted besides; "+" stands for later versions.
func (t Term) covers(found Term) bool {
	if t.Exception != "" && t.Exception != found.Exception {
		return false
	}
	if t.ID == found.ID {
		return true
	}
	name, version := cutVersion(t.ID)
	other, later := cutVersion(found.ID)
	return t.Plus && name == other && slices.Compare(later, version) > 0
}

// cutVersion parts "MPL-2.0" into its name and its version's numbers; what has no
// version is a name.
func cutVersion(id string) (name string, version []int) {
	name, text, ok := cutLast(id)
	if !ok {
		return id, nil
	}
	for _, part := range strings.Split(text, ".") {
		n := 0
		for _, digit := range part {
			if digit < '0' || digit > '9' || n > 1_000_000 {
				return id, nil
			}
			n = n*10 + int(digit-'0')
		}
		version = append(version, n)
	}
	return name, version
}

func cutLast(id string) (before, after string, ok bool) {
	i := strings.LastIndexByte(id, '-')
	if i < 0 {
		return id, "", false
	}
	return id[:i], id[i+1:], true
}
