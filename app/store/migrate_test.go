package store_test

import (
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	todo "github.com/sluice-ci/sluice/app"
	"github.com/sluice-ci/sluice/app/store"
)

// original is the table of the first version of this service, as its object
// mapper makes it, with rows.
func original(kind, table string) []string {
	create := `CREATE TABLE todos (id INTEGER NOT NULL, text VARCHAR(200), complete BOOLEAN, PRIMARY KEY (id))`
	if kind == "mysql" {
		create = `CREATE TABLE todos (id INTEGER NOT NULL AUTO_INCREMENT, text VARCHAR(200), complete BOOL, PRIMARY KEY (id))` + table
	}
	return []string{create, `INSERT INTO todos (text, complete) VALUES ('milk', 0), ('bréad', 1), (NULL, NULL)`}
}

func TestTableOfTheOriginalIsAdopted(t *testing.T) {
	for _, table := range []string{"", " CHARACTER SET latin1", " CHARACTER SET utf8mb3", " CHARACTER SET utf8mb4"} {
		t.Run(table, func(t *testing.T) {
			each(t, func(t *testing.T, d database) {
				db := d.raw(t, original(d.kind, table)...)
				s := d.open(t, store.Options{})
				want := []todo.Item{{ID: 3}, {ID: 2, Text: "bréad", Complete: true}, {ID: 1, Text: "milk"}}
				got := newest(t, s, "")
				if diff := cmp.Diff(todo.Page{Items: want, Counts: todo.Counts{Open: 2, Done: 1}}, got); diff != "" {
					t.Errorf("adopted rows (-want +got):\n%s", diff)
				}
				open := query(t, s, "", todo.Query{Show: todo.ShowOpen})
				want = []todo.Item{want[0], want[2]}
				if diff := cmp.Diff(todo.Page{Items: want, Counts: got.Counts}, open); diff != "" {
					t.Errorf("open rows (-want +got):\n%s", diff)
				}
				add(t, s, "", strings.Repeat("🪴", todo.MaxText))
				// What the original does still works beside this version.
				exec1(t, db, `INSERT INTO todos (text, complete) VALUES (?, ?)`, "eggs", false)
				exec1(t, db, `UPDATE todos SET complete=? WHERE todos.id = ?`, true, 1)
				p := newest(t, s, "")
				if p.Items[0].Text != "eggs" || !p.Items[4].Complete || p.Items[1].Text != strings.Repeat("🪴", todo.MaxText) {
					t.Errorf("list is %v, want what the original wrote in it", p)
				}
				exec1(t, db, `INSERT INTO todos (text, complete) VALUES (NULL, NULL)`)
				if p := newest(t, s, ""); p.Items[0] != (todo.Item{ID: p.Items[0].ID}) || p.Counts.Done != 2 {
					t.Errorf("a row without anything in it is %v", p.Items[0])
				}
			})
		})
	}
}

