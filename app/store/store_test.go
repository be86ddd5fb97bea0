package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	todo "github.com/sluice-ci/sluice/app"
	"github.com/sluice-ci/sluice/app/store"
)

// patient is a limit that a busy disk does not reach.
const patient = time.Minute

func open(t *testing.T, file string, o store.Options) *store.Store {
	t.Helper()
	if o.Limit == 0 {
		o.Limit = patient
	}
	s, err := store.OpenSQLite(t.Context(), file, o)
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

func fresh(t *testing.T) *store.Store {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "todo.db"), store.Options{})
}

func add(t *testing.T, s *store.Store, list todo.ListID, text string) todo.Item {
	t.Helper()
	item, err := s.Add(t.Context(), list, text)
	if err != nil {
		t.Fatal(err)
	}
	return item
}

func items(t *testing.T, s *store.Store, list todo.ListID, before int64) todo.Page {
	t.Helper()
	page, err := s.Items(t.Context(), list, before)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// raw opens the file as another program would.
func raw(t *testing.T, file string) *sql.DB {
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

func exec(t *testing.T, db *sql.DB, statements string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
}

func TestListKeepsWhatIsAdded(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	emoji := strings.Repeat("🪴", todo.MaxText)
	one, two := add(t, s, "a", "one"), add(t, s, "a", emoji)
	if err := s.Complete(t.Context(), "a", one.ID); err != nil {
		t.Fatal(err)
	}
	want := todo.Page{Items: []todo.Item{{ID: two.ID, Text: emoji}, {ID: one.ID, Text: "one", Complete: true}}}
	if diff := cmp.Diff(want, items(t, s, "a", 0)); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
	if err := s.Complete(t.Context(), "a", one.ID); err != nil {
		t.Errorf("completing a completed item: %v", err)
	}
}

func TestListsAreApart(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	mine := add(t, s, "mine", "secret")
	for _, list := range []todo.ListID{"yours", "", "MINE", "mine "} {
		if got := items(t, s, list, 0); len(got.Items) != 0 {
			t.Errorf("list %q shows %v", list, got)
		}
		if err := s.Complete(t.Context(), list, mine.ID); !errors.Is(err, todo.ErrNotFound) {
			t.Errorf("completing from list %q: %v, want %v", list, err, todo.ErrNotFound)
		}
	}
	if err := s.Complete(t.Context(), "mine", mine.ID+1); !errors.Is(err, todo.ErrNotFound) {
		t.Errorf("completing an unknown item: %v, want %v", err, todo.ErrNotFound)
	}
	if diff := cmp.Diff([]todo.Item{mine}, items(t, s, "mine", 0).Items); diff != "" {
		t.Errorf("my list has changed (-want +got):\n%s", diff)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	var want []string
	for i := range 2*todo.PageSize + 1 {
		want = append([]string{fmt.Sprint(i)}, want...)
		add(t, s, "a", fmt.Sprint(i))
		if i%50 == 7 { // away from where a page ends
			add(t, s, "b", "between")
		}
	}
	var got []string
	var sizes []int
	for before, more := int64(0), true; more; {
		page := items(t, s, "a", before)
		for _, i := range page.Items {
			got = append(got, i.Text)
		}
		sizes = append(sizes, len(page.Items))
		before, more = page.Older, page.Older != 0
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int{todo.PageSize, todo.PageSize, 1}, sizes); diff != "" {
		t.Errorf("sizes of pages (-want +got):\n%s", diff)
	}
}

func TestNoListHoldsMoreThanItsLimit(t *testing.T) {
	t.Parallel()
	const limit = 5
	s := open(t, filepath.Join(t.TempDir(), "todo.db"), store.Options{MaxItems: limit})
	var wg sync.WaitGroup
	var full atomic.Int64
	for range 4 * limit {
		wg.Go(func() {
			_, err := s.Add(t.Context(), "a", "x")
			if errors.Is(err, todo.ErrListFull) {
				full.Add(1)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := len(items(t, s, "a", 0).Items); got != limit || full.Load() != 3*limit {
		t.Errorf("%d items and %d refusals, want %d and %d", got, full.Load(), limit, 3*limit)
	}
	add(t, s, "b", "another list has room")
}

func TestItemsOutliveTheProcess(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "todo.db")
	s, err := store.OpenSQLite(t.Context(), file, store.Options{Limit: patient})
	if err != nil {
		t.Fatal(err)
	}
	want := []todo.Item{add(t, s, "a", "kept")}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, items(t, open(t, file, store.Options{}), "a", 0).Items); diff != "" {
		t.Errorf("items after opening again (-want +got):\n%s", diff)
	}
}

func TestTableOfTheOriginalIsAdopted(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "todo.db")
	db := raw(t, file)
	exec(t, db, `CREATE TABLE todos (id INTEGER NOT NULL, text VARCHAR(200), complete BOOLEAN, PRIMARY KEY (id));
		INSERT INTO todos (text, complete) VALUES ('milk', 0), ('bread', 1), (NULL, NULL)`)
	s := open(t, file, store.Options{})
	want := []todo.Item{{ID: 3}, {ID: 2, Text: "bread", Complete: true}, {ID: 1, Text: "milk"}}
	if diff := cmp.Diff(want, items(t, s, "", 0).Items); diff != "" {
		t.Errorf("adopted rows (-want +got):\n%s", diff)
	}
	// The version before still runs beside this one.
	exec(t, db, `INSERT INTO todos (text, complete) VALUES ('eggs', 0)`)
	if got := items(t, s, "", 0).Items[0].Text; got != "eggs" {
		t.Errorf("newest row is %q, want what the original wrote", got)
	}
}

func TestSeveralStartAtOnce(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "todo.db")
	stores := make([]*store.Store, 8)
	var wg sync.WaitGroup
	for i := range stores {
		wg.Go(func() {
			s, err := store.OpenSQLite(t.Context(), file, store.Options{Limit: patient})
			if err != nil {
				t.Errorf("instance %d: %v", i, err)
				return
			}
			stores[i] = s
			t.Cleanup(func() { _ = s.Close() })
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	add(t, stores[0], "a", "x")
	if got := items(t, stores[7], "a", 0).Items; len(got) != 1 {
		t.Errorf("another instance sees %v", got)
	}
}

func TestNewerTablesAreLeftAlone(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "todo.db")
	db := raw(t, file)
	open(t, file, store.Options{})
	exec(t, db, `ALTER TABLE todos ADD COLUMN due DATE; INSERT INTO schema_migrations VALUES (9999, 'due')`)
	s := open(t, file, store.Options{})
	add(t, s, "a", "x")
}

func TestBusyDatabase(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "todo.db")
	s := open(t, file, store.Options{Limit: time.Second})
	if _, err := s.Items(t.Context(), "a", 0); err != nil {
		t.Fatal(err)
	}
	conn, err := raw(t, file).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lock := func(statement string) {
		if _, err := conn.ExecContext(context.WithoutCancel(t.Context()), statement); err != nil {
			t.Fatal(err)
		}
	}
	lock("BEGIN IMMEDIATE")
	if _, err := s.Add(t.Context(), "a", "x"); err == nil || errors.Is(err, todo.ErrListFull) {
		t.Errorf("adding to a locked database: %v, want an error of the database", err)
	}
	if _, err := s.Items(t.Context(), "a", 0); err != nil {
		t.Errorf("reading beside a writer: %v", err)
	}
	lock("ROLLBACK")
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() error { _, err := s.Add(t.Context(), "a", "x"); return err })
}

func TestStartBesideALock(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "todo.db")
	conn, err := raw(t, file).Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"CREATE TABLE other (x)", "BEGIN EXCLUSIVE"} {
		if _, err := conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	opened := make(chan error)
	go func() {
		s, err := store.OpenSQLite(t.Context(), file, store.Options{})
		if err == nil {
			err = s.Close()
		}
		opened <- err
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if s, err := store.OpenSQLite(ctx, file, store.Options{}); err == nil {
		_ = s.Close()
		t.Error("a locked database was opened")
	}
	if _, err := conn.ExecContext(t.Context(), "COMMIT"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(conn.Close(), <-opened); err != nil {
		t.Errorf("opening once the lock is gone: %v", err)
	}
}

// eventually waits until something works; a busy disk may take its time.
func eventually(t *testing.T, f func() error) {
	t.Helper()
	deadline := time.Now().Add(patient)
	err := f()
	for err != nil && time.Now().Before(deadline) {
		err = f()
	}
	if err != nil {
		t.Error(err)
	}
}

func TestPingNeedsTheTables(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "todo.db")
	s := open(t, file, store.Options{})
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	exec(t, raw(t, file), `DROP TABLE schema_migrations`)
	if err := s.Ping(t.Context()); err == nil {
		t.Error("a database without tables answers a ping")
	}
}

func TestClosedStore(t *testing.T) {
	t.Parallel()
	s, err := store.OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "todo.db"), store.Options{Limit: patient})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, itemsErr := s.Items(t.Context(), "a", 0)
	_, addErr := s.Add(t.Context(), "a", "x")
	completeErr := s.Complete(t.Context(), "a", 1)
	for _, err := range []error{itemsErr, addErr, completeErr, s.Ping(t.Context())} {
		if err == nil || errors.Is(err, todo.ErrNotFound) || errors.Is(err, todo.ErrListFull) {
			t.Errorf("a closed store answers %v, want an error of the database", err)
		}
	}
}

func TestUnusableFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	foreign := filepath.Join(dir, "foreign.db")
	exec(t, raw(t, foreign), `CREATE TABLE schema_migrations (something TEXT)`)
	for _, file := range []string{garbage, foreign, dir, filepath.Join(dir, "absent", "todo.db")} {
		s, err := store.OpenSQLite(t.Context(), file, store.Options{})
		if err == nil {
			t.Errorf("%s was opened", file)
			_ = s.Close()
		} else if !strings.Contains(err.Error(), file) {
			t.Errorf("error %q does not name %s", err, file)
		}
	}
}

func TestNamesThatMeanSomethingInAURI(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "a?mode=memory&x#y%20z.db")
	add(t, open(t, file, store.Options{}), "a", "x")
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
}
