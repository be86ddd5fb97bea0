package trivy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
)

// What keeps infrastructure from being looked at is a defect itself: whoever
// wants to hide some would do just that.

// ownTool is who makes these findings.
const ownTool = "sluice"

const (
	largeRule  = "iac-too-large"
	codedRule  = "iac-encoding"
	folderRule = "terraform-folder-tracked"
	chartRule  = "helm-chart-unrendered"
)

func unseenRules() map[string]sarif.Rule {
	return map[string]sarif.Rule{
		largeRule: {
			ID: largeRule, Tool: ownTool, Name: "A manifest that is too large to be looked at",
			Why: "A file that may be a Kubernetes manifest or a Compose file was not read: whatever it sets up, no rule was held against it.",
			Fix: "Split the file. Where it is data, and no manifest, an exception can say so.",
		},
		codedRule: {
			ID: codedRule, Tool: ownTool, Name: "A manifest in another encoding than UTF-8",
			Why: "A file that may be a Kubernetes manifest or a Compose file was not read, though what applies it may read its encoding: whatever it sets up, no rule was held against it.",
			Fix: "Write the file in UTF-8. Where it is data, and no manifest, an exception can say so.",
		},
		chartRule: {
			ID: chartRule, Tool: ownTool, Name: "A Helm chart that cannot be rendered in full",
			Why: "What a chart deploys is looked at as its default values have it rendered. Of this one something, or all, was not looked at.",
			Fix: "Commit the charts that it depends on (helm dependency build), and give every value that it needs a default in values.yaml. Name templates .yaml, .yml or .tpl, and use neither .Files nor symbolic links to folders in them.", URI: "https://helm.sh/docs/chart_template_guide/",
		},
		folderRule: {
			ID: folderRule, Tool: ownTool, Name: "The folder .terraform is committed",
			Why: "What is in .terraform is what terraform init fetches, modules and programs of others. It is not looked at, and changes with the commits of whoever may push.",
			Fix: "Run git rm -r --cached on the folder, and name it in .gitignore; commit .terraform.lock.hcl instead.", URI: "https://developer.hashicorp.com/terraform/language/files/dependency-lock",
		},
	}
}

// unseeable tells of files of the repository that are not looked at.
func (e *examination) unseeable() error {
	if len(e.tree.large)+len(e.tree.coded)+len(e.tree.hidden) == 0 {
		return nil
	}
	e.report.Tools = append(e.report.Tools, pipeline.Tool{Name: ownTool, Version: e.params.Version})
	e.report.Examined = append(e.report.Examined, pipeline.Count{What: "files by their names", N: e.tree.sorted, Of: e.tree.walked})
	planted, err := mayBeManifest(strings.NewReader(plantedCompose))
	if err != nil {
		return err
	}
	e.plant(largeRule, planted)
	for _, name := range e.tree.large {
		e.unseenFinding(largeRule, name, fmt.Sprintf("it has more than %d MiB, may be a manifest, and was not looked at", maxFileSize>>20))
	}
	e.plant(codedRule, mayBeEither([]byte("\xff\xfes\x00e\x00r\x00v\x00i\x00c\x00e\x00s\x00")))
	for _, name := range e.tree.coded {
		e.unseenFinding(codedRule, name, "it is not in UTF-8, may be a manifest, and was not looked at")
	}
	e.plant(folderRule, slices.Equal(folders([]string{"a/.terraform/x", "b"}), []string{"a/.terraform"}))
	for _, name := range folders(e.tree.hidden) {
		e.unseenFinding(folderRule, name, "it is committed, and was not looked at")
	}
	return nil
}

func (e *examination) unseenFinding(rule, name, message string) {
	e.rules[rule] = unseenRules()[rule]
	e.report.Findings = append(e.report.Findings, sarif.Finding{
		Rule: rule, Tool: ownTool, Stage: IaCName, Severity: sarif.High, Message: message,
		Location: sarif.Location{Path: clean(e.where(name), maxMessage)}, Identity: clean(e.where(name), maxMessage),
	})
}

// folders are the terraformFolders that some files are in.
func folders(names []string) (all []string) {
	for _, name := range inner(slices.Clone(names)) {
		parts := strings.Split(name, "/")
		all = append(all, strings.Join(parts[:slices.Index(parts, terraformFolder)+1], "/"))
	}
	slices.Sort(all)
	return slices.Compact(all)
}
