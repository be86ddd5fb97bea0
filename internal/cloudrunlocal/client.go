package cloudrunlocal

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"runtime"

	"github.com/sluice-ci/sluice/internal/hint"
)

// Client deploys one service.
type Client struct {
	State string // the folder of its state, absolute: see StateDir
	// Command starts a supervisor: a program and its first arguments. Nil is
	// this program with the argument "supervise".
	Command []string
	Limits  Limits // of a supervisor that this client starts
}

// Deploy starts a revision without traffic, and returns when it answers. An
// *Unhealthy error is one that did not. Deploys of one service wait for each other.
func (c Client) Deploy(ctx context.Context, r Release) (Revision, error) {
	if err := c.check(); err != nil {
		return Revision{}, err
	}
	if err := r.check(); err != nil {
		return Revision{}, err
	}
	dir := state(c.State)
	if err := dir.make(); err != nil {
		return Revision{}, err
	}
	r.progress("waiting for other deploys of " + r.Service)
	unlock, err := lock(ctx, dir.deployLock())
	if err != nil {
		return Revision{}, err
	}
	defer unlock()
	r.progress("starting the supervisor")
	st, err := c.ensure(ctx, r)
	if err != nil {
		return Revision{}, err
	}
	port, err := c.portFor(r)
	if err != nil {
		return Revision{}, err
	}
	rev, err := c.place(ctx, r, st)
	if err != nil {
		return Revision{}, err
	}
	rev.ServiceURL = serviceURL(port)
	return rev, nil
}

func (c Client) check() error {
	if runtime.GOOS != "linux" {
		return hint.With(fmt.Errorf("the local target runs Linux images, and this is %s", runtime.GOOS), "run Sluice on Linux")
	}
	if !filepath.IsAbs(c.State) {
		return fmt.Errorf("the folder for the service's state, %q, is not absolute", c.State)
	}
	return nil
}

// portFor is the port that the service will have. That it can be had is found
// out before anything is started.
func (c Client) portFor(r Release) (int, error) {
	var f serviceFile
	if err := readJSON(state(c.State).service(), &f); err != nil {
		return 0, err
	}
	if r.Port == 0 || r.Port == f.Port {
		return f.Port, nil
	}
	l, err := listenService(state(c.State), r.Port, 0)
	if err != nil {
		return 0, err
	}
	return r.Port, l.Close()
}

// place makes the release a revision, or finds that it is one.
func (c Client) place(ctx context.Context, r Release, st status) (Revision, error) {
	rec := r.record()
	if st.Healthy && st.Fingerprint == rec.fingerprint() && sameSecrets(state(c.State), st.Revision, r.Secrets) {
		return Revision{Name: st.Revision, URL: st.RevisionURL, Image: st.Image, Reused: true}, nil
	}
	r.progress("unpacking the image")
	incoming, err := unpack(state(c.State), r)
	if err != nil {
		return Revision{}, err
	}
	r.progress("waiting for the new revision to answer")
	var rev Revision
	err = call(ctx, state(c.State), http.MethodPost, "/v2/service/revisions", createRequest{Record: rec, Incoming: incoming, Secrets: r.Secrets}, &rev)
	return rev, err
}

// unpack writes a release's files aside, and removes what an interrupted
// deploy left there.
func unpack(dir state, r Release) (name string, err error) {
	left, err := os.ReadDir(dir.incoming())
	if err != nil {
		return "", fmt.Errorf("unpacking the image: %w", err)
	}
	for _, f := range left {
		if err := removeTree(filepath.Join(dir.incoming(), f.Name())); err != nil {
			return "", fmt.Errorf("removing an interrupted deploy: %w", err)
		}
	}
	aside := filepath.Join(dir.incoming(), "revision")
	root := filepath.Join(aside, "root")
	if err := makeFolder(aside, 0o711); err != nil {
		return "", err
	}
	if err := r.Unpack(root); err != nil {
		return "", full(fmt.Errorf("unpacking the image: %w", err))
	}
	if err := os.Chmod(root, 0o755); err != nil { // #nosec G302 -- a folder that another user runs it from
		return "", fmt.Errorf("unpacking the image: %w", err)
	}
	return filepath.Base(aside), nil
}

// Promote gives a revision the traffic, at a port (0: the one the service
// has), if it works now; else the error is an *Unhealthy, and nothing changes.
func (c Client) Promote(ctx context.Context, revision string, port int) (Revision, error) {
	var rev Revision
	err := call(ctx, state(c.State), http.MethodPatch, "/v2/service/traffic", trafficRequest{Revision: revision, Port: port}, &rev)
	return rev, c.explain(err)
}

// Rollback gives the traffic back to the revision that had it before.
func (c Client) Rollback(ctx context.Context) (Revision, error) {
	var rev Revision
	err := call(ctx, state(c.State), http.MethodPatch, "/v2/service/traffic", trafficRequest{Previous: true}, &rev)
	return rev, c.explain(err)
}

// Discard stops a revision that has no traffic. One that has, or that is gone,
// is left as it is.
func (c Client) Discard(ctx context.Context, revision string) error {
	err := call(ctx, state(c.State), http.MethodDelete, "/v2/service/revisions/"+revision, nil, &struct{}{})
	if _, alive := supervisorOf(state(c.State)); err != nil && !alive {
		return nil // it went with its supervisor
	}
	return err
}

// Status tells how the service is.
func (c Client) Status(ctx context.Context) (Service, error) {
	return look(ctx, state(c.State))
}

// explain says why a supervisor could not be asked.
func (c Client) explain(err error) error {
	if _, alive := supervisorOf(state(c.State)); err != nil && !alive {
		return hint.With(fmt.Errorf("the service's supervisor is not running: %w", err), "deploy again, which starts it")
	}
	return err
}
