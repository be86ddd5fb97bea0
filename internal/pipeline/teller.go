package pipeline

import (
	"github.com/sluice-ci/sluice/internal/mask"
)

// teller hands events on without what no output may show. While a job may still
// find secrets, results that have words of their own in them wait for it.
type teller struct {
	to      Handler
	secrets []string
	masker  mask.Masker
	finders map[string]bool // jobs that have not ended
	runs    map[string]bool // jobs whose progress is in words of the repository's code
	waiting []Event
}

func newTeller(to Handler, jobs []Job, secrets []string) *teller {
	t := &teller{to: to, secrets: secrets, masker: mask.New(secrets), finders: map[string]bool{}, runs: map[string]bool{}}
	for _, j := range jobs {
		if j.FindsSecrets {
			t.finders[j.Name] = true
		}
		t.runs[j.Name] = j.Access.RunsRepositoryCode
	}
	return t
}

func (t *teller) tell(ev Event) {
	switch {
	case t.to == nil || len(t.finders) > 0 && ev.Kind == Progress && t.runs[ev.Job]:
	case len(t.finders) > 0 && ev.Stage != nil && (ev.Stage.Reason != "" || len(ev.Stage.Warnings) > 0):
		t.waiting = append(t.waiting, ev)
	default:
		t.to(mask.Value(t.masker, ev))
	}
}

// ended takes note of what a job has found.
func (t *teller) ended(job *Job, secrets []string) {
	if len(secrets) > 0 {
		t.secrets = append(t.secrets, secrets...)
		t.masker = mask.New(t.secrets)
	}
	if delete(t.finders, job.Name); len(t.finders) > 0 {
		return
	}
	waiting := t.waiting
	t.waiting = nil
	for _, ev := range waiting {
		t.tell(ev)
	}
}
