package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

//go:embed migrations
var migrations embed.FS

// migrate brings the tables up to date, all of the way or not at all. The
// transaction holds the database's write lock from its start, so that of
// several processes that start at once one migrates and the others find it done.
// Versions that this program does not know are left alone: migrations only
// add, so that an older program runs on newer tables.
func migrate(ctx context.Context, db *sql.DB, files fs.FS) (err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("starting migrations: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	if err := apply(ctx, tx, files); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("committing migrations: %w", err)
	}
	return nil
}

func apply(ctx context.Context, tx *sql.Tx, files fs.FS) error {
	const table = `CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER PRIMARY KEY, name VARCHAR(100) NOT NULL)`
	if _, err := tx.ExecContext(ctx, table); err != nil {
		return fmt.Errorf("making the table of migrations: %w", err)
	}
	done, err := applied(ctx, tx)
	if err != nil {
		return err
	}
	entries, err := fs.ReadDir(files, ".") // sorted by name, so by version
	if err != nil {
		return fmt.Errorf("reading migrations: %w", err)
	}
	for _, e := range entries {
		if err := applyFile(ctx, tx, files, e.Name(), done); err != nil {
			return fmt.Errorf("migration %s: %w", e.Name(), err)
		}
	}
	return nil
}

func applied(ctx context.Context, tx *sql.Tx) (map[int]bool, error) {
	rows, err := tx.QueryContext(ctx, `SELECT version FROM schema_migrations`)
	if err != nil {
		return nil, fmt.Errorf("reading the table of migrations: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err has told
	done := map[int]bool{}
	for rows.Next() {
		var v int
		if err := rows.Scan(&v); err != nil {
			return nil, fmt.Errorf("reading the table of migrations: %w", err)
		}
		done[v] = true
	}
	return done, rows.Err()
}

// applyFile runs the statements of NNNN_name.sql, unless that was done before.
func applyFile(ctx context.Context, tx *sql.Tx, files fs.FS, name string, done map[int]bool) error {
	number, title, _ := strings.Cut(strings.TrimSuffix(name, ".sql"), "_")
	version, err := strconv.Atoi(number)
	if err != nil || done[version] {
		return err
	}
	statements, err := fs.ReadFile(files, name)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, string(statements)); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO schema_migrations (version, name) VALUES (?, ?)`, version, title)
	return err
}
