package store

// statement is one of the statements that a store runs. Their texts are the
// same for every database.
type statement int

const (
	newest     statement = iota // list, limit
	page                        // list, before, limit, list, many, list, many
	pageDone                    // list, done, before, limit, list, many, list, many
	count                       // list, many, list, many
	held                        // list, limit
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
	counted = `(SELECT COUNT(*) FROM (SELECT 1 FROM todos WHERE list = ? AND complete = FALSE LIMIT ?) AS o),
		(SELECT COUNT(*) FROM (SELECT 1 FROM todos WHERE list = ? AND complete = TRUE LIMIT ?) AS d)`
	// The row of counts has no id, and the number done in place of a text.
	andCounted = ` UNION ALL SELECT NULL, ` + counted
)

// text returns the statement in SQL.
func (s statement) text() string {
	return [statements]string{
		newest: `SELECT id, complete, text FROM todos WHERE list = ? ORDER BY id DESC LIMIT ?`,
		page: `SELECT * FROM (SELECT id, complete, text FROM todos
			WHERE list = ? AND id < ? ORDER BY id DESC LIMIT ?) AS i` + andCounted,
		pageDone: `SELECT * FROM (SELECT id, complete, text FROM todos
			WHERE list = ? AND complete = ? AND id < ? ORDER BY id DESC LIMIT ?) AS i` + andCounted,
		count: `SELECT NULL, ` + counted,
		held:  `SELECT COUNT(*) FROM (SELECT 1 FROM todos WHERE list = ? LIMIT ?) AS h`,
		ping:  `SELECT version FROM schema_migrations LIMIT 1`,
		insert: `INSERT INTO todos (list, text, complete)
			SELECT ?, ?, FALSE FROM (SELECT COUNT(*) AS n FROM (SELECT 1 FROM todos WHERE list = ? LIMIT ?) AS h) AS c
			WHERE c.n < ?`,
		mark:      `UPDATE todos SET complete = ? WHERE list = ? AND id = ?`,
		edit:      `UPDATE todos SET text = ? WHERE list = ? AND id = ?`,
		remove:    `DELETE FROM todos WHERE list = ? AND id = ?`,
		clearDone: `DELETE FROM todos WHERE list = ? AND complete = TRUE`,
	}[s]
}
