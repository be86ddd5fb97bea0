package mariadbtest

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestServer(t *testing.T) {
	t.Parallel()
	s := Start(t)
	c := s.NewDatabase(t)
	db := s.DB(t, c.Database, "CREATE TABLE kept (x INT)", "INSERT INTO kept VALUES (1)")
	if err := s.Freeze(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := db.PingContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a frozen server answers %v, want %v", err, context.DeadlineExceeded)
	}
	if err := s.Thaw(); err != nil {
		t.Fatal(err)
	}
	if err := db.PingContext(t.Context()); err != nil {
		t.Errorf("a server that thawed: %v", err)
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := db.PingContext(t.Context()); err == nil {
		t.Error("a killed server answers")
	}
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := db.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM kept").Scan(&n); err != nil || n != 1 {
		t.Errorf("%d rows, %v after a restart; want 1", n, err)
	}
}

func TestMissingServer(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if _, err := find("mariadb-install-database-that-is-not-there"); err == nil {
		t.Error("a program that is not there was found")
	}
	t.Run("skipped", func(t *testing.T) {
		t.Setenv("CI", "")
		defer func() {
			if !t.Skipped() {
				t.Error("not skipped")
			}
		}()
		Missing(t)
	})
}
