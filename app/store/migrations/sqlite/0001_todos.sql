-- The table of the first version of this service. One that is there already,
-- with its rows, is adopted as it is.
CREATE TABLE IF NOT EXISTS todos (
  id       INTEGER PRIMARY KEY AUTOINCREMENT, -- so that no id is used twice
  text     VARCHAR(200),
  complete BOOLEAN
);
