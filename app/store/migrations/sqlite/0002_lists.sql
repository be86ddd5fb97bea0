-- A list for every visitor. Rows from before belong to the list named ''.
ALTER TABLE todos ADD COLUMN list VARCHAR(64) NOT NULL DEFAULT '';
CREATE INDEX todos_list ON todos (list, id);
