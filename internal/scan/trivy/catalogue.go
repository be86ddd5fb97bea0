package trivy

import (
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

// Rules implements scan.Catalogue. Trivy's checks are named after what they are about.
func (IaC) Rules() map[string][]sarif.Rule {
	all := []sarif.Rule{formatExplained()}
	for _, about := range []struct{ prefix, what string }{
		{"AWS", "Terraform for AWS"}, {"AZU", "Terraform for Azure"}, {"DIG", "Terraform for DigitalOcean"}, {"DS", "Dockerfiles"}, {"GCP", "Terraform for Google Cloud"},
		{"GIT", "Terraform for GitHub"}, {"KCV", "Kubernetes clusters"}, {"KSV", "Kubernetes workloads"}, {"OCI", "Terraform for Oracle Cloud"}, {"OPNSTK", "Terraform for OpenStack"},
	} {
		all = append(all, sarif.Rule{
			ID: about.prefix + "-*", Tool: toolName, Name: "Misconfiguration: " + about.what, URI: "https://avd.aquasec.com/misconfig/",
			Why: "What is set up so is open to more, or to others, than it has to be. Each rule has a page of its own.",
			Fix: "Set it up as the finding says.",
		})
	}
	own := map[string]sarif.Rule{}
	for id, r := range composeRules() {
		own[id] = r.Rule
	}
	all = append(all, scan.Sorted(unseenRules())...)
	return map[string][]sarif.Rule{IaCName: append(all, scan.Sorted(own)...)}
}

// Rules implements scan.Catalogue.
func (Validate) Rules() map[string][]sarif.Rule {
	return map[string][]sarif.Rule{IaCName: {validateExplained()}}
}

// advisories stands for all the rules that the vulnerability data has.
func advisories() []sarif.Rule {
	return []sarif.Rule{{
		ID: "CVE-*", Tool: toolName, Name: "A known vulnerability of a package", URI: "https://avd.aquasec.com/nvd/",
		Why: "What is known can be used by anybody. Each has a page of its own.",
		Fix: "Take the version in which it is mended. Of one that nobody has mended yet you are told, and no gate shuts for it.",
	}}
}

// Rules implements scan.Catalogue.
func (Deps) Rules() map[string][]sarif.Rule {
	return map[string][]sarif.Rule{depsStage: append(advisories(), scan.Sorted(requirementRules())...)}
}

// Rules implements scan.Catalogue.
func (Image) Rules() map[string][]sarif.Rule {
	return map[string][]sarif.Rule{imageStage: append(advisories(), unexaminedRule())}
}
