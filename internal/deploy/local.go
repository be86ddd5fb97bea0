package deploy

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/sluice-ci/sluice/internal/cloudrunlocal"
	"github.com/sluice-ci/sluice/internal/hint"
	"github.com/sluice-ci/sluice/internal/image"
)

// Local is this machine as a target.
type Local struct {
	Client    cloudrunlocal.Client
	Service   string
	Directory string // the service's folder
	Port      int    // that the service is reached at; 0 is the one it had, or any free one
}

// Deploy starts the image's process beside the one that serves.
func (l Local) Deploy(ctx context.Context, r Release) (Revision, error) {
	c := r.Image.Config()
	if err := runsHere(c); err != nil {
		return Revision{}, err
	}
	rev, err := l.Client.Deploy(ctx, cloudrunlocal.Release{
		Service: l.Service, Directory: l.Directory, Port: l.Port, Image: r.Image.Digest(), Env: r.Env, Secrets: r.Secrets, Unpack: r.Image.Unpack, Progress: r.Progress,
		Process: cloudrunlocal.Process{Entrypoint: c.Entrypoint, Cmd: c.Cmd, Env: c.Env, WorkingDir: c.WorkingDir, User: c.User},
	})
	return Revision(rev), translate(err)
}

// runsHere refuses images for other machines.
func runsHere(c image.Config) error {
	if c.OS != "linux" || c.Architecture != runtime.GOARCH {
		return hint.With(fmt.Errorf("the image is for %s/%s and this machine is linux/%s", c.OS, c.Architecture, runtime.GOARCH), "build the image on a machine of the same kind as the one it runs on")
	}
	return nil
}

// Promote moves the service's port to a revision.
func (l Local) Promote(ctx context.Context, revision string) (Revision, error) {
	rev, err := l.Client.Promote(ctx, revision, l.Port)
	return Revision(rev), translate(err)
}

// Discard stops a revision's process and removes its files.
func (l Local) Discard(ctx context.Context, revision string) error {
	return l.Client.Discard(ctx, revision)
}

// Status asks the service's supervisor.
func (l Local) Status(ctx context.Context) (Status, error) {
	s, err := l.Client.Status(ctx)
	return Status{Revision: s.Revision, URL: s.URL, Image: s.Image, Healthy: s.Healthy, Reason: s.Reason}, err
}

func translate(err error) error {
	var u *cloudrunlocal.Unhealthy
	if errors.As(err, &u) {
		return &Unhealthy{Revision: u.Revision, Reason: u.Reason, Log: u.Log}
	}
	return err
}
