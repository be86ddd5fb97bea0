package gocode

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLineComments has comments that give new defects the places of old ones,
// which comments switch off or which are the same in all but their place.
func TestLineComments(t *testing.T) {
	t.Parallel()
	const code = `package a

import (
	"fmt"
	"math/rand"
	"unsafe"
)

func Old() int { return rand.Int() } // #nosec G404 -- a game

func Pointer(p *int) uintptr {
	return uintptr(unsafe.Pointer(p))
}

//nolint:govet,staticcheck // it is meant
func Print() { fmt.Printf("%d", "x") }

//line a.go:9
func New() int { return rand.Int() }

func NewPointer(p *int) uintptr {
	return uintptr( /*line a.go:12:17*/ unsafe.Pointer(p))
}

//line a.go:16:1
func NewPrint() { fmt.Printf("%d", "x") }

var text = ` + "`\n//line a.go:9\n`" + `
`
	reports := newBench(t, inModule(map[string]string{"a.go": code})).run()
	if diff := cmp.Diff([]string{"staticcheck SA5009 a.go:26", "vet printf a.go:26"}, seen(reports[lintStage])); diff != "" {
		t.Errorf("lint (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"gosec G103 a.go:12", "gosec G103 a.go:22", "gosec G404 a.go:19"}, seen(reports[sastStage])); diff != "" {
		t.Errorf("sast (-want +got):\n%s", diff)
	}
}

func TestWithoutLineComments(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"none", "package a // line 1\n", "package a // line 1\n"},
		{"a line", "package a\n//line b.go:1 // #nosec\r\nvar A = 1\n", "package a\n//                      \nvar A = 1\n"},
		{"a block", "package a; var A /*line b.go\r\n:1:2é*/= 1\n", "package a; var A /*          \n      */= 1\n"},
		{"at the end", "package a\n//line b.go:1", "package a\n//           "},
		{"without an end", "package a\n/*line b.go:1", "package a\n/*           "},
		{"a text", "package a\nvar A = `\n//line b.go:1\n`\n", "package a\nvar A = `\n//line b.go:1\n`\n"},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, string(withoutLineComments([]byte(tt.text)))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
