package pipeline

import "time"

// Event is one thing that happened in a run. Every output is made from the
// stream of them: the live view, plain lines, JSON, and the record.
type Event struct {
	Kind  Kind          `json:"event"`
	At    time.Duration `json:"at"` // since the run's start, nanoseconds
	Job   string        `json:"job,omitempty"`
	Text  string        `json:"text,omitempty"`  // of Progress: what is being done now
	Stage *Result       `json:"stage,omitempty"` // of StageFinished
	Plan  []Planned     `json:"plan,omitempty"`  // of RunStarted
	Run   *Record       `json:"run,omitempty"`   // of RunStarted and RunFinished
}

// Kind is what an event tells.
type Kind string

// The kinds, in the order of a run.
const (
	RunStarted    Kind = "run_started"
	JobStarted    Kind = "job_started"
	Progress      Kind = "progress"
	StageFinished Kind = "stage_finished"
	RunFinished   Kind = "run_finished"
)

// Planned is a job that a run is going to do.
type Planned struct {
	Job    string   `json:"job"`
	Stages []string `json:"stages"`
	Waits  []string `json:"waits,omitempty"`
	Access Access   `json:"access"`
	Cached bool     `json:"cached,omitempty"`
}

// Handler takes the events of a run, one at a time.
type Handler func(Event)
