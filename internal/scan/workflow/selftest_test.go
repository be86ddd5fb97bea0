package workflow

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestVersion holds that the version that is told is that of the library.
func TestVersion(t *testing.T) {
	t.Parallel()
	mod, err := os.ReadFile("../../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if want := "\tgithub.com/rhysd/actionlint " + actionlintIs + "\n"; !strings.Contains(string(mod), want) {
		t.Errorf("go.mod has no %q", want)
	}
}

// TestSelfTest holds that a defect of every rule of ours is planted and found.
func TestSelfTest(t *testing.T) {
	t.Parallel()
	test, err := selfTest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(test.Planted)
	slices.Sort(test.Caught)
	if d := cmp.Diff(test.Planted, slices.Compact(test.Caught)); d != "" {
		t.Errorf("planted and caught (-want +got):\n%s", d)
	}
	for _, r := range ownRules() {
		if !slices.ContainsFunc(test.Planted, func(name string) bool { return len(name) > len(r.ID) && name[:len(r.ID)+2] == r.ID+" (" }) {
			t.Errorf("no defect is planted for %s", r.ID)
		}
	}
}
