-- Names are compared by their bytes: the rules of languages are not for them, and
-- change with the operating system.

-- The one row that tells where the registry stands. Readers poll it. Whoever
-- writes anything but the record of a run locks it first, so that writers come
-- one after another and numbers grow in the order in which they are given.
CREATE TABLE $schema.registry (
  only_row     boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  id           text    NOT NULL,
  project      text    NOT NULL,
  revision     bigint  NOT NULL DEFAULT 0,
  serial       bigint  NOT NULL DEFAULT 0,
  last_storage bigint  NOT NULL DEFAULT 0, -- the greatest id that was given
  last_run     bigint  NOT NULL DEFAULT 0  -- the greatest number that was given
);

-- Rows of revisions, objects and pointers are only ever added.
CREATE TABLE $schema.revisions (
  number bigint PRIMARY KEY,
  token  text   NOT NULL UNIQUE, -- of the call that made it: tells whether it took place
  record json   NOT NULL         -- registry.Revision
);

-- A state of an object holds from its revision until a later one of the same
-- object. A null spec: the object was removed.
CREATE TABLE $schema.objects (
  kind     text    COLLATE "C" NOT NULL,
  name     text    COLLATE "C" NOT NULL,
  version  integer NOT NULL, -- 0: the kind has no versions
  revision bigint  NOT NULL REFERENCES $schema.revisions (number),
  spec     json,
  PRIMARY KEY (kind, name, version, revision)
);

CREATE TABLE $schema.pointers (
  kind     text    COLLATE "C" NOT NULL,
  name     text    COLLATE "C" NOT NULL,
  revision bigint  NOT NULL REFERENCES $schema.revisions (number),
  current  integer NOT NULL,
  defined  integer NOT NULL,
  PRIMARY KEY (kind, name, revision)
);

CREATE TABLE $schema.storages (
  id       bigint  PRIMARY KEY,
  view     text    COLLATE "C" NOT NULL,
  version  integer NOT NULL,
  revision bigint  NOT NULL REFERENCES $schema.revisions (number), -- that made it
  state    text    NOT NULL CHECK (state IN ('filling', 'active', 'retired')),
  layout   json    NOT NULL -- feature.Storage without id and state
);
CREATE UNIQUE INDEX storages_active ON $schema.storages (view, version) WHERE state = 'active';
CREATE UNIQUE INDEX storages_filling ON $schema.storages (view, version) WHERE state = 'filling';

CREATE TABLE $schema.runs (
  number  bigint PRIMARY KEY,
  token   text   NOT NULL UNIQUE, -- of the call that started it
  storage bigint NOT NULL REFERENCES $schema.storages (id),
  state   text   NOT NULL CHECK (state IN ('running', 'done', 'failed')),
  record  json   NOT NULL, -- feature.Run without its files
  files   json             -- []feature.File; null: none, or no longer of use
);
CREATE INDEX runs_by_storage ON $schema.runs (storage, number);
CREATE INDEX runs_done ON $schema.runs (storage, number) WHERE state = 'done';
-- With every run that is done, those before it lose their lists of files.
CREATE INDEX runs_with_files ON $schema.runs (storage, number) WHERE files IS NOT NULL;
