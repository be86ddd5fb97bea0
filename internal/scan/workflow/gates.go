package workflow

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rhysd/actionlint"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// checks are programs whose exit status says whether something is right; those
// with words are so with one of them.
func checks() map[string][]string {
	tests := []string{"test", "lint", "check", "vet", "audit", "verify"}
	all := map[string][]string{
		"go": {"test", "vet"}, "cargo": {"test", "clippy", "audit", "deny"}, "npm": tests, "yarn": tests, "pnpm": tests, "make": tests,
		"mvn": {"test", "verify"}, "mvnw": {"test", "verify"}, "gradle": {"test", "check"}, "gradlew": {"test", "check"}, "dotnet": {"test"},
		"terraform": {"validate", "fmt"}, "cosign": {"verify", "verify-attestation"}, "gh": {"attestation"},
	}
	for _, name := range []string{"bandit", "flake8", "pytest", "mypy", "ruff", "pylint", "golangci-lint", "staticcheck", "gosec", "govulncheck", "gitleaks",
		"trufflehog", "trivy", "grype", "semgrep", "snyk", "checkov", "tfsec", "tflint", "hadolint", "shellcheck", "actionlint", "zizmor", "eslint",
		"pip-audit", "safety", "osv-scanner", "sluice", "brakeman", "rubocop", "rspec", "phpunit", "kube-linter", "conftest"} {
		all[name] = nil
	}
	return all
}

// checkActions are actions whose failure is meant to stop the job.
func checkActions() []string {
	return []string{"aquasecurity/trivy-action", "golangci/golangci-lint-action", "anchore/scan-action", "github/codeql-action/analyze", "gitleaks/gitleaks-action",
		"trufflesecurity/trufflehog", "golang/govulncheck-action", "securego/gosec", "bridgecrewio/checkov-action", "aquasecurity/tfsec-action", "snyk/actions",
		"hadolint/hadolint-action", "actions/dependency-review-action", "reviewdog/action-actionlint", "psf/black", "astral-sh/ruff-action"}
}

// only matches arguments with which a check is none: it says its version, lists
// its tests, or measures.
var only = lazily(`^(--version|--help|--?list(=.*)?|--collect-only|-bench(=.*)?)$`)

// checkName is the check that a command is; "" of others.
func checkName(words []string) string {
	if len(words) == 0 || slices.ContainsFunc(words, only().MatchString) {
		return ""
	}
	subs, ok := checks()[words[0]]
	if !ok || subs == nil && len(words) > 1 && slices.Contains([]string{"version", "install", "image-pull", "login"}, words[1]) {
		return ""
	}
	if subs == nil {
		return words[0]
	}
	for _, w := range words[1:] {
		if slices.Contains(subs, w) {
			return words[0] + " " + w
		}
	}
	return ""
}

// checkOf is the check that a step makes; "" of others.
func (w where) checkOf() string {
	if slices.ContainsFunc(checkActions(), func(a string) bool { return w.uses() == a || strings.HasPrefix(w.uses(), a+"/") }) {
		return w.uses()
	}
	for _, c := range w.commands {
		if name := checkName(c.meant); name != "" {
			return name
		}
	}
	return ""
}

// lenient are options by which checks succeed whatever they find.
var lenient = lazily(`^--?(exit-zero|soft-fail|no-fail|exit-code=0|issues-exit-code=0|no-error)$`)

// gate tells of a check that cannot fail, and of a deployment that does not ask
// whether one did.
func (c *checker) gate(w where) {
	if check := w.checkOf(); check != "" {
		if on := w.step.ContinueOnError; on != nil && on.Value {
			c.off(w, on.Pos, "continue-on-error "+check, "the job goes on when %s fails (continue-on-error)", check)
		}
	}
	if r := w.run(); r != nil {
		c.scriptGates(w, r)
	}
	if w.uses() == "aquasecurity/trivy-action" {
		c.trivy(w)
	}
	if what := w.publishes(); what != "" && w.step.If != nil && regardless(w.step.If.Value) {
		c.off(w, w.step.If.Pos, "always "+what, "%s is done also when a check before it has failed (if: %s)", what, clip(w.step.If.Value))
	}
}

