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
type KeyBuilder struct {
	h     hash.Hash
	parts []Part
}

// Part is a part of a key: its name, and the hash of its value, in hex.
type Part struct {
	Name string `json:"name"`
	Hash string `json:"hash"`
}

// NewKey begins a key for results of one kind.
func NewKey(kind string) *KeyBuilder {
	b := &KeyBuilder{h: sha256.New()}
	b.Add("kind", kind)
	return b
}

// Add adds a named part.
func (b *KeyBuilder) Add(name, value string) {
	sum := sha256.Sum256([]byte(value))
	b.parts = append(b.parts, Part{Name: name, Hash: hex.EncodeToString(sum[:partHash])})
	fmt.Fprintf(b.h, "%d:%s%d:%s", len(name), name, len(value), value)
}

// AddMap adds the parts of a map, in the order of their names.
func (b *KeyBuilder) AddMap(name string, m map[string]string) {
	b.Add(name, fmt.Sprint(len(m)))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		b.Add(k, m[k])
		b.parts[len(b.parts)-1].Name = name + " " + k
	}
}

// partHash is how many bytes of a part's hash are kept: enough to tell what
// differs, while the key decides.
const partHash = 8

// Parts are what was added so far.
func (b *KeyBuilder) Parts() []Part { return slices.Clone(b.parts) }

// Key returns the key of what was added so far.
func (b *KeyBuilder) Key() Key { return Key(hex.EncodeToString(b.h.Sum(nil))) }
