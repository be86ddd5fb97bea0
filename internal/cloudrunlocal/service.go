// Package cloudrunlocal is a small Cloud Run on this machine: a supervisor for
// each service that owns its port, runs its revisions as ordinary processes
// from their unpacked images, and moves the traffic from one to the next
// without a refused or broken request. The supervisor is this program executed
// again, and outlives the command that started it.
//
// The words are those of Cloud Run's Admin API v2: service, revision, traffic,
// condition. https://cloud.google.com/run/docs/reference/rest
package cloudrunlocal

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/sluice-ci/sluice/internal/hint"
)

// Target is the name of this machine as a place where releases run.
const Target = "local"

// Process is how an image is run: the part of an OCI image's configuration
// that a process is started from (OCI image-spec v1.1, config.md, "config").
type Process struct {
	Entrypoint []string `json:"entrypoint,omitempty"`
	Cmd        []string `json:"cmd,omitempty"`
	Env        []string `json:"env,omitempty"`
	WorkingDir string   `json:"workingDir,omitempty"`
	User       string   `json:"user,omitempty"`
}

// Release is what Deploy makes a revision of.
type Release struct {
	Service   string // an RFC 1123 label of at most 49 characters
	Directory string // the service's folder, shown to the user
	Image     string // the image's digest
	Process   Process
	Env       map[string]string // of the service; goes before the image's
	Secrets   map[string]string // values, by environment variable; they go before Env
	Port      int               // that the service is reached at; 0 is the one it had, or any free one
	// Unpack writes the image's files below dir, which does not exist, and
	// returns when they are on the disk.
	Unpack   func(dir string) error
	Progress func(string) // tells the user what is being done; may be nil
}

// Revision is one release deployed as a process of its own.
type Revision struct {
	Name       string `json:"name"`       // "todo-00003-bcd"
	URL        string `json:"url"`        // reaches this revision, with or without traffic
	ServiceURL string `json:"serviceUrl"` // reaches the revision that has the traffic
	Image      string `json:"image"`
	// Reused is set when the release was already serving, healthy, and nothing
	// was started.
	Reused bool `json:"reused,omitempty"`
}

// Service is what List tells of a service.
type Service struct {
	Name      string    `json:"name"`
	Target    string    `json:"target"`
	URL       string    `json:"url"`
	Revision  string    `json:"revision"` // that has the traffic; "" when none has
	Image     string    `json:"image"`    // its digest
	Healthy   bool      `json:"healthy"`  // it answered just now
	Reason    string    `json:"reason,omitempty"`
	Since     time.Time `json:"since"` // when it got the traffic
	Previous  string    `json:"previous,omitempty"`
	Directory string    `json:"directory"`
	State     string    `json:"state"`         // the folder of its state
	Log       string    `json:"log,omitempty"` // what the revision printed
}

// Unhealthy is a revision that was started and did not prove that it works.
// It has been stopped, and what served before still does.
type Unhealthy struct {
	Revision string `json:"revision"`
	Reason   string `json:"reason"`
	Log      string `json:"log,omitempty"` // the end of what it printed, at most tailSize bytes
}

func (u *Unhealthy) Error() string { return "revision " + u.Revision + " " + u.Reason }

// record is a revision as it is kept on disk.
type record struct {
	Name    string            `json:"name"`
	Image   string            `json:"image"`
	Process Process           `json:"process"`
	Env     map[string]string `json:"env,omitempty"`
	Secrets []string          `json:"secrets,omitempty"` // environment variables; their values are in a file of their own
	Created time.Time         `json:"created"`
}

// fingerprint is equal for two records that would run the same.
func (r record) fingerprint() string {
	data, err := json.Marshal(struct {
		Image   string
		Process Process
		Env     map[string]string
		Secrets []string `json:",omitempty"`
	}{r.Image, r.Process, r.Env, r.Secrets})
	if err != nil {
		panic(err) // strings, lists and maps of strings always marshal
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func (r Release) progress(text string) {
	if r.Progress != nil {
		r.Progress(text)
	}
}

func (r Release) record() record {
	env := r.Env
	if len(env) == 0 {
		env = nil // as it reads back
	}
	return record{Image: r.Image, Process: r.Process, Env: env, Secrets: slices.Sorted(maps.Keys(r.Secrets))}
}

var label = regexp.MustCompile(`^[a-z]([-a-z0-9]{0,47}[a-z0-9])?$`)

// check refuses what no revision can be made of.
func (r Release) check() error {
	if !label.MatchString(r.Service) {
		return hint.With(fmt.Errorf("service name %q is not a lowercase label of at most 49 characters", r.Service), "set service in sluice.yaml to letters, digits and hyphens, a letter first")
	}
	if r.Port < 0 || r.Port > 65535 {
		return hint.With(fmt.Errorf("port %d is out of range", r.Port), "set targets.local.port in sluice.yaml to a number up to 65535")
	}
	if err := checkSecrets(r.Secrets); err != nil {
		return err
	}
	if r.Image == "" || r.Unpack == nil {
		return fmt.Errorf("deploying %s: there is no image", r.Service)
	}
	return nil
}
