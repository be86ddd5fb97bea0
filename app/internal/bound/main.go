// Command bound measures what bounds the service: the same handler with its
// items in memory, net/http with no handler to speak of, and the database's
// driver without either. bench/app.sh asks it beside the service itself.
//
//	bound serve ADDRESS             /health as net/http alone can answer it, / with the items in memory
//	bound read|write FILE SECONDS   calls a second of the driver on an SQLite file, by 32 callers
//	bound start PROGRAM FOLDER      milliseconds from the program's start to its first 200, the median of 21
//	bound fill FILE LIST N          puts N items on a list of a service's database
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite"

	"github.com/sluice-ci/sluice/app/internal/memory"
	"github.com/sluice-ci/sluice/app/web"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bound:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	switch {
	case len(args) == 2 && args[0] == "serve":
		return serve(args[1])
	case len(args) == 3 && (args[0] == "read" || args[0] == "write"):
		seconds, err := strconv.Atoi(args[2])
		if err != nil {
			return err
		}
		return drive(out, args[0] == "write", args[1], time.Duration(seconds)*time.Second)
	case len(args) == 3 && args[0] == "start":
		return starts(out, args[1], args[2])
	case len(args) == 4 && args[0] == "fill":
		n, err := strconv.Atoi(args[3])
		if err != nil {
			return err
		}
		return fill(args[1], args[2], n)
	}
	return errors.New("usage: bound serve ADDRESS | bound read|write FILE SECONDS | bound start PROGRAM FOLDER | bound fill FILE LIST N")
}

func serve(address string) error {
	keys, err := web.ParseKeys(web.NewKey())
	if err != nil {
		return err
	}
	site, err := web.New(web.Options{Lists: &memory.Lists{}, Keys: keys})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/", site)
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, "{\"status\":\"ok\"}\n")
	})
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: time.Second}
	return server.ListenAndServe()
}

// starts measures a new database each time, and asks without a pause.
func starts(out io.Writer, program, folder string) error {
	took := make([]time.Duration, 21)
	for i := range took {
		d, err := start(program, filepath.Join(folder, strconv.Itoa(i)))
		if err != nil {
			return err
		}
		took[i] = d
	}
	slices.Sort(took)
	_, err := fmt.Fprintf(out, "%.1f\n", took[len(took)/2].Seconds()*1000)
	return err
}

func start(program, folder string) (took time.Duration, err error) {
	const address = "127.0.0.1:8314"
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program) // #nosec G204 G702 -- the program that is measured
	cmd.Env = []string{"PORT=8314", "HOST=127.0.0.1", "DATA_DIR=" + folder}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, cmd.Process.Kill(), ended(cmd.Wait())) }()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/health", nil)
		if err != nil {
			return 0, err
		}
		response, err := http.DefaultClient.Do(r)
		if err == nil {
			return time.Since(began), response.Body.Close()
		}
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
	}
}

// ended is nil for a program that was killed, as it was meant to be.
func ended(err error) error {
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return nil
	}
	return err
}

func open(file string) (*sql.DB, error) {
	return sql.Open("sqlite", "file:"+file+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=busy_timeout(5000)")
}

// many makes n items.
const many = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
	INSERT INTO todos (text, complete, list) SELECT 'item number ' || i || ' of the list', FALSE, ? FROM n`

func fill(file, list string, n int) error {
	db, err := open(file)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(context.Background(), many, n, list)
	return errors.Join(err, db.Close())
}

// callers is how many clients the load generator has.
const callers = 32

// drive calls the driver as often as it can and prints how often that was.
func drive(out io.Writer, write bool, file string, d time.Duration) (err error) {
	db, err := open(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(4)
	if write {
		db.SetMaxOpenConns(1)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute+d)
	defer cancel()
	call, err := prepare(ctx, db, write)
	if err != nil {
		return err
	}
	var n atomic.Int64
	errs := make([]error, callers)
	var wg sync.WaitGroup
	end := time.Now().Add(d)
	for i := range callers {
		wg.Go(func() {
			for errs[i] == nil && time.Now().Before(end) {
				errs[i] = call()
				n.Add(1)
			}
		})
	}
	wg.Wait()
	if _, err := fmt.Fprintln(out, int64(float64(n.Load())/d.Seconds())); err != nil {
		return err
	}
	return errors.Join(errs...)
}

// prepare makes a table of 20 items, and returns the call to be measured.
func prepare(ctx context.Context, db *sql.DB, write bool) (func() error, error) {
	for _, statement := range []string{
		`CREATE TABLE todos (id INTEGER PRIMARY KEY AUTOINCREMENT, text VARCHAR(200), complete BOOLEAN, list VARCHAR(64) NOT NULL)`,
		`CREATE INDEX todos_list ON todos (list, id)`,
	} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return nil, err
		}
	}
	if _, err := db.ExecContext(ctx, many, 20, "L"); err != nil {
		return nil, err
	}
	if write {
		insert, err := db.PrepareContext(ctx, `INSERT INTO todos (text, complete, list) VALUES ('some item', FALSE, 'M')`)
		return func() error { _, err := insert.ExecContext(ctx); return err }, err
	}
	query, err := db.PrepareContext(ctx, `SELECT id, text, complete FROM todos WHERE list = ? AND id < ? ORDER BY id DESC LIMIT 101`)
	return func() error { return read(ctx, query) }, err
}

func read(ctx context.Context, query *sql.Stmt) error {
	rows, err := query.QueryContext(ctx, "L", 1000)
	if err != nil {
		return err
	}
	for rows.Next() {
		var id int64
		var text string
		var complete bool
		if err := rows.Scan(&id, &text, &complete); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}
