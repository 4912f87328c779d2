-- Records of runs that hold a list of files: with every run that is done, those
-- before it lose theirs.
CREATE INDEX runs_with_files ON runs (storage, number) WHERE instr(record, '"files":[') > 0;
