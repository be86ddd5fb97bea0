// Package config reads sluice.yaml, looks at what kind of service is in a
// folder, and makes of both one validated description of what is to be run.
//
// The file's types are its only definition: the reader and the JSON schema both
// walk them, and take names, limits, defaults and texts from the fields' tags:
//
//	yaml     the key
//	doc      what it is for
//	pattern  the regular expression that a string, a list's entry or a map's value matches
//	keys     the same, for the keys of a map
//	reserved keys that a map may not have
//	enum     the permitted values
//	min, max the permitted range of a number
//	default  the value when the key is absent
//	want     what is expected, in words, to follow "must be"
//	later    keys that are planned, and refused as not supported yet
package config

import "time"

// Name is the file's name, in the root of a repository or of a service.
const Name = "sluice.yaml"

// File is sluice.yaml as it was written: what is absent is zero.
type File struct {
	_       struct{}          `later:"sluice,stages"`
	Service string            `yaml:"service" pattern:"^[a-z]([-a-z0-9]{0,47}[a-z0-9])?$" want:"a name of lower-case letters, digits and hyphens that starts with a letter, ends with no hyphen and has at most 49 characters" doc:"The service's name. By default the last part of the module's path."`
	Path    string            `yaml:"path" pattern:"relative" doc:"The service's folder, relative to this file. By default the folder of this file."`
	Env     map[string]string `yaml:"env" keys:"^[A-Za-z_][A-Za-z0-9_]*$" reserved:"PORT,K_SERVICE,K_REVISION,K_CONFIGURATION" want:"a name of letters, digits and underscores" doc:"Environment of the deployed service: settings, never secrets."`
	Secrets map[string]string `yaml:"secrets" keys:"^[A-Za-z_][A-Za-z0-9_]*$" reserved:"PORT,HOST,DATA_DIR,TMPDIR,K_SERVICE,K_REVISION,K_CONFIGURATION" want:"a name of letters, digits and underscores" pattern:"^[A-Za-z0-9_][-A-Za-z0-9_]{0,254}$" doc:"Secrets of the deployed service: its environment variable, and the name of the secret in the target's store. Never a value."`
	Build   Build             `yaml:"build" doc:"How the image is built."`
	Test    Test              `yaml:"test" doc:"How the tests are run."`
	Targets Targets           `yaml:"targets" doc:"Where the service is deployed."`
	Gates   Gates             `yaml:"gates" doc:"What makes a stage fail."`
	VulnDB  string            `yaml:"vulndb" pattern:"^[^\\x00-\\x1f]+$" want:"an https URL or a folder" doc:"Where vulnerability data comes from: an https URL, a file URL, or a folder (relative to this file) in the layout of vuln.go.dev. By default vuln.go.dev, or the module proxy when that is out of reach."`
	TrivyDB string            `yaml:"trivydb" pattern:"^[A-Za-z0-9./][^\\x00-\\x20]*$" want:"an OCI reference or a folder" doc:"Where Trivy's database comes from, which images with packages of an operating system and Python's packages are compared with: an OCI reference (ghcr.io/aquasecurity/trivy-db:2, or a mirror of it), or a folder with trivy.db and metadata.json, which begins with ./, ../ or /. By default that of Trivy's project."`

	Exceptions []Exception `yaml:"exceptions" doc:"Findings that are let be for a while."`

	places map[string]place // of what is in the file, by "gates.lint.fail"
}

// Exception lets a finding be for a while.
type Exception struct {
	ID      string    `yaml:"id" required:"true" pattern:"^[A-Za-z0-9][-A-Za-z0-9_./]{0,127}$" want:"a finding's fingerprint, an advisory (GO-…, CVE-…, GHSA-…) or a rule" doc:"What is let be: a finding's fingerprint, an advisory by any of its names, or a rule."`
	Reason  string    `yaml:"reason" required:"true" pattern:"^[^\x00-\x1f]{8,500}$" want:"a sentence of 8 to 500 characters on one line" doc:"Why it does no harm."`
	Owner   string    `yaml:"owner" required:"true" pattern:"^[^\x00-\x1f]{1,100}$" want:"who answers for it" doc:"Who answers for it."`
	Expires time.Time `yaml:"expires" required:"true" doc:"The last day on which it holds, within a year."`
	Path    string    `yaml:"path" pattern:"relative" doc:"The file, or the folder with all below it, that it holds for, relative to the repository's root. By default any."`
	Package string    `yaml:"package" pattern:"^[^\x00-\x20]{1,200}$" want:"a module, as golang.org/x/text or golang.org/x/text@v0.3.5" doc:"The module, with or without a version, that it holds for. By default any."`
}

