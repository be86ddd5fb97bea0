// Package scan says what every check has in common: a part that looks at a
// service and plans a job, and a part that does it, in a process of its own.
package scan

import (
	"path/filepath"

	"github.com/sluice-ci/sluice/internal/pipeline"
	"github.com/sluice-ci/sluice/internal/sarif"
	"github.com/sluice-ci/sluice/internal/tool"
)

// Service is what is delivered, as the planner found or was told it.
type Service struct {
	Name string
	Root string // what the paths of findings are relative to, absolute
	Dir  string // the service's folder, absolute, in or at Root
	// GitTop is the top of the git work tree that Root is in or at, absolute;
	// "" when it is in none.
	GitTop string

	GoModule string // the module path of Dir/go.mod; "" when it is no Go service
	Python   bool   // whether Dir holds a Python project: requirements.txt, pyproject.toml, setup.py or Pipfile
	Main     string // folder of the command that is built, relative to Dir: "cmd/todo"

	Version  string   // of Sluice itself, with its build: part of every cache key
	CacheDir string   // the user's cache folder for Sluice
	Tools    tool.Box // where programs of others are
	Options  Options  // what the configuration sets
	Target   string   // where it is deployed
	// Providers is set when Terraform's providers may be started. They are programs
	// that the repository chooses: where one ran, nothing that is handed over
	// would be believed any more (release.Stage.Claims).
	Providers bool
	Base      *Base // what it is compared with; nil is nothing
}

// JobCache is where a job's worker keeps what it wants to find again.
func (s Service) JobCache(job string) string { return filepath.Join(s.CacheDir, "jobs", job) }

// Base is the commit that a change is a change of.
type Base struct {
	Commit   string      `json:"commit"`
	Path     string      `json:"path"`    // the service's folder there, relative to the repository's root
	Applied  []Part      `json:"applied"` // what applied there
	Loosened []Loosening `json:"loosened"`
	// Absent is why there was no service that could be compared with; "" when
	// there was.
	Absent string `json:"absent,omitempty"`
	// SwitchedOff counts the findings that comments in its code switched off, by
	// stage and fingerprint.
	SwitchedOff map[string]map[string]int `json:"switchedOff,omitempty"`
	// Approved is set when an owner has approved that the policy of the change
	// decides on it.
	Approved bool `json:"approved"`
}

// Part is what one job answers of a stage.
type Part struct {
	Stage string `json:"stage"`
	Job   string `json:"job"`
}

// Loosening is something by which the change's configuration lets more through
// than the base's.
type Loosening struct {
	Path    string `json:"path"` // the file, relative to the repository's root
	Line    int    `json:"line"`
	Key     string `json:"key"`
	Message string `json:"message"`
	High    bool   `json:"high,omitempty"` // it has something else looked at, and so counts at once
}

// Options are the settings of a configuration that planners read.
type Options struct {
	LintIgnore []string          // rules that are switched off for good
	Licenses   Licenses          // what may be shipped
	VulnDB     string            // where vulnerability data comes from: "" is by itself
	TrivyDB    string            // where Trivy's database comes from, an OCI reference or an absolute folder: "" is by itself
	Services   []string          // that tests need: "mysql"
	Coverage   int               // least percentage of statements; 0 is no limit
	TestLimit  string            // go test -timeout
	Env        map[string]string // of the deployed service
	Secrets    map[string]string // of the deployed service: the name in the target's store, by environment variable
	Port       int               // of the local target; 0 is any free one
}

// Licenses are SPDX licence expressions, each of which can be read.
type Licenses struct {
	Allow []string `json:"allow,omitempty"` // where there are any, no others may be shipped
	Deny  []string `json:"deny,omitempty"`  // may not be, whatever is allowed
}

// Scanner is one check, or several that share their work.
type Scanner interface {
	// Name is that of its job.
	Name() string
	// Job plans the work for a service. It starts no process and reads little:
	// a run in which nothing changed consists of this. A scanner that has
	// nothing to do for the service says so in the job's NotApplicable.
	Job(s Service) (pipeline.Job, error)
	// Worker does the job, in the child process.
	Worker() pipeline.Worker
}

// Rules picks from all the rules those that the findings name.
func Rules(all map[string]sarif.Rule, findings []sarif.Finding) []sarif.Rule {
	var rules []sarif.Rule
	seen := map[string]bool{}
	for _, f := range findings {
		if r, ok := all[f.Rule]; ok && !seen[f.Rule] {
			seen[f.Rule] = true
			rules = append(rules, r)
		}
	}
	return rules
}
