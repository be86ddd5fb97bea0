package gocode

import "github.com/sluice-ci/sluice/internal/sarif"

func allRules() map[string]sarif.Rule { return nil }
