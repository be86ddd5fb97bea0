-- The table of the first version of this service. One that is there already,
-- with its rows, is adopted as it is. Only InnoDB survives being killed.
CREATE TABLE IF NOT EXISTS todos (
  id       INTEGER NOT NULL AUTO_INCREMENT PRIMARY KEY,
  text     VARCHAR(200),
  complete BOOL
) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
