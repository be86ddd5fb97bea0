package store

import (
	"context"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// MySQL tells how to reach a database of MySQL 8 or MariaDB 10.11 or newer.
// Instance or Host is set.
type MySQL struct {
	Instance  string // connection name of a Cloud SQL instance, project:region:name
	PrivateIP bool   // reach Instance by its private address
	Host      string // a host, host:port, or the absolute path of a Unix socket
	PlainText bool   // reach Host without TLS; else its certificate is verified
	User      string
	Password  string // without one an Instance authenticates the program's service account
	Database  string
}

// OpenMySQL does not wait for the database: every call returns [ErrNotReady]
// until it was reached and its tables were brought up to date, which is tried
// until it succeeds. The error is about settings that cannot be right.
func OpenMySQL(c MySQL, o Options) (*Store, error) {
	o = o.withDefaults()
	m, err := newMySQL(c, o.Limit)
	if err != nil {
		return nil, err
	}
	return &Store{options: o, db: m, ready: becomeReady(o.Log, m.migrate)}, nil
}

// MigrateMySQL brings the tables up to date. It tries once.
func MigrateMySQL(ctx context.Context, c MySQL) error {
	m, err := newMySQL(c, Options{}.withDefaults().Limit)
	if err != nil {
		return err
	}
	if err := errors.Join(m.migrate(ctx), m.close()); err != nil {
		return fmt.Errorf("migrating the database %s: %w", c.Database, err)
	}
	return nil
}

// The pool of connections. Its size is meant for the smallest servers, which
// several instances share.
const (
	connections  = 16
	idleTime     = 5 * time.Minute // below what servers and firewalls between drop
	lifetime     = 30 * time.Minute
	migrateBound = 10 * time.Minute // for a statement that converts a large table
)

// mariadb is an engine of MySQL and MariaDB, which commit in groups by themselves.
type mariadb struct {
	db        *sql.DB
	migration *sql.DB // with a timeout that migrations need
	dialer    io.Closer
	sqls      [statements]string
}

func newMySQL(c MySQL, limit time.Duration) (*mariadb, error) {
	config, dialer, err := c.config()
	if err != nil {
		return nil, err
	}
	m := &mariadb{dialer: dialer, sqls: texts("FORCE INDEX ($1)")}
	if m.db, err = openPool(config, limit); err != nil {
		return nil, err
	}
	m.migration, err = openPool(config, migrateBound)
	return m, err
}

// openPool bounds a single read or write on a connection too, since the pool
// opens some without a context.
func openPool(config *mysql.Config, limit time.Duration) (*sql.DB, error) {
	config = config.Clone()
	config.Timeout = min(limit, 5*time.Second)
	config.ReadTimeout, config.WriteTimeout = limit, limit
	c, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(committed{c})
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	db.SetConnMaxIdleTime(idleTime)
	db.SetConnMaxLifetime(lifetime)
	return db, nil
}

// committed makes connections that read what is committed. That is all that
// single statements need, and the one isolation in which the statement that
// counts a list before it adds to it does not lock what it counts.
type committed struct{ driver.Connector }

// Connect implements [driver.Connector].
func (c committed) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	const isolation = `SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED`
	if _, err := conn.(driver.ExecerContext).ExecContext(ctx, isolation, nil); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

var errSettings = errors.New("settings of the database")

func (c MySQL) config() (*mysql.Config, io.Closer, error) {
	if (c.Instance == "") == (c.Host == "") {
		return nil, nil, fmt.Errorf("%w: either an instance or a host is needed", errSettings)
	}
	if c.User == "" || c.Database == "" {
		return nil, nil, fmt.Errorf("%w: a user and a database are needed", errSettings)
	}
	m := mysql.NewConfig()
	m.User, m.Passwd, m.DBName = c.User, c.Password, c.Database
	m.Logger = &mysql.NopLogger{} // every error is returned too
	m.ClientFoundRows = true      // a row that is as it should be has been found
	m.InterpolateParams = true    // one round trip; the driver refuses the character sets where quoting is unsafe
	m.Params = map[string]string{"sql_mode": "'STRICT_ALL_TABLES'"}
	if c.Instance != "" {
		dialer, err := c.cloudSQL(m)
		return m, dialer, err
	}
	return m, nothing{}, c.direct(m)
}

type nothing struct{}

func (nothing) Close() error { return nil }

// direct is for a host.
func (c MySQL) direct(m *mysql.Config) (err error) {
	m.Net, m.Addr = "tcp", c.Host
	if strings.HasPrefix(c.Host, "/") {
		m.Net = "unix"
	} else if m.Addr, err = address(c.Host); err != nil {
		return err
	}
	if c.PlainText {
		return nil
	}
	if m.Net == "unix" {
		return fmt.Errorf("%w: no certificate can be verified on the socket %s", errSettings, c.Host)
	}
	host, _, err := net.SplitHostPort(m.Addr)
	m.TLS = &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	return err
}

// address adds the port of MySQL to a host without one.
func address(host string) (string, error) {
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		return net.JoinHostPort(strings.Trim(host, "[]"), "3306"), nil
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || name == "" {
		return "", fmt.Errorf("%w: %q is no host:port", errSettings, host)
	}
	return host, nil
}

// query tries again when a connection turns out to be dead: reading twice does no harm.
func (m *mariadb) query(ctx context.Context, s statement, args ...any) (*sql.Rows, error) {
	rows, err := m.db.QueryContext(ctx, m.sqls[s], args...)
	if errors.Is(err, mysql.ErrInvalidConn) && ctx.Err() == nil {
		return m.db.QueryContext(ctx, m.sqls[s], args...)
	}
	return rows, err
}

// executor is a pool or a connection.
type executor interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func (m *mariadb) change(ctx context.Context, s statement, args ...any) (outcome, error) {
	return change(ctx, m.db, m.sqls[s], args...)
}

// change tries again when the server took a deadlock apart at its expense:
// then it has done nothing.
func change(ctx context.Context, db executor, query string, args ...any) (outcome, error) {
	result, err := db.ExecContext(ctx, query, args...)
	for isError(err, errDeadlock) && ctx.Err() == nil {
		result, err = db.ExecContext(ctx, query, args...)
	}
	if err != nil {
		return outcome{}, err
	}
	return outcomeOf(result)
}

// atOnce is how many statements may add to one list at the same time without
// seeing each other. Only the last places of a list are given away one by one.
const atOnce = 64

// add counts and adds in one statement without a lock while there is room for
// all who might do so at the same time.
func (m *mariadb) add(ctx context.Context, list, text string, limit int) (outcome, error) {
	if far := limit - atOnce; far > 0 {
		did, err := m.change(ctx, insert, list, text, list, far-1)
		if err != nil || did.rows > 0 {
			return did, err
		}
	}
	var full bool
	if err := m.db.QueryRowContext(ctx, m.sqls[held], list, limit-1).Scan(&full); err != nil || full {
		return outcome{}, err
	}
	return m.addAlone(ctx, list, text, limit)
}

// addAlone keeps others away from the list, those of other instances too.
func (m *mariadb) addAlone(ctx context.Context, list, text string, limit int) (did outcome, err error) {
	conn, err := m.db.Conn(ctx)
	if err != nil {
		return outcome{}, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	const lock = `CONCAT('todo.', SHA1(CONCAT(DATABASE(), '/', ?)))`
	if err := getLock(ctx, conn, `SELECT GET_LOCK(`+lock+`, ?)`, list, lockWait); err != nil {
		return outcome{}, err
	}
	did, err = change(ctx, conn, m.sqls[insert], list, text, list, limit-1)
	if _, e := conn.ExecContext(ctx, `DO RELEASE_LOCK(`+lock+`)`, list); e != nil {
		// What was added is kept. The lock ends with the connection.
		return did, errors.Join(err, discard(conn))
	}
	return did, err
}

// lockWait is in seconds. It is short, since the server waits that long even
// for those who have gone.
const lockWait = 5

func discard(conn *sql.Conn) error {
	err := conn.Raw(func(any) error { return driver.ErrBadConn })
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) {
		return nil
	}
	return err
}

func getLock(ctx context.Context, conn *sql.Conn, query string, args ...any) error {
	var got sql.NullInt64
	if err := conn.QueryRowContext(ctx, query, args...).Scan(&got); err != nil {
		return fmt.Errorf("waiting for a lock: %w", err)
	}
	if got.Int64 != 1 {
		return errors.New("waiting for a lock: others hold it")
	}
	return nil
}

func (m *mariadb) pools() map[string]*sql.DB { return map[string]*sql.DB{"mysql": m.db} }

func (m *mariadb) close() error {
	return errors.Join(m.db.Close(), m.migration.Close(), m.dialer.Close())
}

// Numbers of errors, the same in MySQL and MariaDB.
const (
	errTableExists  = 1050
	errColumnExists = 1060
	errKeyExists    = 1061
	errNoTable      = 1146
	errDeadlock     = 1213
)

func isError(err error, numbers ...uint16) bool {
	var e *mysql.MySQLError
	if !errors.As(err, &e) {
		return false
	}
	for _, n := range numbers {
		if e.Number == n {
			return true
		}
	}
	return false
}

// migrate asks first whether there is anything to be done, so that a user
// without the right to change tables will do when there is not.
func (m *mariadb) migrate(ctx context.Context) error {
	files, err := fs.Sub(embedded, "migrations/mysql")
	if err != nil {
		return err
	}
	all, err := migrations(files)
	if err != nil {
		return err
	}
	left, err := pending(ctx, m.db, all)
	if err != nil && !isError(err, errNoTable) || err == nil && len(left) == 0 {
		return err
	}
	return m.apply(ctx, all)
}

// apply holds a lock, so that of several instances that start at once one
// migrates. A statement that changes a table commits by itself, so one that
// was run by an instance that was killed before it could say so is run again.
func (m *mariadb) apply(ctx context.Context, all []migration) (err error) {
	ctx, cancel := context.WithTimeout(ctx, migrateBound)
	defer cancel()
	conn, err := m.migration.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, discard(conn)) }() // and with it the lock
	if err := getLock(ctx, conn, `SELECT GET_LOCK(CONCAT('todo.migrate.', SHA1(DATABASE())), ?)`, lockWait); err != nil {
		return err
	}
	return apply(ctx, conn, all, func(err error) bool {
		return isError(err, errTableExists, errColumnExists, errKeyExists)
	})
}
