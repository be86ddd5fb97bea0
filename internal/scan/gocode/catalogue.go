package gocode

import (
	"slices"

	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

// Rules implements scan.Catalogue.
func (Scanner) Rules() map[string][]sarif.Rule {
	all := scan.Sorted(allRules())
	return map[string][]sarif.Rule{
		lintStage: slices.DeleteFunc(slices.Clone(all), func(r sarif.Rule) bool { return r.Tool == gosecTool }),
		sastStage: slices.DeleteFunc(all, func(r sarif.Rule) bool { return r.Tool != gosecTool && r.ID != unexplainedRule }),
	}
}
