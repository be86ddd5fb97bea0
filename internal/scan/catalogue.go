package scan

import (
	"cmp"
	"maps"
	"slices"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// Catalogue is a scanner that can name its rules without having found anything.
type Catalogue interface {
	// Rules are all rules of the scanner, by the stage that it answers with them.
	// Where they are as many as there are vulnerabilities, one stands for all: its
	// ID ends in "*".
	Rules() map[string][]sarif.Rule
}

// Sorted are the rules of a map, by tool and ID.
func Sorted(all map[string]sarif.Rule) []sarif.Rule {
	return slices.SortedFunc(maps.Values(all), func(a, b sarif.Rule) int { return cmp.Or(cmp.Compare(a.Tool, b.Tool), cmp.Compare(a.ID, b.ID)) })
}
