// Package pipeline runs stages: it decides what can start, starts it in a
// process of its own, and tells what came of it. It knows no tool's name.
package pipeline

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"time"

	"github.com/sluice-ci/sluice/internal/cache"
	"github.com/sluice-ci/sluice/internal/sandbox"
)

// Job is what runs in one child process. It answers one or more stages: those
// that need the same work done (lint and sast load the same code) share a job.
type Job struct {
	Name   string
	Stages []string // the questions it answers, or a part of, in the order they are shown

	// Needs are the jobs without whose outputs it cannot start: when one does
	// not pass, this one is not run.
	Needs []string
	// Reads are jobs that it waits for and whose reports it takes, whatever
	// came of them.
	Reads []string
	// Gates are jobs that must not have failed before it starts. In a strict
	// run they must not be "not run" either.
	Gates []string

	// Check is set when the answers are about defects, so that having found
	// none must be proved: by a self-test and a census in each report.
	Check bool

	// NotApplicable is why the job has nothing to do for this service, by
	// detection; its stages then end "not applicable".
	NotApplicable string

	// FindsSecrets is set when the answer may name texts that no output may show:
	// what other jobs say is told when this one has ended.
	FindsSecrets bool

	Params any    // handed to the worker as JSON; part of the cache's key
	Inputs Inputs // what decides the result, besides Params and Needs
	Access Access
	Cost   time.Duration // how long it takes at first; measured times replace it
	Limit  time.Duration // it is stopped after this long; 0 means DefaultLimit

	// Always is set for jobs whose effect is not in their report (deploying):
	// they are never answered from the cache.
	Always bool
	// Valid, when set, tells whether a cached answer can still be used, for
	// answers that name data outside the cache (a module cache, say).
	Valid func(Answer) bool
}

// DefaultLimit is how long a job may take that names no limit.
const DefaultLimit = 15 * time.Minute

// Inputs are what a job's result is a function of.
type Inputs struct {
	// Trees are files and folders, absolute, hashed by content. One that does
	// not exist counts as absent, not as an error.
	Trees []string
	// Values are named facts: a tool's version, a setting, a data set's digest.
	Values map[string]string
}

// Access is what a job may touch, apart from reading its needs' outputs and
// what every program needs of the machine, and writing its output, cache and
// temporary folders. Paths are absolute; one that does
// not exist grants no reading.
type Access struct {
	Network Network  `json:"network"`
	Read    []string `json:"read,omitempty"`  // besides the trees of its inputs
	Write   []string `json:"write,omitempty"` // folders; made when they are not there
	// RunsRepositoryCode is set when code of the repository under test is executed.
	RunsRepositoryCode bool `json:"runsRepositoryCode,omitempty"`
	// Detaches is set when a process is meant to outlive the run (the local target).
	Detaches bool `json:"detaches,omitempty"`
	// Secrets are the declared secrets whose values it is given, by the
	// environment variables of the deployed service.
	Secrets []string `json:"secrets,omitempty"`
}

// Network is how far a job may reach.
type Network string

// The networks, narrowest first.
const (
	NoNetwork Network = "none"
	Loopback  Network = "loopback" // a loopback interface of its own
	Machine   Network = "machine"  // this machine's own loopback interface
	Outside   Network = "outside"
)

// Touches is all the access that a job declares: what it is a function of, it reads.
func (j *Job) Touches() Access {
	a := j.Access
	if a.Network == "" {
		a.Network = NoNetwork
	}
	a.Read = slices.Concat(j.Inputs.Trees, a.Read)
	return a
}

// Worker does a job, in the child process. An error means that the job could
// not be done: its stages end "not run" with the error as the reason (and the
// remedy of package hint). What the worker found is in the answer, and a
// failing check is no error.
type Worker func(ctx context.Context, t Task) (Answer, error)

// Task is a job as its worker gets it.
type Task struct {
	Job    string          `json:"job"`
	Stages []string        `json:"stages"` // those of the job that are asked for
	Root   string          `json:"root"`   // the repository's root; findings' paths are relative to it
	Dir    string          `json:"dir"`    // the service's folder, absolute, in or at Root
	Out    string          `json:"out"`    // exists, empty: outputs for later stages and the run's folder
	Cache  string          `json:"cache"`  // exists: what the worker keeps for its own later runs
	Params json.RawMessage `json:"params"`
	Needs  map[string]Need `json:"needs"` // by job: those of Needs, Reads and Gates
	// Trees are what the job's result is a function of. Those are shown to it that
	// are really in Top: it is the repository that names them.
	Trees []string `json:"trees,omitempty"`
	Top   string   `json:"top"`             // the top of the repository's work tree; "" is Root
	Fresh bool     `json:"fresh,omitempty"` // what earlier runs kept does not count
	// Keep exists, empty: what is to be in Cache the next time and says something
	// about the source goes here. It gets there when it is known to show no secret.
	Keep string `json:"keep"`
	// Scratch, when it is not "", exists, empty, and goes with the process: for
	// more than a /tmp that may be in memory can take.
	Scratch string `json:"scratch,omitempty"`
	// Secrets are the values of those that Access names. They go over the pipe
	// and nowhere else.
	Secrets map[string]string `json:"secrets,omitempty"`

	Access  Access           `json:"access"`
	Confine *sandbox.Request `json:"confine,omitempty"` // nil: it is not confined
	Least   sandbox.Level    `json:"least"`             // of files and network, or it is not done
	Nice    int              `json:"nice,omitempty"`    // of its process, 0 to 19
	Lock    string           `json:"lock"`              // held for as long as Out is written to

	// Program is this program's file. A process in namespaces may not find it out
	// by itself: of a file system that is let go of the kernel names the file only.
	Program string `json:"program"`

	LogFile  string       `json:"-"` // where the parent writes Log; "" is JOB.log in the folder of logs
	Progress func(string) `json:"-"` // tells the user what is being done, a few words; never nil
	Log      io.Writer    `json:"-"` // the stage's log; bounded
}

// Need is what an earlier job left.
type Need struct {
	Reports map[string]Report `json:"reports"` // by stage
	Out     string            `json:"out"`     // read only

	outputs cache.Outputs
}

// Answer is what a job came to.
type Answer struct {
	Reports  []Report         `json:"reports"`  // one for each stage asked for
	Enforced sandbox.Enforced `json:"enforced"` // how the process that did it was confined
	// Secrets are texts that no output may show. They are never written to the
	// cache or the record, and an answer that has any is not cached.
	Secrets []string `json:"-"`
	// Volatile is set when the answer must not be cached.
	Volatile bool `json:"-"`
}
