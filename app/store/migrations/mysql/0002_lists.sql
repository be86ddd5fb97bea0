-- A list for every visitor. Rows from before belong to the list named ''.
-- Bytes, since a text would be compared without regard to spaces at its end.
ALTER TABLE todos ADD COLUMN list VARBINARY(64) NOT NULL DEFAULT '';
CREATE INDEX todos_list ON todos (list, id);
