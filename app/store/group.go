package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
)

// batchSize bounds a batch, so that its first statement need not wait long for its last.
const batchSize = 256

var errClosed = errors.New("the database is closed")

// group runs statements that wait at the same time in one transaction. On disk
// a commit costs the same for one statement as for many, and SQLite has one
// writer at a time anyway.
type group struct {
	db    *sql.DB
	stmts [statements]*sql.Stmt
	queue chan *write
	quit  chan struct{}
	done  chan struct{}
	once  sync.Once
}

// write is a statement that waits. Its outcome may be read once done is closed.
type write struct {
	ctx     context.Context
	what    statement
	args    []any
	outcome outcome
	err     error
	done    chan struct{}
}

func newGroup(ctx context.Context, db *sql.DB, sqls [statements]string) (*group, error) {
	g := &group{db: db, queue: make(chan *write), quit: make(chan struct{}), done: make(chan struct{})}
	for s := readers + 1; s < statements; s++ {
		stmt, err := db.PrepareContext(ctx, sqls[s])
		if err != nil {
			return nil, err
		}
		g.stmts[s] = stmt
	}
	go g.run()
	return g, nil
}

// change returns after the statement was committed, or when the context ends:
// then it is not known whether the statement was committed, as with any database.
func (g *group) change(ctx context.Context, what statement, args ...any) (outcome, error) {
	w := &write{ctx: ctx, what: what, args: args, done: make(chan struct{})}
	select {
	case g.queue <- w:
	case <-ctx.Done():
		return outcome{}, ctx.Err()
	case <-g.quit:
		return outcome{}, errClosed
	}
	select {
	case <-w.done:
		return w.outcome, w.err
	case <-ctx.Done():
		return outcome{}, ctx.Err()
	}
}

// close waits for the statements that were taken.
func (g *group) close() error {
	g.once.Do(func() { close(g.quit) })
	<-g.done
	return g.db.Close()
}

func (g *group) run() {
	defer close(g.done)
	for {
		select {
		case w := <-g.queue:
			g.commit(g.waiting([]*write{w}))
		case <-g.quit:
			return
		}
	}
}

// waiting adds the writes that wait now.
func (g *group) waiting(batch []*write) []*write {
	for len(batch) < batchSize {
		select {
		case w := <-g.queue:
			batch = append(batch, w)
		default:
			return batch
		}
	}
	return batch
}

// commit answers a batch. A statement that fails fails alone; a transaction
// that fails fails for all of them.
func (g *group) commit(batch []*write) {
	err := g.transact(batch)
	for _, w := range batch {
		if err != nil {
			w.outcome, w.err = outcome{}, err
		}
		close(w.done)
	}
}

// transact cannot be cancelled: one caller that leaves must not undo what the
// others wrote. The busy timeout bounds it.
func (g *group) transact(batch []*write) error {
	tx, err := g.db.BeginTx(context.Background(), nil)
	if err != nil {
		return fmt.Errorf("starting a transaction: %w", err)
	}
	for _, w := range batch {
		w.outcome, w.err = g.exec(tx, w)
	}
	if err := tx.Commit(); err != nil { // the driver has rolled back
		return fmt.Errorf("committing: %w", err)
	}
	return nil
}

func (g *group) exec(tx *sql.Tx, w *write) (outcome, error) {
	if err := w.ctx.Err(); err != nil { // nobody waits for it
		return outcome{}, err
	}
	result, err := tx.Stmt(g.stmts[w.what]).Exec(w.args...)
	if err != nil {
		return outcome{}, err
	}
	return outcomeOf(result)
}

func outcomeOf(result sql.Result) (did outcome, err error) {
	if did.rows, err = result.RowsAffected(); err != nil {
		return outcome{}, err
	}
	did.id, err = result.LastInsertId()
	return did, err
}
