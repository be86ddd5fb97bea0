package store_test

import (
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	todo "github.com/sluice-ci/sluice/app"
	"github.com/sluice-ci/sluice/app/internal/mariadbtest"
	"github.com/sluice-ci/sluice/app/store"
)

// patient is a limit that a busy machine does not reach.
const patient = time.Minute

// shared is a server for the tests that only need a database of their own.
var shared = sync.OnceValues(mariadbtest.New)

func TestMain(m *testing.M) {
	if os.Getenv(writerFile) != "" {
		os.Exit(writeUntilKilled())
	}
	code := m.Run()
	if s, err := shared(); err == nil {
		_ = s.Close()
	}
	os.Exit(code)
}

func server(t testing.TB) *mariadbtest.Server {
	t.Helper()
	s, err := shared()
	if errors.Is(err, exec.ErrNotFound) {
		mariadbtest.Missing(t)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// database is an empty database of some kind.
type database struct {
	kind string
	open func(t testing.TB, o store.Options) *store.Store
	raw  func(t testing.TB, statements ...string) *sql.DB // as another program would
}

// each runs a test on every kind of database.
func each(t *testing.T, test func(t *testing.T, d database)) {
	t.Parallel()
	for kind, fresh := range map[string]func(testing.TB) database{"sqlite": sqlite, "mysql": mariadb} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(t, fresh(t))
		})
	}
}

func sqlite(t testing.TB) database {
	file := filepath.Join(t.TempDir(), "todo.db")
	return database{
		kind: "sqlite",
		open: func(t testing.TB, o store.Options) *store.Store { return open(t, file, o) },
		raw: func(t testing.TB, statements ...string) *sql.DB {
			db := raw(t, file)
			for _, s := range statements {
				exec1(t, db, s)
			}
			return db
		},
	}
}

func mariadb(t testing.TB) database {
	s := server(t)
	c := s.NewDatabase(t)
	return database{
		kind: "mysql",
		open: func(t testing.TB, o store.Options) *store.Store { return openMySQL(t, c, o) },
		raw: func(t testing.TB, statements ...string) *sql.DB {
			return s.DB(t, c.Database, statements...)
		},
	}
}

func settings(c mariadbtest.Config) store.MySQL {
	return store.MySQL{Host: c.Socket, PlainText: true, User: c.User, Password: c.Password, Database: c.Database}
}

func open(t testing.TB, file string, o store.Options) *store.Store {
	t.Helper()
	if o.Limit == 0 {
		o.Limit = patient
	}
	s, err := store.OpenSQLite(t.Context(), file, o)
	if err != nil {
		t.Fatal(err)
	}
	closed(t, s)
	return s
}

func openMySQL(t testing.TB, c mariadbtest.Config, o store.Options) *store.Store {
	t.Helper()
	if o.Limit == 0 {
		o.Limit = patient
	}
	s, err := store.OpenMySQL(settings(c), o)
	if err != nil {
		t.Fatal(err)
	}
	closed(t, s)
	ready(t, s)
	return s
}

func closed(t testing.TB, s *store.Store) {
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// ready waits until the store has its tables.
func ready(t testing.TB, s *store.Store) {
	t.Helper()
	eventually(t, func() error { return s.Ping(t.Context()) })
}

// eventually waits until something works; a busy machine may take its time.
func eventually(t testing.TB, f func() error) {
	t.Helper()
	deadline := time.Now().Add(patient)
	err := f()
	for ; err != nil && time.Now().Before(deadline); err = f() {
		time.Sleep(time.Millisecond) // between looks
	}
	if err != nil {
		t.Fatal(err)
	}
}

// raw opens the file as another program would.
func raw(t testing.TB, file string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func exec1(t testing.TB, db *sql.DB, statement string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func add(t testing.TB, s *store.Store, list todo.ListID, text string) todo.Item {
	t.Helper()
	item, err := s.Add(t.Context(), list, text)
	if err != nil {
		t.Fatal(err)
	}
	return item
}

func newest(t testing.TB, s *store.Store, list todo.ListID) todo.Page {
	t.Helper()
	return query(t, s, list, todo.Query{})
}

func query(t testing.TB, s *store.Store, list todo.ListID, q todo.Query) todo.Page {
	t.Helper()
	page, err := s.Page(t.Context(), list, q)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
