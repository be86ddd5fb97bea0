package cloudrunlocal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// List tells of every service that was deployed below a state root and not
// taken down, in the order of their folders. It is no error that a service
// cannot be asked: it is not healthy, and the reason says why.
func List(ctx context.Context, root string) ([]Service, error) {
	dirs, err := filepath.Glob(filepath.Join(root, "*", "control", "service.json"))
	if err != nil {
		return nil, fmt.Errorf("listing the services in %s: %w", root, err)
	}
	if _, err := os.ReadDir(root); ignoreMissing(err) != nil {
		return nil, fmt.Errorf("listing the services: %w", err)
	}
	found := make([]Service, len(dirs))
	var all sync.WaitGroup
	for i, d := range dirs {
		all.Go(func() {
			dir := state(filepath.Dir(filepath.Dir(d)))
			svc, err := look(ctx, dir)
			if err != nil {
				svc = Service{Name: filepath.Base(string(dir)), Target: Target, State: string(dir), Reason: err.Error()}
			}
			found[i] = svc
		})
	}
	all.Wait()
	services := []Service{}
	for _, svc := range found {
		if svc.Revision != "" || svc.Reason != noTraffic {
			services = append(services, svc)
		}
	}
	return services, nil
}

// noTraffic is the reason of a service that nothing was ever rolled out of, or
// that was taken down.
const noTraffic = "no revision has the traffic"

// look tells of one service, by its supervisor or without.
func look(ctx context.Context, dir state) (Service, error) {
	if _, alive := supervisorOf(dir); alive {
		st, err := statusOf(ctx, dir)
		if err == nil {
			return st.Service, nil
		}
		return without(dir, err)
	}
	return without(dir, errors.New("its supervisor is not running; deploy again to start it"))
}

func without(dir state, why error) (Service, error) {
	var f serviceFile
	if err := readJSON(dir.service(), &f); err != nil {
		return Service{}, err
	}
	svc := f.tell(dir)
	svc.Reason = why.Error()
	if f.Serving == "" {
		svc.Reason = noTraffic
	}
	return svc, nil
}

// DownOptions say what Down removes besides the service's revisions.
type DownOptions struct {
	Data bool // what the service has stored, and its logs
}

// Down stops a service: its processes and its supervisor. Its port is free when
// Down returns. What the service has stored is kept.
func Down(ctx context.Context, dir string, o DownOptions) error {
	s := state(dir)
	if !s.exists() {
		return fmt.Errorf("taking down %s: %w", dir, fs.ErrNotExist)
	}
	if err := s.make(); err != nil {
		return err
	}
	unlock, err := lock(ctx, s.deployLock())
	if err != nil {
		return err
	}
	defer unlock()
	if err := end(ctx, s, Limits{}); err != nil {
		return err
	}
	sweep(s)
	if err := s.forget(); err != nil {
		return fmt.Errorf("taking down %s: %w", dir, err)
	}
	if o.Data {
		return errors.Join(removeTree(s.data()), removeTree(s.logs()), ignoreMissing(os.Remove(s.service())))
	}
	return nil
}

// forget removes the revisions of a service that has no supervisor any more.
func (s state) forget() error {
	var f serviceFile
	if err := readJSON(s.service(), &f); err == nil {
		f.Serving, f.Image, f.Previous = "", "", ""
		if err := writeJSON(s.service(), f); err != nil {
			return err
		}
	}
	return errors.Join(removeTree(s.revisions()), removeTree(s.incoming()), removeTree(s.secrets()), ignoreMissing(os.Remove(s.supervisor())))
}
