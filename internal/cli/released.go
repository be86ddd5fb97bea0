package cli

import (
	"fmt"

	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/release"
)

// sinceRelease has the run compare with the source of the last release that
// verifies. The policy of the work tree decides: what is about to be released
// was merged, and an exception that counted only once it is released could
// never be.
func (r *oneRun) sinceRelease() error {
	if r.since != "" {
		return usage(hint.With(fmt.Errorf("--released and --since %s were both given", r.since), "choose one of them; on GitHub Actions --since is set for pull requests"))
	}
	self := "" // a commit has nothing that is new since itself
	if git := r.git(); !git.dirty {
		self = git.commit
	}
	last, skipped, err := release.LastVerified(r.released, r.Service.Name, self)
	if err != nil {
		return usage(err)
	}
	for _, err := range skipped {
		r.note("warning: %v", err)
	}
	if last == nil {
		r.note("there is no earlier release of %s in %s that verifies: compared with nothing", r.Service.Name, r.released)
		return nil
	}
	r.since, r.approved = last.Commit, true
	r.note("compared with the release %s, of commit %.12s", last.ID, last.Commit)
	return nil
}

func (r *oneRun) note(format string, args ...any) {
	r.record.Notes = append(r.record.Notes, fmt.Sprintf(format, args...))
}
