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
	for rel, err := range (release.Store{Dir: r.released}).Releases(r.Service.Name) {
		git := r.git()
		switch {
		case err != nil && rel.ID == "":
			return usage(err)
		case err != nil:
			r.note("warning: %v; an older release is compared with", err)
		case rel.Commit == git.commit && !git.dirty:
			// There is nothing to compare with itself.
		default:
			r.since, r.approved = rel.Commit, true
			r.note("compared with the release %s, of commit %.12s", rel.ID, rel.Commit)
			return nil
		}
	}
	r.note("there is no earlier release of %s in %s that verifies: compared with nothing", r.Service.Name, r.released)
	return nil
}

func (r *oneRun) note(format string, args ...any) {
	r.record.Notes = append(r.record.Notes, fmt.Sprintf(format, args...))
}