func (c *checker) off(w where, at *actionlint.Pos, detail, format string, args ...any) {
	c.tell(found{gateOff, sarif.Medium, at, w, detail}, format, args...)
}

// trivy tells of scans that are asked to succeed. One for code scanning's eyes
// only is no gate.
func (c *checker) trivy(w where) {
	code := w.inputAt("exit-code")
	switch {
	case code != nil && code.Value == "0":
		c.off(w, code.Pos, "exit-code", "the scan succeeds whatever it finds (exit-code: 0)")
	case code == nil && w.input("format") != "sarif":
		c.tell(found{gateOff, sarif.Low, w.step.Pos, w, "exit-code"}, "the scan succeeds whatever it finds, since exit-code is not set")
	}
}

// harmless are commands after "||" that do not fail.
func harmless(words []string) bool {
	if len(words) == 0 {
		return false
	}
	return slices.Contains([]string{"true", ":", "echo", "printf"}, words[0]) || words[0] == "exit" && len(words) > 1 && words[1] == "0"
}

// scriptGates tells of checks in a script whose failure is not the script's.
func (c *checker) scriptGates(w where, r *actionlint.ExecRun) {
	all, off := w.commands, false
	for i, cmd := range all {
		words := cmd.meant
		if len(words) > 1 && words[0] == "set" {
			off = slices.Contains(words, "+e") || off && !slices.Contains(words, "-e")
		}
		check := checkName(words)
		if check == "" {
			continue
		}
		if i := slices.IndexFunc(words, lenient().MatchString); i >= 0 {
			c.off(w, c.within(r.Run, cmd.offset), check+" "+words[i], "%s succeeds whatever it finds (%s)", check, words[i])
		} else if code, ok := option(words, "--exit-code"); ok && code == "0" {
			c.off(w, c.within(r.Run, cmd.offset), check+" --exit-code", "%s succeeds whatever it finds (--exit-code 0)", check)
		}
		c.followed(w, r, all[i:], check)
		if off && !judged(all[i+1:]) {
			c.off(w, c.within(r.Run, cmd.offset), check+" set +e", "%s may fail without the script doing so (set +e)", check)
		}
	}
}

// followed tells of what comes after a check and hides its exit status.
func (c *checker) followed(w where, r *actionlint.ExecRun, all []command, check string) {
	i := 0
	for i+1 < len(all) && all[i].next == "|" {
		i++
	}
	if i+1 < len(all) && all[i].next == "||" && harmless(all[i+1].meant) {
		c.off(w, c.within(r.Run, all[0].offset), check+" ||", "a failure of %s is let be (|| %s)", check, clip(strings.Join(all[i+1].words, " ")))
		return
	}
	if i > 0 && !c.pipefail(w, r) && slices.Contains([]string{"tee", "cat", "tail", "head", "grep", "sed", "awk", "sort"}, first(all[i].meant)) {
		c.off(w, c.within(r.Run, all[0].offset), check+" |", "the script goes on when %s fails, since only the last command of a pipe counts (| %s)", check, first(all[i].meant))
	}
}

