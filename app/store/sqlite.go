package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"path/filepath"
	"runtime"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// OpenSQLite opens the database file, makes it when it is not there, and
// brings its tables up to date. Several processes may have it open.
func OpenSQLite(ctx context.Context, file string, o Options) (*Store, error) {
	s, err := openSQLite(ctx, file, o.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("opening the database %s: %w", file, err)
	}
	return s, nil
}

func openSQLite(ctx context.Context, file string, o Options) (*Store, error) {
	file, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	if err := migrateSQLite(ctx, file); err != nil {
		return nil, err
	}
	db, err := newSQLite(ctx, file)
	if err != nil {
		return nil, err
	}
	return &Store{options: o, db: db, ready: isReady()}, nil
}

// MigrateSQLite makes the database file when it is not there, and brings its
// tables up to date.
func MigrateSQLite(ctx context.Context, file string) error {
	abs, err := filepath.Abs(file)
	if err == nil {
		err = migrateSQLite(ctx, abs)
	}
	if err != nil {
		return fmt.Errorf("migrating the database %s: %w", file, err)
	}
	return nil
}

// lite is an engine of SQLite. Reading and writing have pools of their own,
// since SQLite has one writer at a time, which readers need not wait for.
type lite struct {
	read  *sql.DB
	stmts [readers]*sql.Stmt
	free  chan struct{} // has room for as many readers as the pool
	write *group
}

func newSQLite(ctx context.Context, file string) (_ *lite, err error) {
	size := max(4, runtime.GOMAXPROCS(0))
	l := &lite{free: make(chan struct{}, size)}
	if l.read, err = pool(dsn(file, url.Values{"_query_only": {"on"}}), size); err != nil {
		return nil, err
	}
	sqls := texts("INDEXED BY $1")
	for s := range readers {
		if l.stmts[s], err = l.read.PrepareContext(ctx, sqls[s]); err != nil {
			return nil, errors.Join(err, l.read.Close())
		}
	}
	write, err := pool(dsn(file, url.Values{"_txlock": {"immediate"}}), 1)
	if err != nil {
		return nil, errors.Join(err, l.read.Close())
	}
	if l.write, err = newGroup(ctx, write, sqls); err != nil {
		return nil, errors.Join(err, write.Close(), l.read.Close())
	}
	return l, nil
}

// query waits for its turn as long as the context allows. Reading itself is
// not cancelled: no statement reads more than some hundred rows, no writer holds
// it up, and watching the context would take longer than the reading does.
func (l *lite) query(ctx context.Context, s statement, args ...any) (*sql.Rows, error) {
	select {
	case l.free <- struct{}{}:
		defer func() { <-l.free }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return l.stmts[s].Query(args...)
}

func (l *lite) change(ctx context.Context, s statement, args ...any) (outcome, error) {
	return l.write.change(ctx, s, args...)
}

func (l *lite) add(ctx context.Context, list, text string, limit int) (outcome, error) {
	return l.write.change(ctx, insert, list, text, list, limit-1)
}

func (l *lite) pools() map[string]*sql.DB {
	return map[string]*sql.DB{"read": l.read, "write": l.write.db}
}

func (l *lite) close() error {
	return errors.Join(l.write.close(), l.read.Close())
}

// The times of migrating: how long a start may wait for other instances that
// migrate, and how often it looks.
const (
	migrateLimit = time.Minute
	migrateRetry = 20 * time.Millisecond
)

// migrateSQLite tries again while others are at it. SQLite's own waiting does
// not do for a new file: switching to WAL is refused at once when several try.
func migrateSQLite(ctx context.Context, file string) error {
	ctx, cancel := context.WithTimeout(ctx, migrateLimit)
	defer cancel()
	retry := time.NewTicker(migrateRetry)
	defer retry.Stop()
	for {
		err := migrateOnce(ctx, file)
		if !busy(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-retry.C:
		}
	}
}

func migrateOnce(ctx context.Context, file string) (err error) {
	db, err := pool(dsn(file, url.Values{"_txlock": {"immediate"}}), 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	files, err := fs.Sub(embedded, "migrations/sqlite")
	if err != nil {
		return err
	}
	return migrateAll(ctx, db, files)
}

// migrateAll brings the tables up to date, all of the way or not at all. The
// transaction holds the database's write lock from its start, so that of
// several processes that start at once one migrates and the others find it done.
func migrateAll(ctx context.Context, db *sql.DB, files fs.FS) error {
	all, err := migrations(files)
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("starting migrations: %w", err)
	}
	if err := apply(ctx, tx, all, func(error) bool { return false }); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("committing migrations: %w", err)
	}
	return nil
}

// busy tells whether the database was locked by another connection. Extended
// codes have the primary one in their low byte.
func busy(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_BUSY
}

func pool(dsn string, size int) (*sql.DB, error) {
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return db, nil
}

// dsn names the file with the settings that each of its connections starts
// with. A PRAGMA that is sent to a pool would reach one connection only.
//
// synchronous=FULL puts an answered write on the disk, not only in the
// system's memory. The busy timeout is below the limit of a call, so that a
// database that stays busy is reported as just that.
func dsn(file string, more url.Values) string {
	q := url.Values{
		"_busy_timeout": {"1500"},
		"_journal_mode": {"WAL"},
		"_synchronous":  {"FULL"},
		"_foreign_keys": {"on"},
		"_defensive":    {"true"},
		"_dqs":          {"false"},
		"_error_rc":     {"true"},
		"_pragma":       {"cache_size(-1024)", "temp_store(MEMORY)", "trusted_schema(OFF)"},
	}
	maps.Copy(q, more)
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(file), RawQuery: q.Encode()}).String()
}
