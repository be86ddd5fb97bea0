// Package store keeps lists in a database.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	todo "github.com/sluice-ci/sluice/app"
)

// Options are a store's limits. The zero value is right for the service.
type Options struct {
	MaxItems int           // on one list; 0 means 1,000
	Limit    time.Duration // of one database call; 0 means 2 s
}

func (o Options) withDefaults() Options {
	if o.MaxItems == 0 {
		o.MaxItems = 1000
	}
	if o.Limit == 0 {
		o.Limit = 2 * time.Second
	}
	return o
}

// Store is a [todo.Lists] in a database. Reading and writing have pools of
// their own: SQLite has one writer at a time, and waiting for it in a queue is
// fairer and faster than asking again and again.
type Store struct {
	options Options
	read    *sql.DB
	write   *sql.DB
}

var _ todo.Lists = (*Store)(nil)

// Items implements [todo.Lists].
func (s *Store) Items(ctx context.Context, list todo.ListID, before int64) (page todo.Page, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.options.Limit)
	defer cancel()
	const query = `SELECT id, COALESCE(text, ''), COALESCE(complete, FALSE) FROM todos
		WHERE list = ? AND id < ? ORDER BY id DESC LIMIT ?`
	if before == 0 {
		before = math.MaxInt64
	}
	rows, err := s.read.QueryContext(ctx, query, list, before, todo.PageSize+1)
	if err != nil {
		return page, fmt.Errorf("reading a list: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var i todo.Item
		if err := rows.Scan(&i.ID, &i.Text, &i.Complete); err != nil {
			return page, fmt.Errorf("reading an item: %w", err)
		}
		page.Items = append(page.Items, i)
	}
	if err := rows.Err(); err != nil {
		return page, fmt.Errorf("reading a list: %w", err)
	}
	return cut(page), nil
}

// cut drops the item that was only read to know whether there are more.
func cut(p todo.Page) todo.Page {
	if len(p.Items) > todo.PageSize {
		p.Items = p.Items[:todo.PageSize]
		p.Older = p.Items[todo.PageSize-1].ID
	}
	return p
}

// Add implements [todo.Lists]. Counting and adding are one statement, so that
// no number of requests at once puts more on a list than it may hold.
func (s *Store) Add(ctx context.Context, list todo.ListID, text string) (todo.Item, error) {
	ctx, cancel := context.WithTimeout(ctx, s.options.Limit)
	defer cancel()
	const query = `INSERT INTO todos (list, text, complete)
		SELECT ?, ?, FALSE WHERE (SELECT COUNT(*) FROM todos WHERE list = ?) < ?`
	result, err := s.write.ExecContext(ctx, query, list, text, list, s.options.MaxItems)
	if err != nil {
		return todo.Item{}, fmt.Errorf("adding an item: %w", err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return todo.Item{}, fmt.Errorf("adding an item: %w", err)
	}
	if n == 0 {
		return todo.Item{}, todo.ErrListFull
	}
	id, err := result.LastInsertId()
	if err != nil {
		return todo.Item{}, fmt.Errorf("adding an item: %w", err)
	}
	return todo.Item{ID: id, Text: text}, nil
}

// Complete implements [todo.Lists].
func (s *Store) Complete(ctx context.Context, list todo.ListID, id int64) error {
	ctx, cancel := context.WithTimeout(ctx, s.options.Limit)
	defer cancel()
	result, err := s.write.ExecContext(ctx, `UPDATE todos SET complete = TRUE WHERE list = ? AND id = ?`, list, id)
	if err != nil {
		return fmt.Errorf("completing item %d: %w", id, err)
	}
	n, err := result.RowsAffected()
	if err != nil {
		return fmt.Errorf("completing item %d: %w", id, err)
	}
	if n == 0 {
		return todo.ErrNotFound
	}
	return nil
}

// Ping implements [todo.Lists]: it reads from the database, since a file that
// is open says nothing about whether it can be read.
func (s *Store) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.options.Limit)
	defer cancel()
	var one int
	if err := s.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM schema_migrations LIMIT 1`).Scan(&one); err != nil {
		return fmt.Errorf("reaching the database: %w", err)
	}
	return nil
}

// Close waits for the calls under way and closes the database.
func (s *Store) Close() error {
	return errors.Join(s.read.Close(), s.write.Close())
}
