// Package cache keeps the results of jobs by the hash of all that decides
// them, and hashes folders without reading again what has not changed.
package cache

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"slices"
)

// Key names a result: the hex SHA-256 of everything that decides it.
type Key string

// KeyBuilder makes a key from named parts. Parts are length-prefixed, so no
// two different lists of parts make the same key.
type KeyBuilder struct{ h hash.Hash }

// NewKey begins a key for results of one kind.
func NewKey(kind string) *KeyBuilder {
	b := &KeyBuilder{h: sha256.New()}
	b.Add("kind", kind)
	return b
}

// Add adds a named part.
func (b *KeyBuilder) Add(name, value string) {
	fmt.Fprintf(b.h, "%d:%s%d:%s", len(name), name, len(value), value)
}

// AddMap adds the parts of a map, in the order of their names.
func (b *KeyBuilder) AddMap(name string, m map[string]string) {
	b.Add(name, fmt.Sprint(len(m)))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		b.Add(k, m[k])
	}
}

// Key returns the key of what was added so far.
func (b *KeyBuilder) Key() Key { return Key(hex.EncodeToString(b.h.Sum(nil))) }
