package gocode

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// manyDefects has ten findings and more, some of them twice.
const manyDefects = `package a

import (
	"fmt"
	"math/rand"
	"os/exec"
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

type T[K any] struct{ n K }

func (t *T[K]) E(name, arg string) error {
	n := 1
	cmd := exec.Command(
		name,
		arg,
	)
	n = n
	return cmd.Run()
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
	joined := func(s string) string {
		return strings.Replace(s, "(\n\t\tname,\n\t\targ,\n\t)", "(name,\n\t\targ)", 1)
	}
	within := func(s string) string {
		return strings.Replace(strings.Replace(s, "\tn = n\n\treturn cmd", "\treturn cmd", 1), "\tcmd :=", "\tn = n\n\tcmd :=", 1)
	}
	tests := []struct {
		name, path string
		change     func(string) string
	}{
		{"lines above", "a.go", above},
		{"lines between", "a.go", between},
		{"renamed", "other/name.go", func(s string) string { return s }},
		{"reindented", "a.go", reindented},
		{"reformatted", "a.go", joined},
		{"moved within its function", "a.go", within},
		{"all of it", "b/c d.go", func(s string) string { return reindented(between(above(within(joined(s))))) }},
	}
	for _, tt := range tests {
		b := newBench(t, inModule(map[string]string{tt.path: tt.change(manyDefects)}))
		if diff := cmp.Diff(want, fingerprints(b)); diff != "" {
			t.Errorf("%s, by seed %d (-want +got):\n%s", tt.name, seed, diff)
		}
	}
}

// TestIdentity says what of the code makes a finding the same one, by the place of
// a mark in it.
func TestIdentity(t *testing.T) {
	t.Parallel()
	long := "\"" + strings.Repeat("x", 2*maxIdentity) + "\""
	tests := []struct{ name, code, want string }{
		{"a statement over lines", "func F() {\n\tcmd := @exec.Command(\n\t\t\"a b\", // why\n\t\tx,\n\t)\n}", `F: cmd := exec . Command ( "a b" , x )`},
		{"white space in a text", "func F() { @f(`a\n b`) }", "F: f ( `a\n b` )"},
		{"a method", "func (t *T[K]) F() { @return }", "T.F: return"},
		{"no receiver", "func () F() { @return }", "F: return"},
		{"a head", "func F() {\n\tif a := f(); @a {\n\t\tg()\n\t}\n}", "F: if a := f ( ) ; a"},
		{"within a head", "func F() {\n\tif @a := f(); a {\n\t\tg()\n\t}\n}", "F: a := f ( )"},
		{"another branch", "func F() {\n\tif a {\n\t} else if @b {\n\t}\n}", "F: if b"},
		{"a loop", "func F() {\n\tfor a := range @b {\n\t\tg()\n\t}\n}", "F: for a := range b"},
		{"a case", "func F() {\n\tswitch a {\n\tcase @b:\n\t\tg()\n\t}\n}", "F: case b"},
		{"a function in a statement", "func F() {\n\t@go func() {\n\t\ta()\n\t\tb()\n\t}()\n}", "F: go func ( ) { a ( ) ; b ( ) } ( )"},
		{"within a function in a statement", "func F() {\n\tgo func() {\n\t\t@a()\n\t}()\n}", "F: a ( )"},
		{"a variable", "var (\n\ta = 1\n\tb = f(\n\t\t@c)\n)", "b = f ( c )"},
		{"a declaration", "@var a = 1", "var a = 1"},
		{"a field", "type T struct {\n\ta int\n\tb @int `json:\"a`\n}", "b int `json:\"a`"},
		{"a signature", "func F(a int,\n\t@b int) error {\n\treturn nil\n}", "F: func F ( a int , b int ) error"},
		{"the end of a function", "func F() {\n\tgo func() {\n\t\tg()\n\t@}()\n}", "F: }()"},
		{"a comment", "func F() {\n\tf() @// #nosec\n}", "F: f()//#nosec"},
		{"what does not parse", "func F() {\n\t@f(  \n", "f("},
		{"beyond the end", "var a = 1\n@", ""},
		{"a long one", "var a = @" + long, ("a = " + long)[:maxIdentity] + " " + digest([]byte("a = "+long))},
	}
	for _, tt := range tests {
		before, after, _ := strings.Cut("package a\n\n"+tt.code, "@")
		path := filepath.Join(t.TempDir(), "a.go")
		if err := os.WriteFile(path, []byte(before+after), 0o600); err != nil {
			t.Fatal(err)
		}
		known := identities{module: map[string]bool{path: true}, read: map[string]source{}}
		at := sarif.Location{Path: path, Line: 1 + strings.Count(before, "\n"), Column: len(before) - strings.LastIndex(before, "\n")}
		if diff := cmp.Diff(tt.want, known.of(sarif.Finding{Location: at})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
