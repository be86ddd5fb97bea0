// Package mariadbtest runs a MariaDB server for tests: a private one, in a
// temporary folder, on loopback and a Unix socket, that can be killed and frozen.
package mariadbtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
)

// remedy is what a machine without the server needs.
const remedy = "MariaDB is not installed (Debian: apt-get install mariadb-server)"

// patience is how long a server may take to start on a busy machine.
const patience = 2 * time.Minute

// Config tells how a client reaches a database of a server.
type Config struct {
	Socket   string // of Unix
	Addr     string // host:port, without TLS
	User     string // may do everything
	Password string
	Database string // empty when it was made
}

// Server is a running server.
type Server struct {
	dir     string
	daemon  string
	config  Config
	process *process
	next    atomic.Int64
}

// Start starts a server that ends with the test. It skips the test when MariaDB
// is not installed, but fails it when CI=true.
func Start(t testing.TB) *Server {
	t.Helper()
	s, err := New()
	if errors.Is(err, exec.ErrNotFound) {
		Missing(t)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Missing ends a test that needs a server that is not installed.
func Missing(t testing.TB) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(remedy)
	}
	t.Skip(remedy)
}

// New starts a server, which [Server.Close] ends. The error wraps
// [exec.ErrNotFound] when MariaDB is not installed.
func New() (_ *Server, err error) {
	daemon, err := find("mariadbd")
	if err != nil {
		return nil, err
	}
	install, err := find("mariadb-install-db")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "mariadb") // short: a socket's path has at most 107 bytes
	if err != nil {
		return nil, err
	}
	s := &Server{dir: dir, daemon: daemon}
	if err := errors.Join(os.Mkdir(s.temporary(), 0o700), s.install(install), s.secure()); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if err := s.start(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// find looks where daemons are, too: PATH often lacks it.
func find(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	if path, e := exec.LookPath(filepath.Join("/usr/sbin", name)); e == nil {
		return path, nil
	}
	return "", err
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) temporary() string { return filepath.Join(s.dir, "tmp") }

// env gives each server temporary files of its own: when it starts, it removes
// all that look like temporary tables, those of other servers too.
func (s *Server) env() []string { return append(os.Environ(), "TMPDIR="+s.temporary()) }

func (s *Server) install(program string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	args := []string{"--no-defaults", "--datadir=" + s.data(), "--auth-root-authentication-method=normal",
		"--skip-test-db", "--skip-name-resolve", "--innodb-log-file-size=16M"}
	cmd := exec.CommandContext(ctx, program, append(args, asRoot()...)...) // #nosec G204 -- programs of MariaDB, in a folder of the test
	cmd.Env = s.env()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("making the data of MariaDB: %w\n%s", err, out)
	}
	return nil
}

// asRoot: the server refuses to run as root unless that is asked for.
func asRoot() []string {
	if os.Getuid() == 0 {
		return []string{"--user=root"}
	}
	return nil
}

// secure chooses an address and makes the user that tests connect as.
func (s *Server) secure() error {
	addr, err := address()
	if err != nil {
		return err
	}
	s.config = Config{
		Socket: filepath.Join(s.dir, "socket"), Addr: addr,
		User: "tester", Password: rand.Text(), Database: "mysql",
	}
	grant := fmt.Sprintf("CREATE OR REPLACE USER tester@'%%' IDENTIFIED BY '%s';\nGRANT ALL ON *.* TO tester@'%%' WITH GRANT OPTION;\n"+
		"ALTER USER root@localhost IDENTIFIED BY '%[1]s';\n", s.config.Password)
	return os.WriteFile(filepath.Join(s.dir, "init.sql"), []byte(grant), 0o600)
}

// address is one that stays free while the server is down: a port that was free
// a moment ago may be anybody's connection by then. Linux has 16 million
// addresses of loopback, and no connection begins at one of these by itself.
func address() (string, error) {
	if runtime.GOOS == "linux" {
		var b [3]byte
		_, _ = rand.Read(b[:]) // never fails: it ends the program instead
		return fmt.Sprintf("127.%d.%d.%d:23306", 1+b[0]%254, b[1], 1+b[2]%254), nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (s *Server) start() error {
	host, port, err := net.SplitHostPort(s.config.Addr)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // the server has its own
	args := []string{"--no-defaults", "--datadir=" + s.data(), "--socket=" + s.config.Socket, "--pid-file=" + filepath.Join(s.dir, "pid"),
		"--bind-address=" + host, "--port=" + port, "--skip-name-resolve", "--init-file=" + filepath.Join(s.dir, "init.sql"),
		"--innodb-buffer-pool-size=64M", "--innodb-log-file-size=16M", "--performance-schema=OFF"}
	cmd := exec.Command(s.daemon, append(args, asRoot()...)...) // #nosec G204 -- the same
	cmd.Stdout, cmd.Stderr, cmd.Env = log, log, s.env()
	if s.process, err = startProcess(cmd); err != nil {
		return fmt.Errorf("starting MariaDB: %w", err)
	}
	return s.wait()
}

// wait returns once the server answers.
func (s *Server) wait() error {
	db, err := s.open("mysql")
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // nothing was written
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		err := db.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-s.process.ended:
			return fmt.Errorf("MariaDB ended: %w\n%s", err, s.log())
		case <-ctx.Done():
			return fmt.Errorf("waiting for MariaDB: %w\n%s", err, s.log())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *Server) log() string {
	text, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (s *Server) open(database string) (*sql.DB, error) {
	c := mysql.NewConfig()
	c.Net, c.Addr, c.DBName = "unix", s.config.Socket, database
	c.User, c.Passwd = s.config.User, s.config.Password
	c.Logger, c.MultiStatements = &mysql.NopLogger{}, true
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// NewDatabase makes an empty database.
func (s *Server) NewDatabase(t testing.TB) Config {
	t.Helper()
	c := s.config
	c.Database = "test" + strconv.FormatInt(s.next.Add(1), 10)
	s.DB(t, "mysql", "CREATE DATABASE "+c.Database)
	return c
}

// DB connects to a database as another program would, and runs statements.
func (s *Server) DB(t testing.TB, database string, statements ...string) *sql.DB {
	t.Helper()
	db, err := s.open(database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() }) // the server may be gone
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", strings.TrimSpace(statement), err)
		}
	}
	return db
}

// Kill ends the server as a loss of power would, but for what the system has in memory.
func (s *Server) Kill() error {
	err := s.process.signal(syscall.SIGKILL)
	<-s.process.ended
	return err
}

// Freeze stops the server without ending it: its connections stay open.
func (s *Server) Freeze() error {
	return errors.Join(s.process.signal(syscall.SIGSTOP), s.process.stopped())
}

// Thaw lets a frozen server go on, and returns once it answers.
func (s *Server) Thaw() error {
	if err := s.process.signal(syscall.SIGCONT); err != nil {
		return err
	}
	return s.wait()
}

// Restart starts a server that was killed, and returns once it answers.
func (s *Server) Restart() error { return s.start() }

// Close ends the server and removes its data.
func (s *Server) Close() error {
	var err error
	if s.process != nil {
		err = s.Kill()
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}
