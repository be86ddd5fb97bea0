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
	write, err := pool(dsn(file, url.Values{"_txlock": {"immediate"}}), 1)
	if err != nil {
		return nil, err
	}
	read, err := pool(dsn(file, url.Values{"_query_only": {"on"}}), max(4, runtime.GOMAXPROCS(0)))
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	return &Store{options: o, read: read, write: write}, nil
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
	files, err := fs.Sub(migrations, "migrations/sqlite")
	if err != nil {
		return err
	}
	return migrate(ctx, db, files)
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
		"_pragma":       {"temp_store(MEMORY)", "trusted_schema(OFF)"},
	}
	maps.Copy(q, more)
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(file), RawQuery: q.Encode()}).String()
}
