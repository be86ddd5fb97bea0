package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"runtime"

	"modernc.org/sqlite" // also the driver named "sqlite"
)

// OpenSQLite opens the database file, makes it when it is not there, and
// brings its tables up to date. Several processes may have it open.
func OpenSQLite(ctx context.Context, file string, o Options) (*Store, error) {
	file, err := filepath.Abs(file)
	if err != nil {
		return nil, fmt.Errorf("opening the database: %w", err)
	}
	write, err := pool(dsn(file, "_txlock", "immediate"), 1)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", file, err)
	}
	if err := migrate(ctx, write, "migrations/sqlite"); err != nil {
		return nil, errors.Join(fmt.Errorf("opening %s: %w", file, err), write.Close())
	}
	read, err := pool(dsn(file, "_query_only", "on"), max(4, runtime.GOMAXPROCS(0)))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening %s: %w", file, err), write.Close())
	}
	return &Store{options: o.withDefaults(), read: read, write: write}, nil
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
func dsn(file string, more ...string) string {
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
	for i := 0; i < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(file), RawQuery: q.Encode()}).String()
}
