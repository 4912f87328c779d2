-- The one row that tells where the registry stands. Readers poll it.
CREATE TABLE registry (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  id       TEXT    NOT NULL,
  project  TEXT    NOT NULL,
  revision INTEGER NOT NULL,
  serial   INTEGER NOT NULL
);

-- Rows of revisions, objects and pointers are only ever added.
CREATE TABLE revisions (
  number     INTEGER PRIMARY KEY,
  at         INTEGER NOT NULL, -- microseconds since the epoch, UTC
  who        TEXT    NOT NULL,
  git_commit TEXT    NOT NULL,
  message    TEXT    NOT NULL,
  operation  TEXT    NOT NULL,
  changes    TEXT    NOT NULL  -- JSON: []registry.ObjectChange
);

-- A state of an object holds from its revision until a later one of the same
-- object. A null spec: the object was removed.
CREATE TABLE objects (
  kind     TEXT    NOT NULL,
  name     TEXT    NOT NULL,
  version  INTEGER NOT NULL, -- 0: the kind has no versions
  revision INTEGER NOT NULL REFERENCES revisions (number),
  spec     TEXT,             -- JSON
  PRIMARY KEY (kind, name, version, revision)
);

CREATE TABLE pointers (
  kind     TEXT    NOT NULL,
  name     TEXT    NOT NULL,
  revision INTEGER NOT NULL REFERENCES revisions (number),
  current  INTEGER NOT NULL,
  defined  INTEGER NOT NULL,
  PRIMARY KEY (kind, name, revision)
) WITHOUT ROWID;

-- AUTOINCREMENT: an id is never used again, even after its row is gone.
CREATE TABLE storages (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  view     TEXT    NOT NULL,
  version  INTEGER NOT NULL,
  revision INTEGER NOT NULL REFERENCES revisions (number), -- that made it
  state    TEXT    NOT NULL CHECK (state IN ('filling', 'active', 'retired')),
  layout   TEXT    NOT NULL -- JSON: feature.Storage without id and state
);
CREATE UNIQUE INDEX storages_active ON storages (view, version) WHERE state = 'active';
CREATE UNIQUE INDEX storages_filling ON storages (view, version) WHERE state = 'filling';

CREATE TABLE runs (
  number  INTEGER PRIMARY KEY AUTOINCREMENT,
  storage INTEGER NOT NULL REFERENCES storages (id),
  state   TEXT    NOT NULL CHECK (state IN ('running', 'done', 'failed')),
  record  TEXT    NOT NULL -- JSON: feature.Run
);
CREATE INDEX runs_by_storage ON runs (storage, number);
CREATE INDEX runs_done ON runs (storage, number) WHERE state = 'done';
