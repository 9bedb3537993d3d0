-- The queue and all that is known of it. Times are the database's own: workers' clocks differ.
CREATE TABLE IF NOT EXISTS runs (
  id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY,
  across SMALLINT UNSIGNED NOT NULL COMMENT 'tiles in a row',
  down SMALLINT UNSIGNED NOT NULL COMMENT 'rows of tiles',
  tile SMALLINT UNSIGNED NOT NULL COMMENT 'pixels of a tile''s side',
  submitted DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  token BIGINT UNSIGNED NULL UNIQUE COMMENT 'of the submission: the same again is no other'
);
CREATE TABLE IF NOT EXISTS jobs (
  id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY,
  run INT UNSIGNED NOT NULL,
  kind ENUM('tile', 'row', 'picture') NOT NULL,
  x SMALLINT UNSIGNED NOT NULL,
  y SMALLINT UNSIGNED NOT NULL,
  state ENUM('waiting', 'ready', 'running', 'done', 'dead') NOT NULL,
  waits_for INT UNSIGNED NOT NULL COMMENT 'needed jobs that are not done',
  poisoned BOOLEAN NOT NULL DEFAULT FALSE COMMENT 'kills the worker that tries it',
  tries SMALLINT UNSIGNED NOT NULL DEFAULT 0,
  most_tries SMALLINT UNSIGNED NOT NULL COMMENT 'dead when tries is so much',
  budget SMALLINT UNSIGNED NOT NULL COMMENT 'tries that it gets at a time: at first, and each time that it is revived',
  owner VARCHAR(100) CHARACTER SET ascii NULL,
  lease_ends DATETIME(6) NULL,
  KEY claimable (state, id),
  KEY of_run (run, kind)
);
CREATE TABLE IF NOT EXISTS needs (
  needed BIGINT UNSIGNED NOT NULL,
  job BIGINT UNSIGNED NOT NULL,
  PRIMARY KEY (needed, job),
  KEY of_job (job)
);
CREATE TABLE IF NOT EXISTS attempts (
  job BIGINT UNSIGNED NOT NULL,
  try SMALLINT UNSIGNED NOT NULL,
  worker VARCHAR(100) CHARACTER SET ascii NOT NULL,
  node VARCHAR(100) NOT NULL,
  began DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  ended DATETIME(6) NULL,
  outcome ENUM('running', 'done', 'lost', 'failed') NOT NULL DEFAULT 'running',
  PRIMARY KEY (job, try)
);
-- What the jobs have brought about. Nothing here forbids a second line for a job: if the workers did one twice, it would be seen.
CREATE TABLE IF NOT EXISTS effects (
  id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY,
  job BIGINT UNSIGNED NOT NULL,
  made DATETIME(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
  data MEDIUMBLOB NOT NULL,
  KEY of_job (job),
  KEY by_time (made)
);
