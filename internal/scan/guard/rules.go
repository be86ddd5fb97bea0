package guard

import (
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

// tool is who makes the findings.
const tool = "sluice"

func rules() map[string]sarif.Rule {
	return map[string]sarif.Rule{
		stageLost: {ID: stageLost, Tool: tool, Name: "A stage no longer applies",
			Why: "A check that has nothing to look at any more finds nothing: deleting a manifest switches it off.",
			Fix: "put back what the stage looks at, or have an owner approve the change (--approved-policy)"},
		switched: {ID: switched, Tool: tool, Name: "A comment switches a finding off",
			Why: "The change itself says that its finding does no harm.",
			Fix: "see that an owner agrees before this is merged"},
		loosened: {ID: loosened, Tool: tool, Name: "The gates let more through",
			Why: "The configuration of the base commit decides for this change; the looser one decides once it is merged.",
			Fix: "see that an owner agrees before this is merged"},
	}
}

// Rules implements scan.Catalogue.
func (Scanner) Rules() map[string][]sarif.Rule {
	return map[string][]sarif.Rule{Stage: scan.Sorted(rules())}
}
