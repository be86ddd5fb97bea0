package mask

import (
	"cmp"
	"slices"
	"sort"
)

// head is how many bytes forms are told apart by at first.
const head = Shortest

// index finds forms in a text.
type index struct {
	sorted  []string
	byHead  map[[head]byte][]string // longest first
	heads   []uint64                // a bit for each hash of the first four bytes: most places of a text need no more
	longest int                     // bytes
}

const headBits = 16

func hash4(b []byte) uint32 {
	n := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
	return n * 2654435761 >> (32 - headBits) // Knuth's multiplicative hash
}

// newIndex makes an index of the forms that a function gives for each secret.
func newIndex(secrets []string, forms func(string) []string) index {
	x := index{byHead: map[[head]byte][]string{}, heads: make([]uint64, 1<<headBits/64)}
	for _, s := range secrets {
		for _, part := range parts(s) {
			x.sorted = append(x.sorted, forms(part)...)
		}
	}
	x.sorted = slices.DeleteFunc(x.sorted, func(s string) bool { return len(s) < Shortest })
	slices.Sort(x.sorted)
	x.sorted = slices.Compact(x.sorted)
	for _, s := range x.sorted {
		at := hash4([]byte(s))
		x.heads[at/64] |= 1 << (at % 64)
		h := [head]byte([]byte(s))
		x.byHead[h] = append(x.byHead[h], s)
		x.longest = max(x.longest, len(s))
	}
	for _, list := range x.byHead {
		slices.SortFunc(list, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	}
	return x
}

// match is the length of the longest form that a text begins with; 0 is none.
func (x index) match(text []byte) int {
	if len(text) < head {
		return 0
	}
	if at := hash4(text); x.heads[at/64]&(1<<(at%64)) == 0 {
		return 0
	}
	for _, s := range x.byHead[[head]byte(text)] {
		if len(s) <= len(text) && string(text[:len(s)]) == s {
			return len(s)
		}
	}
	return 0
}

// begins tells whether a form begins with a text and is longer.
func (x index) begins(text []byte) bool {
	if len(text) >= 4 {
		if at := hash4(text); x.heads[at/64]&(1<<(at%64)) == 0 {
			return false
		}
	}
	i := sort.Search(len(x.sorted), func(i int) bool { return x.sorted[i] > string(text) })
	return i < len(x.sorted) && len(x.sorted[i]) > len(text) && x.sorted[i][:len(text)] == string(text)
}
