// Package store keeps lists in a database: SQLite, or MySQL and its kin.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	todo "github.com/sluice-ci/sluice/app"
)

// Options are a store's limits. The zero value is right for the service.
type Options struct {
	MaxItems int           // on one list; 0 means 1,000
	Limit    time.Duration // of one call; 0 means 2 s
	Log      *slog.Logger  // of a database that is away at the start; nil means no log
}

func (o Options) withDefaults() Options {
	if o.MaxItems == 0 {
		o.MaxItems = 1000
	}
	if o.Limit == 0 {
		o.Limit = 2 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// ErrNotReady is the error of every call before the tables are known to be up
// to date. The error that was met last is wrapped beside it.
var ErrNotReady = errors.New("the database is not ready")

// Store is a [todo.Lists] in a database.
type Store struct {
	options Options
	db      engine
	ready   *readiness
}

var _ todo.Lists = (*Store)(nil)

// engine is what databases do differently.
type engine interface {
	// query reads. The caller closes the rows.
	query(ctx context.Context, s statement, args ...any) (*sql.Rows, error)
	// change runs a statement in a transaction of its own. What it did is on
	// disk when it returns.
	change(ctx context.Context, s statement, args ...any) (outcome, error)
	// add puts an item on a list, unless there are limit items on it: then
	// nothing is changed.
	add(ctx context.Context, list, text string, limit int) (outcome, error)
	pools() map[string]*sql.DB
	close() error
}

// outcome is what a statement did.
type outcome struct {
	rows int64 // changed, or found as they were to become
	id   int64 // of the row that was added
}

// Add implements [todo.Lists].
func (s *Store) Add(ctx context.Context, list todo.ListID, text string) (todo.Item, error) {
	ctx, cancel, err := s.begin(ctx)
	if err != nil {
		return todo.Item{}, err
	}
	defer cancel()
	did, err := s.db.add(ctx, string(list), text, s.options.MaxItems)
	if err != nil {
		return todo.Item{}, fmt.Errorf("adding an item: %w", err)
	}
	if did.rows == 0 {
		return todo.Item{}, todo.ErrListFull
	}
	return todo.Item{ID: did.id, Text: text}, nil
}

// Complete implements [todo.Lists].
func (s *Store) Complete(ctx context.Context, list todo.ListID, id int64) error {
	return s.changeItem(ctx, mark, "completing", id, true, string(list), id)
}

// Reopen implements [todo.Lists].
func (s *Store) Reopen(ctx context.Context, list todo.ListID, id int64) error {
	return s.changeItem(ctx, mark, "reopening", id, false, string(list), id)
}

// Edit implements [todo.Lists].
func (s *Store) Edit(ctx context.Context, list todo.ListID, id int64, text string) error {
	return s.changeItem(ctx, edit, "editing", id, text, string(list), id)
}

// Delete implements [todo.Lists].
func (s *Store) Delete(ctx context.Context, list todo.ListID, id int64) error {
	return s.changeItem(ctx, remove, "deleting", id, string(list), id)
}

func (s *Store) changeItem(ctx context.Context, what statement, doing string, id int64, args ...any) error {
	ctx, cancel, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	did, err := s.db.change(ctx, what, args...)
	if err != nil {
		return fmt.Errorf("%s item %d: %w", doing, id, err)
	}
	if did.rows == 0 {
		return todo.ErrNotFound
	}
	return nil
}

// ClearCompleted implements [todo.Lists].
func (s *Store) ClearCompleted(ctx context.Context, list todo.ListID) (int64, error) {
	ctx, cancel, err := s.begin(ctx)
	if err != nil {
		return 0, err
	}
	defer cancel()
	did, err := s.db.change(ctx, clearDone, string(list))
	if err != nil {
		return 0, fmt.Errorf("clearing a list: %w", err)
	}
	return did.rows, nil
}

// Ping implements [todo.Lists]: it reads from the database, since a connection
// or file that is open says nothing about whether it can be read.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	rows, err := s.db.query(ctx, ping)
	if err != nil {
		return fmt.Errorf("reaching the database: %w", err)
	}
	for rows.Next() {
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil {
		return fmt.Errorf("reaching the database: %w", err)
	}
	return nil
}

// begin bounds a call, and refuses it while the tables are not ready.
func (s *Store) begin(ctx context.Context) (context.Context, context.CancelFunc, error) {
	if err := s.ready.err(); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.options.Limit)
	return ctx, cancel, nil
}

// Pools returns the database's pools of connections by name, for their
// statistics: "read" and "write" of SQLite, "mysql" of MySQL.
func (s *Store) Pools() map[string]*sql.DB { return s.db.pools() }

// Close waits for the calls under way and closes the database.
func (s *Store) Close() error {
	s.ready.close()
	return s.db.close()
}