// TestVersionBefore runs the statements of the version before on this
// version's tables, in which lists came without filters.
func TestVersionBefore(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		s := d.open(t, store.Options{})
		db := d.raw(t)
		exec1(t, db, `INSERT INTO todos (list, text, complete)
			SELECT ?, ?, FALSE FROM (SELECT 1) AS one WHERE (SELECT COUNT(*) FROM (SELECT id FROM todos WHERE list = ?) AS h) < ?`, "a", "x", "a", 1000)
		item := newest(t, s, "a").Items[0]
		exec1(t, db, `UPDATE todos SET complete = TRUE WHERE list = ? AND id = ?`, "a", item.ID)
		var got todo.Item
		row := db.QueryRowContext(t.Context(), `SELECT id, COALESCE(text, ''), COALESCE(complete, FALSE) FROM todos
			WHERE list = ? AND id < ? ORDER BY id DESC LIMIT ?`, "a", item.ID+1, 101)
		must(t, row.Scan(&got.ID, &got.Text, &got.Complete))
		want := todo.Item{ID: item.ID, Text: "x", Complete: true}
		if got != want || newest(t, s, "a").Items[0] != want {
			t.Errorf("the version before reads %v, want %v", got, want)
		}
		var n int
		must(t, db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM schema_migrations LIMIT 1`).Scan(&n))
	})
}

func TestSeveralStartAtOnce(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		stores := make([]*store.Store, 8)
		var wg sync.WaitGroup
		for i := range stores {
			wg.Go(func() { stores[i] = d.open(t, store.Options{}) })
		}
		wg.Wait()
		if t.Failed() {
			return
		}
		add(t, stores[0], "a", "x")
		if got := newest(t, stores[7], "a").Items; len(got) != 1 {
			t.Errorf("another instance sees %v", got)
		}
	})
}

func TestNewerTablesAreLeftAlone(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		d.open(t, store.Options{})
		d.raw(t, `ALTER TABLE todos ADD COLUMN due DATE`, `INSERT INTO schema_migrations VALUES (9999, 'due')`)
		add(t, d.open(t, store.Options{}), "a", "x")
	})
}

// TestMigrationsThatWereCutOff forgets that migrations were run, as one does who is
// killed between a statement that commits by itself and the record of it.
func TestMigrationsThatWereCutOff(t *testing.T) {
	t.Parallel()
	for _, forget := range []string{
		`DROP TABLE schema_migrations`, `DELETE FROM schema_migrations`,
		`DELETE FROM schema_migrations WHERE version > 1`, `DELETE FROM schema_migrations WHERE version > 2`,
	} {
		t.Run(forget, func(t *testing.T) {
			t.Parallel()
			server := server(t)
			c := server.NewDatabase(t)
			item := add(t, openMySQL(t, c, store.Options{}), "a", "x")
			db := server.DB(t, c.Database, forget)
			must(t, store.MigrateMySQL(t.Context(), settings(c)))
			s := openMySQL(t, c, store.Options{})
			if diff := cmp.Diff([]todo.Item{item}, query(t, s, "a", todo.Query{Show: todo.ShowOpen}).Items); diff != "" {
				t.Errorf("items (-want +got):\n%s", diff)
			}
			var n int
			must(t, db.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM schema_migrations`).Scan(&n))
			if n != 3 {
				t.Errorf("%d migrations are recorded, want 3", n)
			}
		})
	}
}

// TestMigrateFirst has migrations run as a step of their own, and the service as
// a user that may not change tables.
func TestMigrateFirst(t *testing.T) {
	t.Parallel()
	server := server(t)
	c := server.NewDatabase(t)
	for range 2 { // the second time there is nothing to do
		must(t, store.MigrateMySQL(t.Context(), settings(c)))
	}
	user := "u" + c.Database
	server.DB(t, "mysql", `CREATE USER `+user+` IDENTIFIED BY '`+c.Password+`'`,
		`GRANT SELECT, INSERT, UPDATE, DELETE ON `+c.Database+`.* TO `+user)
	c.User = user
	add(t, openMySQL(t, c, store.Options{}), "a", "x")

	file := filepath.Join(t.TempDir(), "todo.db")
	for range 2 {
		must(t, store.MigrateSQLite(t.Context(), file))
	}
	add(t, open(t, file, store.Options{}), "a", "x")
	if err := store.MigrateSQLite(t.Context(), filepath.Join(file, "x")); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("migrating a file that cannot be: %v, want an error that names it", err)
	}
}

func TestPingNeedsTheTables(t *testing.T) {
	each(t, func(t *testing.T, d database) {
		s := d.open(t, store.Options{})
		must(t, s.Ping(t.Context()))
		d.raw(t, `DROP TABLE schema_migrations`)
		if err := s.Ping(t.Context()); err == nil || errors.Is(err, store.ErrNotReady) {
			t.Errorf("a database without tables answers a ping with %v", err)
		}
	})
}