// Build is how the image is built.
type Build struct {
	Main string `yaml:"main" pattern:"relative" doc:"The folder of the command that is built, relative to the service's folder: cmd/todo. By default the only one, or the service's folder itself, or cmd/SERVICE."`
}

// Test is how the tests are run.
type Test struct {
	Services []string      `yaml:"services" pattern:"^mysql$" want:"mysql" doc:"What the tests need that is started for them: mysql, a MariaDB server that they find by MYSQL_UNIX_PORT and SLUICE_MYSQL_DSN."`
	Coverage int           `yaml:"coverage" min:"0" max:"100" doc:"The least percentage of statements that the tests cover. By default there is no limit."`
	Timeout  time.Duration `yaml:"timeout" default:"10m" doc:"How long the tests of one package may take."`
}

// Targets are the places where the service is deployed.
type Targets struct {
	_     struct{} `later:"staging,production"`
	Local Local    `yaml:"local" doc:"This machine."`
}

// Local is the target on this machine.
type Local struct {
	_    struct{} `later:"cloudrun,gke,after,trust"`
	Port int      `yaml:"port" min:"1" max:"65535" doc:"The port of 127.0.0.1 that the service answers on. By default any free one."`
}

// Gates are what makes each stage fail.
type Gates struct {
	_         struct{}     `later:"build,sbom"`
	Lint      LintGate     `yaml:"lint" doc:"Formatting, vet and static analysis."`
	Test      AnyGate      `yaml:"test" doc:"The tests."`
	SAST      Gate         `yaml:"sast" doc:"Unsafe code."`
	Secrets   AnyGate      `yaml:"secrets" doc:"Credentials in the tree or its history."`
	Workflow  Gate         `yaml:"workflow" doc:"GitHub workflows that can be taken over, or whose checks cannot fail."`
	Deps      DepsGate     `yaml:"deps" doc:"Known vulnerabilities of dependencies."`
	Licenses  LicensesGate `yaml:"licenses" doc:"Licences of what is shipped: one that is denied is high, one that cannot be told is medium."`
	ImageScan HighGate     `yaml:"image-scan" doc:"The image's configuration and content."`
	IaC       HighGate     `yaml:"iac" doc:"Terraform, Dockerfiles, Kubernetes' manifests and Compose files."`
	DAST      Gate         `yaml:"dast" doc:"Checks by request against the running service."`
	Policy    HighGate     `yaml:"policy" doc:"What a change takes away from the gates themselves: a stage that no longer applies is high, a gate or an exception that lets more through is medium."`
}

// LintGate is the gate of the lint stage.
type LintGate struct {
	Fail   string   `yaml:"fail" enum:"low,medium,high,critical,never" default:"medium" doc:"The least severity that fails the stage."`
	Ignore []string `yaml:"ignore" pattern:"^[A-Za-z][-A-Za-z0-9_./]{0,63}$" want:"a rule's name, as SA1019" doc:"Rules that are switched off for good."`
}

// Gate is a gate on the findings' severity.
type Gate struct {
	Fail string `yaml:"fail" enum:"low,medium,high,critical,never" default:"medium" doc:"The least severity that fails the stage."`
}

// HighGate is a gate on the findings' severity that lets medium ones pass by default.
type HighGate struct {
	Fail string `yaml:"fail" enum:"low,medium,high,critical,never" default:"high" doc:"The least severity that fails the stage."`
}

// LicensesGate is the gate of the licenses stage.
type LicensesGate struct {
	Fail  string   `yaml:"fail" enum:"low,medium,high,critical,never" default:"high" doc:"The least severity that fails the stage."`
	Allow []string `yaml:"allow" pattern:"^[^\\x00-\\x1f]{1,1000}$" want:"an SPDX licence expression, as MIT or GPL-2.0-only WITH Classpath-exception-2.0" doc:"SPDX licence expressions. Where there are any, nothing else may be shipped. By default: permissive licences, and those with weak copyleft."`
	Deny  []string `yaml:"deny" pattern:"^[^\\x00-\\x1f]{1,1000}$" want:"an SPDX licence expression, as AGPL-3.0-or-later" doc:"SPDX licence expressions that may not be shipped, whatever allow says."`
}

// AnyGate is a gate of a stage whose findings have no degrees.
type AnyGate struct {
	Fail string `yaml:"fail" enum:"any,never" default:"any" doc:"Whether a finding fails the stage."`
}

// DepsGate is the gate of the deps stage.
type DepsGate struct {
	Fail   string        `yaml:"fail" enum:"reachable,imported,required,never" default:"reachable" doc:"How near to being executed a vulnerable component must be to fail the stage: a vulnerable symbol is called, the package is linked in, or the module is in the build list."`
	MaxAge time.Duration `yaml:"max_age" default:"7d" doc:"The age above which vulnerability data can fail the stage but not vouch for it."`
}
