package workflow

import (
	"strings"

	"github.com/rhysd/actionlint"

	"github.com/sluice-ci/sluice/internal/sarif"
)

// secretUsed matches an expression that comes to a secret, and its name where it
// is a plain one.
var secretUsed = lazily(`\$\{\{[^}]*\bsecrets\b(?:\.([A-Za-z0-9_-]+))?`)

// envs are those that a step sees, the nearest first.
func (w where) envs(c *checker) []*actionlint.Env {
	all := []*actionlint.Env{w.job.Env, c.flow.Env}
	if w.step != nil {
		all = append([]*actionlint.Env{w.step.Env}, all...)
	}
	return all
}

// secretsInEnv tells of secrets that steps get which have no need of them: every
// action of the job reads its environment.
func (c *checker) secretsInEnv() {
	c.secretsIn(where{}, c.flow.Env, "every job")
	for _, j := range c.jobs() {
		if len(j.Steps) > 1 {
			c.secretsIn(where{job: j}, j.Env, "every step of the job "+j.ID.Value)
		}
	}
}

func (c *checker) secretsIn(w where, e *actionlint.Env, who string) {
	for _, v := range vars(e) {
		m := secretUsed().FindStringSubmatch(v.Value.Value)
		if m == nil {
			continue
		}
		f := found{secretInEnv, sarif.Medium, v.Name.Pos, w, v.Name.Value}
		if strings.EqualFold(m[1], "GITHUB_TOKEN") {
			f.severity = sarif.Low // actions have it anyway
		}
		c.tell(f, "%s is given to %s", v.Name.Value, who)
	}
}

// keyInputs are the inputs of actions that take a key which stays valid.
func keyInputs() map[string][]string {
	return map[string][]string{
		"google-github-actions/auth":            {"credentials_json"},
		"google-github-actions/setup-gcloud":    {"service_account_key"},
		"google-github-actions/deploy-cloudrun": {"credentials"},
		"aws-actions/configure-aws-credentials": {"aws-access-key-id", "aws-secret-access-key"},
		"azure/login":                           {"creds", "client-secret"},
		"azure/aks-set-context":                 {"creds"},
	}
}

// keyVariables are the variables by which clouds' tools take such a key.
func keyVariables() []string {
	return []string{"AWS_SECRET_ACCESS_KEY", "AZURE_CLIENT_SECRET", "ARM_CLIENT_SECRET", "AZURE_CREDENTIALS", "GOOGLE_CREDENTIALS", "GCP_SA_KEY", "GCLOUD_SERVICE_KEY"}
}

// cloudKeys tells of keys of a cloud that GitHub's own identity would do for.
func (c *checker) cloudKeys(w where) {
	for _, input := range keyInputs()[w.uses()] {
		v := w.inputAt(input)
		if v != nil && secretUsed().MatchString(v.Value) {
			c.tell(found{cloudKey, sarif.High, v.Pos, w, input}, "%s gets a long-lived key of the cloud (%s)", w.uses(), input)
			break // the id of a key and the key are one
		}
	}
	if w.uses() == "docker/login-action" && strings.HasPrefix(w.input("username"), "_json_key") {
		c.tell(found{cloudKey, sarif.High, w.inputAt("username").Pos, w, "_json_key"}, "the registry gets a long-lived key of a service account")
	}
	c.keysIn(w, w.step.Env)
}

// jobKeys tells of keys in the variables of a job, and of the workflow at its
// first job.
func (c *checker) jobKeys(j *actionlint.Job) {
	c.keysIn(where{job: j}, j.Env)
	if j == c.jobs()[0] {
		c.keysIn(where{}, c.flow.Env)
	}
}

func (c *checker) keysIn(w where, e *actionlint.Env) {
	for _, v := range vars(e) {
		for _, name := range keyVariables() {
			if strings.EqualFold(v.Name.Value, name) && secretUsed().MatchString(v.Value.Value) {
				c.tell(found{cloudKey, sarif.High, v.Name.Pos, w, name}, "a long-lived key of the cloud is in the variable %s", name)
			}
		}
	}
}
