-- A forgotten storage is retired, and nothing of it is left in the online store. Its
-- row stays for the records of its runs.
ALTER TABLE $schema.storages ADD COLUMN forgotten boolean NOT NULL DEFAULT false;
