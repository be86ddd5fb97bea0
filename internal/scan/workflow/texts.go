package workflow

import (
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/scan"
)

// The rules of our own.
const (
	unreadable         = "workflow-unreadable"
	unpinned           = "action-unpinned"
	imageUnpinned      = "job-image-unpinned"
	tagMismatch        = "action-tag-mismatch"
	permissionsMissing = "permissions-missing"
	permissionsWide    = "permissions-wide"
	untrustedCheckout  = "untrusted-checkout"
	injection          = "expression-injection"
	secretInEnv        = "secret-in-env"
	cloudKey           = "cloud-key-long-lived"
	gateOff            = "gate-disabled"
	selfHosted         = "self-hosted-public"
	cacheShared        = "cache-shared-release"
	remoteScript       = "remote-script"
	mutableDeploy      = "mutable-deploy"
)

// secureUse is GitHub's own advice.
const secureUse = "https://docs.github.com/en/actions/reference/security/secure-use"

// rules explains all rules: our own, and the kinds of what actionlint finds.
func rules() map[string]sarif.Rule {
	all := map[string]sarif.Rule{}
	for _, r := range append(ownRules(), lintRules()...) {
		all[r.ID] = r
	}
	return all
}

func ownRules() []sarif.Rule {
	all := []sarif.Rule{
		{ID: unreadable, Name: "A workflow could not be examined",
			Why: "Nothing is known of a file that could not be read or parsed, and GitHub may read it otherwise.",
			Fix: "correct the file, or remove it"},
		{ID: unpinned, CWE: []int{829}, URI: secureUse + "#using-third-party-actions", Name: "An action is not named by its commit",
			Why: "A branch or a tag can be moved to other code, which then runs with the job's secrets and token: in March 2025 this happened to tj-actions/changed-files.",
			Fix: "name the action by all 40 digits of its commit, with the version in a comment, and an image by its digest (image@sha256:…)"},
		{ID: imageUnpinned, CWE: []int{829}, Name: "A job's image is not named by its digest",
			Why: "What is behind the tag of an image can change, and the job then runs in it.",
			Fix: "name the image by its digest: image:tag@sha256:…"},
		{ID: tagMismatch, CWE: []int{829}, URI: secureUse + "#using-third-party-actions", Name: "A pinned commit is not of the version beside it",
			Why: "Who reviews the workflow reads the comment; what runs is the commit, which may be anybody's: GitHub finds commits of forks, too.",
			Fix: "compare the commit with the action's tag (git ls-remote), and correct the one that is wrong"},
		{ID: permissionsMissing, CWE: []int{250}, URI: secureUse + "#modifying-the-permissions-for-the-github_token", Name: "The token's permissions are not limited",
			Why: "Without \"permissions\" the token may do what the repository's settings allow, which in older repositories is to write everything; each action of the job has it.",
			Fix: "write \"permissions: {}\" at the top of the workflow, and what each job needs in the job"},
		{ID: permissionsWide, CWE: []int{250}, URI: secureUse + "#modifying-the-permissions-for-the-github_token", Name: "The token may do more than is used",
			Why: "Whoever gets code to run in the job, as the author of an action, may do what its token may.",
			Fix: "take the permission away, or give it in the one job that needs it"},
		{ID: untrustedCheckout, CWE: []int{829}, URI: "https://securitylab.github.com/resources/github-actions-preventing-pwn-requests/", Name: "A stranger's code is checked out where secrets are",
			Why: "On this event the workflow runs with the repository's secrets and a token that may write, and anybody can start it. Building or testing the code that was checked out executes it.",
			Fix: "use the event pull_request for what touches the code, or check out only the base; hand results over as an artifact, and take them as data"},
		{ID: injection, CWE: []int{94}, URI: secureUse + "#good-practices-for-mitigating-script-injection-attacks", Name: "Somebody else's text is written into a script",
			Why: "GitHub puts the value into the script before a shell reads it, so a title like $(command) is executed, with the job's secrets.",
			Fix: "set an environment variable of the step to the expression, and use that in the script, in double quotes: \"$TITLE\""},
		{ID: secretInEnv, CWE: []int{526}, URI: secureUse + "#using-secrets", Name: "A secret is given to steps that have no need of it",
			Why: "Every action and every tool of the job reads its environment.",
			Fix: "move the variable to the \"env\" of the step that needs it"},
		{ID: cloudKey, CWE: []int{522}, URI: "https://docs.github.com/en/actions/concepts/security/openid-connect", Name: "A long-lived key of a cloud is used",
			Why: "A key that is copied once opens the cloud until somebody notices. GitHub tells clouds itself which workflow asks (OpenID Connect), for some minutes.",
			Fix: "let the cloud trust the workflow's identity (permissions: id-token: write; workload_identity_provider, role-to-assume or client-id), and delete the key"},
		{ID: gateOff, CWE: []int{693}, Name: "A check cannot fail, or is not asked",
			Why: "The check runs, finds something, and the workflow goes on as if it had not.",
			Fix: "let the step fail; except what is let be by name, in the check's own settings or in sluice.yaml"},
		{ID: selfHosted, CWE: []int{653}, URI: secureUse + "#hardening-for-self-hosted-runners", Name: "A stranger's code can run on a machine of your own",
			Why: "What a job leaves on such a machine, the next finds: another's secrets, and a way into your network.",
			Fix: "use GitHub's runners for what strangers can start, or machines that live for one job in a network of their own"},
		{ID: cacheShared, CWE: []int{345}, URI: secureUse, Name: "A job that releases takes its files from a cache",
			Why: "Other jobs write the cache, and code that was slipped into one of them gets into what is released.",
			Fix: "build what is released without a cache (cache: false)"},
		{ID: remoteScript, CWE: []int{494}, Name: "A downloaded script is executed unseen",
			Why: "Whoever has the server, or the account that the script is kept in, executes what they like in the job.",
			Fix: "download a fixed version, compare its SHA-256 with one in the repository, and then execute it; or commit the script"},
		{ID: mutableDeploy, CWE: []int{494}, Name: "An image is deployed by a name that moves",
			Why: "The tag may have been moved between the check and the deployment, and going back to the image before is not possible by a name that means the new one.",
			Fix: "deploy by digest (image@sha256:…), which docker push and the build action print"},
	}
	for i := range all {
		all[i].Tool = tool
	}
	return all
}