func first(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

// pipefail tells whether a script ends when any command of a pipe fails: with
// "shell: bash" it does, and with no shell named it does not.
func (c *checker) pipefail(w where, r *actionlint.ExecRun) bool {
	if strings.Contains(r.Run.Value, "pipefail") || strings.Contains(r.Run.Value, "PIPESTATUS") {
		return true
	}
	if r.Shell != nil {
		return r.Shell.Value == "bash" || strings.Contains(r.Shell.Value, "pipefail") || strings.HasPrefix(r.Shell.Value, "p")
	}
	for _, d := range []*actionlint.Defaults{w.job.Defaults, c.flow.Defaults} {
		if d != nil && d.Run != nil && d.Run.Shell != nil {
			return d.Run.Shell.Value == "bash" || strings.Contains(d.Run.Shell.Value, "pipefail") || strings.HasPrefix(d.Run.Shell.Value, "p")
		}
	}
	return false
}

// judged tells whether later commands look at an exit status.
func judged(all []command) bool {
	return slices.ContainsFunc(all, func(c command) bool {
		return strings.Contains(strings.Join(c.words, " "), "$?") || len(c.words) > 1 && c.words[0] == "exit"
	})
}

// jobGates tells of jobs whose checks do not count, and of jobs that deploy
// whatever came of the checks before them.
func (c *checker) jobGates(j *actionlint.Job) {
	w := where{job: j}
	if on := j.ContinueOnError; on != nil && on.Value && slices.ContainsFunc(j.Steps, func(s *actionlint.Step) bool { return c.where(j, s).checkOf() != "" }) {
		c.off(w, on.Pos, "continue-on-error", "the workflow goes on when a check of the job %s fails (continue-on-error)", j.ID.Value)
	}
	if len(j.Needs) == 0 || j.If == nil || !regardless(j.If.Value) {
		return
	}
	for _, s := range j.Steps {
		if what := c.where(j, s).publishes(); what != "" {
			c.off(w, j.If.Pos, "always", "%s is done also when a job before it has failed (if: %s)", what, clip(j.If.Value))
			return
		}
	}
}

// asked matches a condition that looks at what came of what was before.
var asked = lazily(`\.(result|outcome|conclusion)\b|success\(\)`)

// regardless tells whether a condition holds after a failure.
func regardless(condition string) bool {
	return (strings.Contains(condition, "always()") || strings.Contains(condition, "cancelled()") || strings.Contains(condition, "failure()")) && !asked().MatchString(condition)
}

// publishing are commands that put something where others take it from.
var publishing = lazily(fmt.Sprintf(`^(?:%s)\b`, strings.Join([]string{
	`docker push`, `docker (?:buildx )?build .*--push`, `gcloud (?:beta )?(?:run deploy|run services replace|app deploy|functions deploy)`, `kubectl (?:apply|set image|rollout)`,
	`helm (?:upgrade|install|push)`, `(?:terraform|tofu) apply`, `(?:npm|yarn|pnpm) publish`, `twine upload`, `uv publish`, `poetry publish`, `gh release (?:create|upload)`,
	`goreleaser release`, `cargo publish`, `gem push`, `cosign (?:sign|attest)`, `aws (?:ecs update-service|lambda update-function-code|deploy)`,
	`az (?:webapp deploy|webapp up|containerapp up|containerapp update)`, `(?:fly|flyctl|firebase|serverless|sls|vercel|netlify) (?:deploy|publish)`, `(?:crane|skopeo) (?:push|copy|cp)`,
	`sluice (?:release|deploy)`}, "|")))

// publishActions are actions that do.
func publishActions() []string {
	return []string{"pypa/gh-action-pypi-publish", "softprops/action-gh-release", "ncipollo/release-action", "actions/create-release", "google-github-actions/deploy-cloudrun",
		"google-github-actions/deploy-appengine", "google-github-actions/deploy-cloud-functions", "azure/webapps-deploy", "azure/container-apps-deploy-action", "azure/k8s-deploy",
		"aws-actions/amazon-ecs-deploy-task-definition", "actions/deploy-pages", "peaceiris/actions-gh-pages", "jamesives/github-pages-deploy-action",
		"actions/attest-build-provenance", "rubygems/release-gem"}
}

// publishes is what a step puts where others take it from; "" of others.
func (w where) publishes() string {
	switch uses := w.uses(); {
	case slices.Contains(publishActions(), uses):
		return uses
	case uses == "docker/build-push-action" && w.input("push") != "" && w.input("push") != "false":
		return uses
	case uses == "goreleaser/goreleaser-action" && strings.Contains(w.input("args"), "release") && !strings.Contains(w.input("args"), "--snapshot"):
		return uses
	}
	for _, cmd := range w.commands {
		if line := strings.Join(cmd.meant, " "); publishing().MatchString(line) && !strings.Contains(line, "--dry-run") && !strings.Contains(line, "--snapshot") {
			return clip(line)
		}
	}
	return ""
}
