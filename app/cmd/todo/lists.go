package main

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"path/filepath"

	todo "github.com/sluice-ci/sluice/app"
	"github.com/sluice-ci/sluice/app/store"
	"github.com/sluice-ci/sluice/app/web"
)

// backing is what the service stands on.
type backing struct {
	lists todo.Lists
	keys  web.Keys
	pools map[string]*sql.DB
	close func() error
}

// openBacking opens the database and finds the keys. On Cloud Run, what would
// be lost is refused by never being ready, with the reason in the log: a
// process that ends would be started again and again.
func openBacking(ctx context.Context, c config, log *slog.Logger) (b backing, err error) {
	if reason := c.lossy(); reason != "" {
		log.ErrorContext(ctx, "not ready, ever: "+reason)
		keys, err := web.ParseKeys(web.NewKey())
		return backing{lists: unready{errors.New(reason)}, keys: keys, close: func() error { return nil }}, err
	}
	var root *os.Root
	if c.mysql == nil || c.keys == "" {
		if root, err = openDataDir(c.data.dir, c.mysql == nil); err != nil {
			return backing{}, err
		}
		defer func() { err = errors.Join(err, root.Close()) }()
	}
	keys, err := sessionKeys(c.keys, root)
	if err != nil {
		return backing{}, err
	}
	lists, err := openStore(ctx, c, log)
	if err != nil {
		return backing{}, err
	}
	return backing{lists: lists, keys: keys, pools: lists.Pools(), close: lists.Close}, nil
}

func openStore(ctx context.Context, c config, log *slog.Logger) (*store.Store, error) {
	o := store.Options{MaxItems: c.maxItems, Log: log}
	if c.mysql != nil {
		return store.OpenMySQL(*c.mysql, o)
	}
	return store.OpenSQLite(ctx, filepath.Join(c.data.dir, databaseFile), o)
}

// lossy returns why the service must not run with these settings, or "".
func (c config) lossy() string {
	switch {
	case c.data.fleeting == "":
		return ""
	case c.mysql == nil:
		return c.data.fleeting + ": set INSTANCE_CONNECTION_NAME, DB_USER and DB_NAME, or DATA_DIR to a volume that lasts"
	case c.keys == "":
		return c.data.fleeting + ", and each instance would sign with a key of its own: set SESSION_KEYS"
	}
	return ""
}

// migrate brings the tables up to date and ends.
func migrate(ctx context.Context, c config) error {
	if c.mysql != nil {
		return store.MigrateMySQL(ctx, *c.mysql)
	}
	if c.data.fleeting != "" {
		return errors.New(c.lossy())
	}
	root, err := openDataDir(c.data.dir, true)
	if err != nil {
		return err
	}
	return errors.Join(store.MigrateSQLite(ctx, filepath.Join(c.data.dir, databaseFile)), root.Close())
}

// unready is lists that are never within reach.
type unready struct{ reason error }

func (u unready) Page(context.Context, todo.ListID, todo.Query) (todo.Page, error) {
	return todo.Page{}, u.reason
}

func (u unready) Add(context.Context, todo.ListID, string) (todo.Item, error) {
	return todo.Item{}, u.reason
}
func (u unready) Complete(context.Context, todo.ListID, int64) error         { return u.reason }
func (u unready) Reopen(context.Context, todo.ListID, int64) error           { return u.reason }
func (u unready) Edit(context.Context, todo.ListID, int64, string) error     { return u.reason }
func (u unready) Delete(context.Context, todo.ListID, int64) error           { return u.reason }
func (u unready) ClearCompleted(context.Context, todo.ListID) (int64, error) { return 0, u.reason }
func (u unready) Ping(context.Context) error                                 { return u.reason }
