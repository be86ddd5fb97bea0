// Package testdb starts the databases that a service's tests ask for: outside of
// what tests can write to, and within what the process that runs them is confined
// to.
package testdb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/sluice-ci/sluice/internal/command"
	"github.com/sluice-ci/sluice/internal/hint"
)

// MySQL is the service that tests can ask for: a MariaDB server of this run's own,
// which listens on a Unix socket only. Tests find the socket in the variable
// MYSQL_UNIX_PORT, which MySQL's own clients read, and in SLUICE_MYSQL_DSN the
// data source name of an empty database: "root@unix(SOCKET)/test".
const MySQL = "mysql"

// findServer finds a program of MariaDB's, also where daemons are: PATH often lacks it.
func findServer(name string) (string, error) {
	for _, path := range []string{name, "/usr/sbin/" + name, "/usr/local/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found, nil
		}
	}
	return "", hint.With(fmt.Errorf("the tests ask for %s (sluice.yaml: test: services), and there is no %s here", MySQL, name), "install MariaDB: apt-get install mariadb-server")
}

// Start starts the services, in a folder that it makes. env is how tests reach
// them; stop ends them, and its error is one that ended before.
func Start(ctx context.Context, services []string, dir string, log io.Writer) (env map[string]string, stop func() error, err error) {
	if len(services) == 0 {
		return nil, func() error { return nil }, nil
	}
	s := server{dir: dir, log: log}
	if err := s.install(ctx); err != nil {
		return nil, nil, err
	}
	if stop, err = s.start(ctx); err != nil {
		return nil, nil, err
	}
	return map[string]string{"MYSQL_UNIX_PORT": s.socket(), "SLUICE_MYSQL_DSN": "root@unix(" + s.socket() + ")/test"}, stop, nil
}

// server is a MariaDB server.
type server struct {
	dir string
	log io.Writer
}

func (s server) socket() string { return filepath.Join(s.dir, "socket") }

// install makes a server's data.
func (s server) install(ctx context.Context) error {
	program, err := findServer("mariadb-install-db")
	if err != nil {
		return err
	}
	tmp := filepath.Join(s.dir, "tmp")
	if err := os.MkdirAll(tmp, 0o700); err != nil {
		return fmt.Errorf("making a folder for %s: %w", MySQL, err)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "init.sql"), []byte("CREATE DATABASE IF NOT EXISTS test;\n"), 0o600); err != nil {
		return err
	}
	err = s.run(ctx, program, s.log, "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve")
	if err != nil {
		return fmt.Errorf("making the data of %s: %w", MySQL, err)
	}
	return nil
}

// run runs a program of MariaDB's with what is the same for all.
func (s server) run(ctx context.Context, program string, log io.Writer, args ...string) error {
	all := append([]string{"--no-defaults", "--datadir=" + filepath.Join(s.dir, "data"), "--innodb-log-file-size=16M"}, args...)
	if os.Geteuid() == 0 {
		all = append(all, "--user=root") // it refuses to run as root unasked
	}
	env := []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + filepath.Join(s.dir, "tmp"), "LANG=C.UTF-8"}
	return command.Run(ctx, command.Spec{Path: program, Args: all, Dir: s.dir, Env: env, Stderr: log})
}

// start returns when the server takes connections.
func (s server) start(ctx context.Context) (stop func() error, err error) {
	program, err := findServer("mariadbd")
	if err != nil {
		return nil, err
	}
	ctx, end := context.WithCancelCause(ctx)
	log := &awaited{w: s.log, want: []byte("ready for connections"), seen: make(chan struct{})}
	ended := make(chan error, 1)
	go func() {
		ended <- s.run(ctx, program, log, "--socket="+s.socket(), "--pid-file="+filepath.Join(s.dir, "pid"), "--skip-networking", "--skip-name-resolve",
			"--init-file="+filepath.Join(s.dir, "init.sql"), "--innodb-buffer-pool-size=64M", "--performance-schema=OFF")
	}()
	select {
	case <-log.seen:
	case err := <-ended:
		end(nil)
		return nil, hint.With(fmt.Errorf("starting %s: %w", MySQL, err), "see the log of the stage")
	}
	return func() error {
		end(errDone)
		if err := <-ended; !errors.Is(err, errDone) {
			return fmt.Errorf("%s ended before the tests did: %w", MySQL, err)
		}
		return nil
	}, nil
}

var errDone = errors.New("the tests have ended")

// awaited passes a log on and tells when a text was in it.
type awaited struct {
	w    io.Writer
	want []byte
	last []byte // the end of what was written, which may be the beginning of the text
	seen chan struct{}
	done bool
}

func (a *awaited) Write(p []byte) (int, error) {
	if !a.done {
		a.last = append(a.last, p...)
		if a.done = bytes.Contains(a.last, a.want); a.done {
			close(a.seen)
		}
		a.last = a.last[max(0, len(a.last)-len(a.want)):]
	}
	return a.w.Write(p)
}

// Facts are what of a service decides the results of tests.
func Facts(services []string) map[string]string {
	if len(services) == 0 {
		return nil
	}
	path, err := findServer("mariadbd")
	if err != nil {
		return map[string]string{MySQL: "missing"}
	}
	info, err := os.Stat(path)
	if err != nil {
		return map[string]string{MySQL: strings.TrimSpace(err.Error())}
	}
	return map[string]string{MySQL: fmt.Sprint(path, " ", info.Size(), " ", info.ModTime().UnixNano())}
}
