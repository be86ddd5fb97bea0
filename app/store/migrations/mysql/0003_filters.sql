-- For a list's open or done items, and for counting them. Rows from before may
-- have no state: they are not done.
CREATE INDEX todos_list_complete ON todos (list, complete, id);
UPDATE todos SET complete = FALSE WHERE complete IS NULL;
-- An adopted table may have a character set without emoji.
ALTER TABLE todos CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
