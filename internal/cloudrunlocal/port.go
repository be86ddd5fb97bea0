package cloudrunlocal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"syscall"

	"github.com/sluice-ci/sluice/internal/hint"
)

func listen(port int) (net.Listener, error) { return net.Listen("tcp", loopback(port)) }

func portOf(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

// listenService takes the service's port: the one it is told to, the one it
// had, or any free one. Only the first must be had.
func listenService(s state, wanted, had int) (net.Listener, error) {
	if wanted != 0 {
		l, err := listen(wanted)
		return l, taken(s, wanted, err)
	}
	if had != 0 {
		if l, err := listen(had); err == nil {
			return l, nil
		}
	}
	l, err := listen(0)
	if err != nil {
		return nil, fmt.Errorf("finding a free port: %w", err)
	}
	return l, nil
}

// taken explains why a port could not be had.
func taken(s state, port int, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("taking port %d for the service: %w", port, err)
	if errors.Is(err, syscall.EACCES) {
		return hint.With(err, "choose a port from 1024 up with targets.local.port in sluice.yaml")
	}
	if !errors.Is(err, syscall.EADDRINUSE) {
		return err
	}
	const other = "choose another port with targets.local.port in sluice.yaml (0 is any free one)"
	if dir, name := neighbour(s, port); dir != "" {
		return hint.With(fmt.Errorf("%w by the service %s of %s", err, name, dir), "run sluice down in "+dir+", or "+other)
	}
	if who := portOwner(port); who != "" {
		return hint.With(fmt.Errorf("%w by %s", err, who), "stop it, or "+other)
	}
	return hint.With(fmt.Errorf("%w by a process of another user", err), "find it with ss -ltnp as root, or "+other)
}

// neighbour finds the service, among those kept beside this one, whose
// supervisor has the port.
func neighbour(s state, port int) (dir, name string) {
	others, err := filepath.Glob(filepath.Join(filepath.Dir(string(s)), "*", "control", "supervisor.json"))
	if err != nil {
		return "", ""
	}
	for _, path := range others {
		other := state(filepath.Dir(filepath.Dir(path)))
		var f serviceFile
		info, alive := supervisorOf(other)
		if alive && info.Port == port && readJSON(other.service(), &f) == nil {
			return f.Directory, f.Name
		}
	}
	return "", ""
}

// freePort picks a port for a process to listen on. It lies below the ports
// that the system gives to outgoing connections, of which the proxy makes many.
func freePort() (int, error) {
	for range 100 {
		port := 20000 + rand.IntN(12000) // #nosec G404 -- a port is no secret
		l, err := listen(port)
		if err != nil {
			continue
		}
		return port, l.Close()
	}
	return 0, errors.New("finding a free port from 20000 to 31999: a hundred tries found none")
}
