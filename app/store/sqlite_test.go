package store

import (
	"database/sql"
	"net/url"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// TestEveryConnectionIsSetUp holds all connections of a pool at once: a setting
// that only the first has would be missed else.
func TestEveryConnectionIsSetUp(t *testing.T) {
	t.Parallel()
	s, err := OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "todo.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for name, db := range map[string]*sql.DB{"read": s.Pools()["read"], "write": s.Pools()["write"]} {
		want := map[string]string{
			"journal_mode": "wal", "synchronous": "2", "busy_timeout": "1500", "foreign_keys": "1",
			"temp_store": "2", "trusted_schema": "0", "query_only": map[string]string{"read": "1", "write": "0"}[name],
		}
		for range db.Stats().MaxOpenConnections {
			conn, err := db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close() //nolint:errcheck // only held
			got := map[string]string{}
			for pragma := range want {
				var value string
				if err := conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&value); err != nil {
					t.Fatal(err)
				}
				got[pragma] = value
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s connection (-want +got):\n%s", name, diff)
			}
		}
	}
}

func TestMigrationsAreAllOrNothing(t *testing.T) {
	t.Parallel()
	db, err := pool(dsn(filepath.Join(t.TempDir(), "todo.db"), url.Values{"_txlock": {"immediate"}}), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	files := fstest.MapFS{
		"0001_good.sql":   {Data: []byte("CREATE TABLE good (x)")},
		"0002_broken.sql": {Data: []byte("CREATE TABLE half (x);\nCREATE TABLE (")},
	}
	if err := migrateAll(t.Context(), db, files); err == nil {
		t.Fatal("a broken migration was applied")
	}
	if diff := cmp.Diff([]string(nil), tables(t, db)); diff != "" {
		t.Errorf("tables after a broken migration (-want +got):\n%s", diff)
	}
	files["0002_broken.sql"].Data = []byte("CREATE TABLE half (x)")
	for range 2 { // the second time there is nothing to do
		if err := migrateAll(t.Context(), db, files); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"good", "half", "schema_migrations"}, tables(t, db)); diff != "" {
		t.Errorf("tables (-want +got):\n%s", diff)
	}
	files["other.sql"] = &fstest.MapFile{}
	if err := migrateAll(t.Context(), db, files); err == nil {
		t.Error("a migration without a number was let pass")
	}
}

func tables(t *testing.T, db *sql.DB) (names []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), `SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return names
}
