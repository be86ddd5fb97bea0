package store_test

import (
	"database/sql"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	todo "github.com/sluice-ci/sluice/app"
	"github.com/sluice-ci/sluice/app/store"
)

func eachBench(b *testing.B, bench func(b *testing.B, d database)) {
	b.Run("sqlite", func(b *testing.B) { bench(b, sqlite(b)) })
	b.Run("mysql", func(b *testing.B) { bench(b, mariadb(b)) })
}

// BenchmarkPage reads the first page, one in the middle and one of what is open.
func BenchmarkPage(b *testing.B) {
	eachBench(b, func(b *testing.B, d database) {
		s := d.open(b, store.Options{})
		db := d.raw(b)
		for _, n := range []int{20, 100, 1_000, 100_000} {
			list := fmt.Sprint("list", n)
			middle := bulk(b, db, list, n)
			for name, q := range map[string]todo.Query{"first": {}, "older": {Before: middle}, "open": {Show: todo.ShowOpen}} {
				b.Run(fmt.Sprintf("%d/%s", n, name), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						query(b, s, todo.ListID(list), q)
					}
				})
			}
		}
	})
}

// bulk puts items on a list, every other one done, and returns the id in the middle.
func bulk(b *testing.B, db *sql.DB, list string, n int) (middle int64) {
	b.Helper()
	for left := n; left > 0; {
		rows := min(left, 1000)
		left -= rows
		row := fmt.Sprintf("('%s', '%s', %%d),", list, strings.Repeat("text ", 6))
		exec1(b, db, `INSERT INTO todos (list, text, complete) VALUES `+
			strings.TrimSuffix(strings.Repeat(fmt.Sprintf(row, 0)+fmt.Sprintf(row, 1), rows/2), ","))
	}
	err := db.QueryRowContext(b.Context(), `SELECT id FROM todos WHERE list = ? ORDER BY id LIMIT 1 OFFSET ?`, list, n/2).Scan(&middle)
	if err != nil {
		b.Fatal(err)
	}
	return middle
}

// BenchmarkBarePage reads 20 items with the bare driver, for comparison.
func BenchmarkBarePage(b *testing.B) {
	eachBench(b, func(b *testing.B, d database) {
		d.open(b, store.Options{})
		db := d.raw(b)
		bulk(b, db, "a", 20)
		stmt, err := db.PrepareContext(b.Context(), `SELECT id, text, complete FROM todos WHERE list = ? ORDER BY id DESC LIMIT 101`)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			rows, err := stmt.Query("a")
			if err != nil {
				b.Fatal(err)
			}
			for rows.Next() {
				var i todo.Item
				if err := rows.Scan(&i.ID, &i.Text, &i.Complete); err != nil {
					b.Fatal(err)
				}
			}
			if err := rows.Close(); err != nil {
				b.Fatal(err)
			}
		}
		b.StopTimer()
		if err := stmt.Close(); err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkAdd has 32 clients add to lists of their own, and to one list.
func BenchmarkAdd(b *testing.B) {
	eachBench(b, func(b *testing.B, d database) {
		s := d.open(b, store.Options{MaxItems: 1 << 30})
		for name, lists := range map[string]int64{"apart": 1 << 30, "together": 1} {
			b.Run(name, func(b *testing.B) {
				var client atomic.Int64
				b.SetParallelism(16)
				b.RunParallel(func(pb *testing.PB) {
					list := todo.ListID(fmt.Sprint(client.Add(1) % lists))
					for pb.Next() {
						add(b, s, list, "something to do")
					}
				})
			})
		}
	})
}

// BenchmarkBareAdd has the bare driver add without counting, for comparison:
// one client with SQLite, which has one writer, and 32 with MySQL.
func BenchmarkBareAdd(b *testing.B) {
	eachBench(b, func(b *testing.B, d database) {
		d.open(b, store.Options{})
		db := d.raw(b)
		if d.kind == "sqlite" {
			db.SetMaxOpenConns(1)
			exec1(b, db, `PRAGMA synchronous = FULL`)
		} else {
			db.SetMaxOpenConns(16)
			db.SetMaxIdleConns(16)
		}
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				exec1(b, db, `INSERT INTO todos (list, text, complete) VALUES ('a', 'something to do', 0)`)
			}
		})
	})
}
