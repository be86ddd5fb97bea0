package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

//go:embed migrations
var embedded embed.FS

// migration is one step of the tables' history. Versions that this program
// does not know are left alone: migrations only add, so that an older program
// runs on newer tables.
type migration struct {
	version    int
	name       string
	statements []string
}

// migrations reads the files NNNN_name.sql in the order of their versions.
func migrations(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "*.sql") // sorted
	if err != nil {
		return nil, err
	}
	all := make([]migration, len(names))
	for i, name := range names {
		if all[i], err = readMigration(files, name); err != nil {
			return nil, fmt.Errorf("migration %s: %w", name, err)
		}
	}
	return all, nil
}

func readMigration(files fs.FS, name string) (migration, error) {
	number, title, _ := strings.Cut(strings.TrimSuffix(name, ".sql"), "_")
	version, err := strconv.Atoi(number)
	if err != nil {
		return migration{}, err
	}
	text, err := fs.ReadFile(files, name)
	return migration{version, title, split(string(text))}, err
}

// split takes a file apart: a statement ends with a semicolon at the end of a line.
func split(text string) (statements []string) {
	for s := range strings.SplitSeq(text, ";\n") {
		if s = strings.TrimSpace(s); s != "" {
			statements = append(statements, s)
		}
	}
	return statements
}

// session is a connection or transaction that migrates.
type session interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// pending returns the migrations that the table of migrations does not have.
func pending(ctx context.Context, db session, all []migration) (left []migration, err error) {
	done, err := applied(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("reading the table of migrations: %w", err)
	}
	for _, m := range all {
		if !done[m.version] {
			left = append(left, m)
		}
	}
	return left, nil
}

func applied(ctx context.Context, db session) (map[int]bool, error) {
	rows, err := db.QueryContext(ctx, `SELECT version FROM schema_migrations`)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err has told
	done := map[int]bool{}
	for rows.Next() {
		var v int
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		done[v] = true
	}
	return done, rows.Err()
}

// apply runs the migrations that are pending and records them. An error that
// was says that a statement had been run before is none.
func apply(ctx context.Context, db session, all []migration, was func(error) bool) error {
	const table = `CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER PRIMARY KEY, name VARCHAR(100) NOT NULL)`
	if _, err := db.ExecContext(ctx, table); err != nil {
		return fmt.Errorf("making the table of migrations: %w", err)
	}
	left, err := pending(ctx, db, all)
	if err != nil {
		return err
	}
	for _, m := range left {
		if err := m.apply(ctx, db, was); err != nil {
			return fmt.Errorf("migration %d, %s: %w", m.version, m.name, err)
		}
	}
	return nil
}

func (m migration) apply(ctx context.Context, db session, was func(error) bool) error {
	for _, s := range m.statements {
		if _, err := db.ExecContext(ctx, s); err != nil && !was(err) {
			return err
		}
	}
	_, err := db.ExecContext(ctx, `INSERT INTO schema_migrations (version, name) VALUES (?, ?)`, m.version, m.name)
	return err
}
