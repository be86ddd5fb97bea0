package gocode

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// manyDefects has ten findings and more, some of them twice.
const manyDefects = `package a

import (
	"fmt"
	"math/rand"
	"unsafe"
)

//nolint:govet
func A(s string) {
	fmt.Printf("%d", s)
	for _ = range s {
		fmt.Println(fmt.Sprintf("%d", rand.Int()))
	}
}

func B(n int) int8 {
	if n == n {
		n = n
	}
	return int8(n)
}

func C(p *int) uintptr {
	return uintptr(unsafe.Pointer(p))
}

func D(n int) int8 {
	if n == n {
		n = n
	}
	return int8(n)
}
`

// fingerprints are those of both stages, but gofmt's.
func fingerprints(b *workbench) (all []string) {
	for _, r := range b.run() {
		for _, f := range r.Findings {
			if f.Tool != gofmtTool {
				all = append(all, f.Rule+" "+f.Fingerprint())
			}
		}
	}
	slices.Sort(all)
	return all
}

// TestFingerprints changes what is around findings, in ways made up by chance: they
// stay the same defects.
func TestFingerprints(t *testing.T) {
	t.Parallel()
	b := newBench(t, inModule(map[string]string{"a.go": manyDefects}))
	want := fingerprints(b)
	if len(want) < 10 {
		t.Fatalf("there are %d findings, want ten: %q", len(want), want)
	}
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0)) // #nosec G404 -- chance, not secrecy
	above := func(s string) string {
		return strings.Replace(s, "package a\n", "package a\n"+strings.Repeat("\n// A line more.\n", 1+random.IntN(50)), 1)
	}
	reindented := func(s string) string { return strings.ReplaceAll(s, "\t", strings.Repeat(" ", 1+random.IntN(8))) }
	between := func(s string) string {
		return strings.Replace(s, "\nfunc C(", strings.Repeat("\nvar _ = 1\n", random.IntN(9))+"\nfunc C(", 1)
	}
	tests := []struct {
		name, path string
		change     func(string) string
	}{
		{"lines above", "a.go", above},
		{"lines between", "a.go", between},
		{"renamed", "other/name.go", func(s string) string { return s }},
		{"reindented", "a.go", reindented},
		{"all of it", "b/c d.go", func(s string) string { return reindented(between(above(s))) }},
	}
	for _, tt := range tests {
		b := newBench(t, inModule(map[string]string{tt.path: tt.change(manyDefects)}))
		if diff := cmp.Diff(want, fingerprints(b)); diff != "" {
			t.Errorf("%s, by seed %d (-want +got):\n%s", tt.name, seed, diff)
		}
	}
}
