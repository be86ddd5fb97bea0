package workflow

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