// lintRules explains the kinds of actionlint's findings.
func lintRules() []sarif.Rule {
	kinds := []struct{ id, name, why, fix string }{
		{"syntax-check", "The workflow's syntax is wrong", "GitHub does not run such a workflow, or leaves a part of it out: a check that is not run fails nothing.", "correct what the message names"},
		{"expression", "An expression is wrong", "It comes to nothing, or to another value than is meant: a condition may always hold.", "correct the expression"},
		{"if-cond", "A condition always holds", "A text around ${{ }} is true whatever the expression comes to, so the step or job is never left out.", "write the whole condition within ${{ }}, and nothing around it"},
		{"credentials", "A password is in the workflow", "Everybody who can read the repository has it.", "make it a secret of the repository, change it, and name the secret"},
		{"permissions", "A permission is unknown", "GitHub refuses the workflow, or the token lacks what is meant.", "correct the permission's name or value"},
		{"runner-label", "A runner's label is unknown", "Unless there is a runner of your own by that name, the job waits for ever.", "correct the label, or accept it for your own runners"},
		{"action", "An action is used wrongly", "An input that the action does not know is ignored: what it was to switch on is off.", "correct the inputs as the action's own documentation says"},
		{"workflow-call", "A workflow is called wrongly", "GitHub refuses the call.", "correct the call"},
		{"events", "An event is wrong", "The workflow is not started when it is meant to be.", "correct the event"},
		{"glob", "A pattern is wrong", "The workflow is started for other branches or files than is meant.", "correct the pattern"},
		{"job-needs", "A job that is needed is missing", "GitHub refuses the workflow.", "correct the job's name"},
		{"matrix", "A matrix is wrong", "A combination that is meant to be run is not.", "correct the matrix"},
		{"id", "A name is used twice", "Outputs are those of another step than is meant.", "give each step a name of its own"},
		{"env-var", "A variable's name is wrong", "The variable is not set.", "correct the name"},
		{"shell-name", "A shell is unknown", "The script is not run.", "correct the shell's name"},
		{"deprecated-commands", "A command is no longer supported", "GitHub ignores it, so later steps get nothing.", "write to $GITHUB_OUTPUT, $GITHUB_ENV or $GITHUB_PATH"},
	}
	var all []sarif.Rule
	for _, k := range kinds {
		r := sarif.Rule{ID: k.id, Tool: linter, Name: k.name, Why: k.why, Fix: k.fix, URI: "https://github.com/rhysd/actionlint/blob/main/docs/checks.md"}
		if k.id == "credentials" {
			r.CWE = []int{798}
		}
		all = append(all, r)
	}
	return all
}

// Rules implements scan.Catalogue.
func (Scanner) Rules() map[string][]sarif.Rule {
	return map[string][]sarif.Rule{Stage: scan.Sorted(rules())}
}
