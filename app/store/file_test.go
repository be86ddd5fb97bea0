package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	todo "github.com/sluice-ci/sluice/app"
	"github.com/sluice-ci/sluice/app/store"
)

func TestBusyDatabase(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "todo.db")
	s := open(t, file, store.Options{Limit: limit})
	newest(t, s, "a")
	conn, err := raw(t, file).Conn(t.Context())
	must(t, err)
	lock := func(statement string) {
		_, err := conn.ExecContext(context.WithoutCancel(t.Context()), statement)
		must(t, err)
	}
	lock("BEGIN IMMEDIATE")
	if _, err := s.Add(t.Context(), "a", "x"); err == nil || errors.Is(err, todo.ErrListFull) {
		t.Errorf("adding to a locked database: %v, want an error of the database", err)
	}
	newest(t, s, "a") // beside a writer
	lock("ROLLBACK")
	must(t, conn.Close())
	eventually(t, func() error { _, err := s.Add(t.Context(), "a", "x"); return err })
}

func TestStartBesideALock(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "todo.db")
	conn, err := raw(t, file).Conn(t.Context())
	must(t, err)
	for _, statement := range []string{"CREATE TABLE other (x)", "BEGIN EXCLUSIVE"} {
		_, err := conn.ExecContext(t.Context(), statement)
		must(t, err)
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
	_, err = conn.ExecContext(t.Context(), "COMMIT")
	must(t, err)
	if err := errors.Join(conn.Close(), <-opened); err != nil {
		t.Errorf("opening once the lock is gone: %v", err)
	}
}

func TestUnusableFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.db")
	must(t, os.WriteFile(garbage, []byte(strings.Repeat("no database ", 1000)), 0o600))
	foreign := filepath.Join(dir, "foreign.db")
	exec1(t, raw(t, foreign), `CREATE TABLE schema_migrations (something TEXT)`)
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

// TestCloseKeepsWhatWasTaken closes a store under load: every add is on disk
// or has an error.
func TestCloseKeepsWhatWasTaken(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "todo.db")
	s := open(t, file, store.Options{})
	var wg sync.WaitGroup
	kept := make([]int, 16)
	some := make(chan struct{}, len(kept))
	for i := range kept {
		wg.Go(func() {
			for {
				if _, err := s.Add(t.Context(), todo.ListID(fmt.Sprint(i)), "x"); err != nil {
					return
				}
				if kept[i]++; kept[i] == 5 {
					some <- struct{}{}
				}
			}
		})
	}
	<-some
	must(t, s.Close())
	wg.Wait()
	again := open(t, file, store.Options{})
	for i, want := range kept {
		if got := newest(t, again, todo.ListID(fmt.Sprint(i))).Counts.Open; got != min(want, todo.PageSize+1) {
			t.Errorf("list %d has %d items, want the %d that were acknowledged", i, got, want)
		}
	}
}

// writerFile names the file that this test binary writes to until it is killed.
const writerFile = "TODO_TEST_WRITER_FILE"

// TestKilledWriter kills a program that adds to a file, and counts.
func TestKilledWriter(t *testing.T) {
	t.Parallel()
	program, err := os.Executable()
	must(t, err)
	file := filepath.Join(t.TempDir(), "todo.db")
	told := map[string]bool{}
	for range 3 {
		cmd := exec.Command(program) // #nosec G204 -- the test itself
		cmd.Env = append(os.Environ(), writerFile+"="+file)
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		lines := bufio.NewScanner(out)
		for before := len(told); lines.Scan(); told[lines.Text()] = true {
			if len(told) == before+300 {
				must(t, cmd.Process.Kill())
			}
		}
		_ = cmd.Wait() // it was killed
	}
	s := open(t, file, store.Options{})
	if got := texts(t, s, "a"); len(got) < len(told) || len(told) < 900 {
		t.Errorf("%d items, %d acknowledged; want 900 or more", len(got), len(told))
	} else {
		lost(t, told, got)
	}
	add(t, s, "b", "still written to")
}

func writeUntilKilled() int {
	s, err := store.OpenSQLite(context.Background(), os.Getenv(writerFile), store.Options{MaxItems: 1 << 30, Limit: patient})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for i := range 8 {
		go func() {
			for n := 0; ; n++ {
				text := fmt.Sprintf("%d %d %d", os.Getpid(), i, n)
				if _, err := s.Add(context.Background(), "a", text); err == nil {
					_, _ = fmt.Println(text) // acknowledged
				}
			}
		}()
	}
	select {}
}

// texts returns all texts of a list.
func texts(t testing.TB, s *store.Store, list todo.ListID) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for q := (todo.Query{}); ; {
		p := query(t, s, list, q)
		for _, i := range p.Items {
			all[i.Text] = true
		}
		if q.Before = p.Older; q.Before == 0 {
			return all
		}
	}
}

func lost(t testing.TB, told, got map[string]bool) {
	t.Helper()
	n := 0
	for text := range told {
		if !got[text] {
			n++
		}
	}
	if n > 0 {
		t.Errorf("%d of %d acknowledged items are lost", n, len(told))
	}
	t.Logf("%d acknowledged, %d on the list", len(told), len(got))
}
