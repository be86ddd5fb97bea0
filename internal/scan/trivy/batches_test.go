package trivy

import (
	"strconv"
	"testing"
)

// TestBatches: every file that stands for itself is in one batch, and none is too large.
func TestBatches(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]int{0: 1, 1: 1, maxBatch: 1, maxBatch + 1: 2, 3 * maxBatch: 3} {
		tree := &tree{files: []file{{name: "a.tf", kind: terraformKind}, {name: "compose.yaml", kind: composeKind}}}
		for i := range n {
			tree.files = append(tree.files, file{name: strconv.Itoa(i), kind: kubernetesKind})
		}
		seen := 0
		for _, b := range tree.batches() {
			if seen += len(b); len(b) > maxBatch || b["a.tf"] || b["compose.yaml"] {
				t.Errorf("%d files: a batch of %d", n, len(b))
			}
		}
		if got := len(tree.batches()); got != want || seen != n {
			t.Errorf("%d files: %d batches of %d files, want %d", n, got, seen, want)
		}
	}
}
