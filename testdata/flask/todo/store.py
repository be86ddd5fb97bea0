"""Keeps the items in SQLite."""
import sqlite3
from contextlib import closing

LONGEST = 200  # characters of an item
SHOWN = 100  # items on the page

SCHEMA = """CREATE TABLE IF NOT EXISTS todos (
    id INTEGER PRIMARY KEY,
    text VARCHAR(200) NOT NULL,
    complete BOOLEAN NOT NULL DEFAULT 0
)"""


class Store:
    """A list of items in a file. Each call has a connection of its own."""

    def __init__(self, path):
        self.path = path
        with self._connect() as db:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute(SCHEMA)
            db.commit()

    def _connect(self):
        db = sqlite3.connect(self.path, timeout=5)
        db.row_factory = sqlite3.Row
        return closing(db)

    def items(self):
        """The newest items, those to do first."""
        with self._connect() as db:
            return db.execute(
                "SELECT id, text, complete FROM todos"
                " ORDER BY complete, id DESC LIMIT ?", (SHOWN,)).fetchall()

    def add(self, text):
        """Adds an item."""
        with self._connect() as db:
            db.execute("INSERT INTO todos (text) VALUES (?)", (text,))
            db.commit()

    def complete(self, item):
        """Completes an item, and tells whether there is one."""
        with self._connect() as db:
            done = db.execute(
                "UPDATE todos SET complete = 1 WHERE id = ?", (item,))
            db.commit()
            return done.rowcount > 0

    def check(self):
        """Raises an error unless the database answers."""
        with self._connect() as db:
            db.execute("SELECT 1 FROM todos LIMIT 1").fetchone()
