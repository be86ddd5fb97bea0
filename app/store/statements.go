package store

import (
	"regexp"
	"strconv"
	"strings"
)

// statement is one of the statements that a store runs. Their texts are the
// same for every database but for hints.
type statement int

const (
	newest     statement = iota // list, limit
	page                        // list, before, limit, list, many, list, many
	pageDone                    // list, done, before, limit, list, many, list, many
	count                       // list, many, list, many
	held                        // list, one less than how many make it full
	ping                        //
	readers                     // those before are for reading
	insert                      // list, text, list, limit, limit
	mark                        // done, list, id
	edit                        // text, list, id
	remove                      // list, id
	clearDone                   // list
	statements                  // how many there are
)

// Counts stop at a limit. Each reads an index only.
const (
	counted = `(SELECT COUNT(*) FROM (SELECT 1 FROM todos {todos_list_complete} WHERE list = ? AND complete = FALSE LIMIT {more}) AS o),
		(SELECT COUNT(*) FROM (SELECT 1 FROM todos {todos_list_complete} WHERE list = ? AND complete = TRUE LIMIT {more}) AS d)`
	// The row of counts has no id, and the number done in place of a text.
	andCounted = ` UNION ALL SELECT NULL, ` + counted
)

// text returns the statement in SQL, but with {name} for the index to be used:
// databases choose another one at times, and then read a long list from its
// end. {more} is no parameter, since SQLite compiles a statement anew whenever
// its LIMIT is bound.
func (s statement) text() string {
	return [statements]string{
		newest: `SELECT id, complete, text FROM todos {todos_list} WHERE list = ? ORDER BY id DESC LIMIT {more}`,
		page: `SELECT * FROM (SELECT id, complete, text FROM todos {todos_list}
			WHERE list = ? AND id < ? ORDER BY id DESC LIMIT {more}) AS i` + andCounted,
		pageDone: `SELECT * FROM (SELECT id, complete, text FROM todos {todos_list_complete}
			WHERE list = ? AND complete = ? AND id < ? ORDER BY id DESC LIMIT {more}) AS i` + andCounted,
		count: `SELECT NULL, ` + counted,
		held:  `SELECT COUNT(*) FROM (SELECT 1 FROM todos {todos_list} WHERE list = ? LIMIT 1 OFFSET ?) AS h`,
		ping:  `SELECT version FROM schema_migrations LIMIT 1`,
		insert: `INSERT INTO todos (list, text, complete) SELECT ?, ?, FALSE
			FROM (SELECT COUNT(*) AS full FROM (SELECT 1 FROM todos {todos_list} WHERE list = ? LIMIT 1 OFFSET ?) AS h) AS l
			WHERE l.full = 0`,
		mark:      `UPDATE todos SET complete = ? WHERE list = ? AND id = ?`,
		edit:      `UPDATE todos SET text = ? WHERE list = ? AND id = ?`,
		remove:    `DELETE FROM todos WHERE list = ? AND id = ?`,
		clearDone: `DELETE FROM todos WHERE list = ? AND complete = TRUE`,
	}[s]
}

var hint = regexp.MustCompile(`\{(\w+)\}`)

// texts returns all statements for a database that writes hints so: $1 is the index.
func texts(hinted string) (all [statements]string) {
	for s := range statements {
		all[s] = hint.ReplaceAllString(strings.ReplaceAll(s.text(), "{more}", strconv.Itoa(more)), hinted)
	}
	return all
}
