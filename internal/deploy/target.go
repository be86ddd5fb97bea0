// Package deploy brings an image to where it runs: first without traffic, so
// that it can be checked, then with it.
package deploy

import (
	"context"

	"github.com/sluice-ci/sluice/internal/image"
)

// Target is where revisions of one service run.
//
// Deploy and Promote return an *Unhealthy error for a revision that did not
// prove that it works; what served before then still does. Any other error
// says that the target could not be asked or did not do it.
type Target interface {
	// Deploy starts a revision without traffic and returns when it answers. A
	// release that is being served already, healthy, is not started again.
	Deploy(context.Context, Release) (Revision, error)
	// Promote gives a revision all the traffic, if it works now.
	Promote(ctx context.Context, revision string) (Revision, error)
	// Discard stops a revision. One that has traffic, or is gone, is left alone.
	Discard(ctx context.Context, revision string) error
	// Status tells what has the traffic.
	Status(context.Context) (Status, error)
}

// Release is an image and what it is to be run with.
type Release struct {
	Image    *image.Image
	Env      map[string]string
	Secrets  map[string]string // values, by environment variable
	Progress func(string)      // tells the user what is being done; may be nil
}

// Revision is a release on a target.
type Revision struct {
	Name       string
	URL        string // reaches this revision, with or without traffic
	ServiceURL string // reaches whichever revision has the traffic
	Image      string // the image's digest
	Reused     bool   // it was being served already
}

// Status is what a target serves.
type Status struct {
	Revision string // "" when none has traffic
	URL      string
	Image    string
	Healthy  bool
	Reason   string // why it is not healthy
}

// Unhealthy is a revision that did not prove that it works.
type Unhealthy struct {
	Revision string
	Reason   string // "ended before it answered: exit status 1"
	Log      string // the end of what it printed, a few kilobytes
}

func (u *Unhealthy) Error() string { return "revision " + u.Revision + " " + u.Reason }
