package pipeline

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/sandbox"
)

// A child process gets its task as one line of JSON on standard input, which
// then stays open for as long as the parent lives. It answers with lines of
// JSON on file descriptor 3: any number of progress messages, then one answer
// or one error.

// messageFD is the child's end of the pipe to its parent.
const messageFD = 3

// Bounds on what goes over the pipes, bytes.
const (
	maxTask     = 64 << 20
	maxMessages = 256 << 20
	maxProgress = 500
)

// message is one line from a child to its parent.
type message struct {
	// Enforced comes first: how the process is confined. Refused is what keeps it
	// from being so, and then nothing is done.
	Enforced *sandbox.Enforced `json:"enforced,omitempty"`
	Refused  string            `json:"refused,omitempty"`

	Progress string   `json:"progress,omitempty"`
	Answer   *Answer  `json:"answer,omitempty"`
	Secrets  []string `json:"secrets,omitempty"`
	Volatile bool     `json:"volatile,omitempty"`
	Error    string   `json:"error,omitempty"`
	Remedy   string   `json:"remedy,omitempty"`
}

func answered(a Answer, err error) message {
	if err != nil {
		return message{Error: err.Error(), Remedy: hint.Remedy(err)}
	}
	return message{Answer: &a, Secrets: a.Secrets, Volatile: a.Volatile}
}

// errSilent is a child that ended without an answer.
var errSilent = errors.New("its process ended without an answer")

// receive reads a child's messages to the end and returns its answer.
func receive(r io.Reader, progress func(string)) (Answer, error) {
	dec := json.NewDecoder(bufio.NewReader(io.LimitReader(r, maxMessages)))
	last := message{}
	var enforced *sandbox.Enforced
	for {
		var m message
		err := dec.Decode(&m)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return Answer{}, fmt.Errorf("reading its answer: %w", err)
		}
		if enforced == nil && m.Enforced != nil { // what comes later is the worker's word
			enforced = m.Enforced
			continue
		}
		if m.Progress != "" {
			progress(m.Progress[:min(len(m.Progress), maxProgress)])
			continue
		}
		last = m
	}
	switch {
	case last.Refused != "" && enforced == nil:
		return Answer{}, errRefused{last.Refused}
	case last.Error != "":
		return Answer{}, hint.With(errors.New(last.Error), last.Remedy)
	case last.Answer == nil || enforced == nil:
		return Answer{}, errSilent
	}
	last.Answer.Enforced = *enforced
	last.Answer.Secrets, last.Answer.Volatile = last.Secrets, last.Volatile
	return *last.Answer, nil
}
