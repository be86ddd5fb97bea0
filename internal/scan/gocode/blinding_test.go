package gocode

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestConfigurationOfOthers has files in the tree by which other programs would
// be made not to see the defects.
func TestConfigurationOfOthers(t *testing.T) {
	t.Parallel()
	const code = "package a\n\nimport (\n\t\"fmt\"\n\t\"math/rand\"\n)\n\n// F is random.\nfunc F() {\n\tfmt.Println(fmt.Sprintf(\"%d\", rand.Int()))\n}\n"
	const lintInstead, sastInstead = "; switch rules off in sluice.yaml (gates: lint: ignore)", "; let findings be in sluice.yaml (exceptions)"
	golangci := "version: \"2\"\nlinters:\n  default: none\n"
	tests := []struct {
		name       string
		files      map[string]string
		lint, sast []string // notes
	}{
		{"staticcheck.conf", map[string]string{"staticcheck.conf": "checks = [\"-all\"]\n"}, []string{"staticcheck.conf is not read" + lintInstead}, nil},
		{"staticcheck.conf below", map[string]string{"b/b.go": "package b\n", "b/staticcheck.conf": "x\n"}, []string{"staticcheck.conf is not read" + lintInstead}, nil},
		{
			"golangci", map[string]string{".golangci.yml": golangci},
			[]string{".golangci.yml is not read" + lintInstead}, []string{".golangci.yml is not read" + sastInstead},
		},
		{
			"gosec", map[string]string{".gosec.json": `{"global":{"nosec":"true"}}`, "gosec.json": `{"exclude":["G404"]}`},
			nil, []string{".gosec.json, gosec.json are not read" + sastInstead},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, inModule(tt.files))
			b.write(map[string]string{"a.go": code})
			reports := b.run()
			if lint := seen(reports[lintStage]); !slices.Equal(lint, []string{"staticcheck S1038 a.go:10"}) {
				t.Errorf("lint %q", lint)
			}
			if sast := seen(reports[sastStage]); !slices.Equal(sast, []string{"gosec G404 a.go:10"}) {
				t.Errorf("sast %q", sast)
			}
			if diff := cmp.Diff([][]string{tt.lint, tt.sast}, [][]string{reports[lintStage].Notes, reports[sastStage].Notes}); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
		})
	}
}
