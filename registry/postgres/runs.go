package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

// StartRun implements registry.Store.
func (s *Store) StartRun(ctx context.Context, run feature.Run) (int64, error) {
	if run.State == "" {
		run.State = feature.RunRunning
	}
	token := registry.NewID()
	err := s.write(ctx, "start a run", func(ctx context.Context, tx pgx.Tx, unsure bool) error {
		at, err := s.lock(ctx, tx)
		if err != nil {
			return err
		}
		if unsure {
			err := tx.QueryRow(ctx, s.sql("SELECT number FROM $schema.runs WHERE token = $1"), token).Scan(&run.Number)
			if !noRows(err) {
				return err
			}
		}
		if _, err := s.storageState(ctx, tx, run.Storage); err != nil {
			return err
		}
		run.Number = at.run + 1
		record, files, err := recordOf(run)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, s.sql(`INSERT INTO $schema.runs (number, token, storage, state, record, files)
			VALUES ($1, $2, $3, $4, $5::json, $6::json)`),
			run.Number, token, int64(run.Storage), string(run.State), record, files); err != nil { //nolint:gosec // it was found
			return err
		}
		_, err = tx.Exec(ctx, s.sql("UPDATE $schema.registry SET last_run = $1"), run.Number)
		return err
	})
	if err != nil {
		return 0, err
	}
	return run.Number, nil
}

// recordOf gives the two parts that a record is kept in: without its files, and
// these; null for none.
func recordOf(run feature.Run) (record string, files *string, err error) {
	if len(run.Files) > 0 {
		text, err := json.Marshal(run.Files)
		if err != nil {
			return "", nil, fmt.Errorf("record the files of run %d: %w", run.Number, err)
		}
		list := string(text)
		files = &list
	}
	run.Files = nil
	text, err := json.Marshal(&run)
	if err != nil {
		return "", nil, fmt.Errorf("record run %d: %w", run.Number, err)
	}
	return string(text), files, nil
}

// SaveRun implements registry.Store.
func (s *Store) SaveRun(ctx context.Context, run feature.Run) error {
	record, files, err := recordOf(run)
	if err != nil {
		return err
	}
	return s.write(ctx, "save a run", func(ctx context.Context, tx pgx.Tx, unsure bool) error {
		var storage int64
		var state feature.RunState
		var kept string
		err := tx.QueryRow(ctx, s.sql("SELECT storage, state, record::text FROM $schema.runs WHERE number = $1 FOR UPDATE"), run.Number).
			Scan(&storage, &state, &kept)
		switch {
		case noRows(err):
			return s.noRun(run.Number)
		case err != nil:
			return err
		case uint64(storage) != run.Storage: //nolint:gosec // ids are positive
			return fmt.Errorf("run %d fills storage %d, not %d: %w", run.Number, storage, run.Storage, feature.ErrInvalid)
		case unsure && state == run.State && kept == record:
			return nil // the earlier try did it
		case state != feature.RunRunning:
			return fmt.Errorf("run %d is %s already: another process completed it: %w", run.Number, state, feature.ErrConflict)
		}
		if _, err := tx.Exec(ctx, s.sql("UPDATE $schema.runs SET state = $1, record = $2::json, files = $3::json WHERE number = $4"),
			string(run.State), record, files, run.Number); err != nil || run.State != feature.RunDone {
			return err
		}
		_, err = tx.Exec(ctx, s.sql(`UPDATE $schema.runs SET files = NULL WHERE storage = $1 AND files IS NOT NULL
			AND number < (SELECT number FROM $schema.runs WHERE storage = $1 AND state = 'done' ORDER BY number DESC LIMIT 1 OFFSET 1)`), storage)
		return err
	})
}

func (s *Store) noRun(number int64) error {
	return fmt.Errorf("registry %s has no run %d: %w", s.name, number, feature.ErrNotFound)
}

// Run implements registry.Store.
func (s *Store) Run(ctx context.Context, number int64) (feature.Run, error) {
	runs, err := s.queryRuns(ctx, "SELECT number, record, files FROM $schema.runs WHERE number = $1", number)
	if err == nil && len(runs) == 0 {
		err = s.noRun(number)
	}
	if err != nil {
		return feature.Run{}, err
	}
	return runs[0], nil
}

// Runs implements registry.Store.
func (s *Store) Runs(ctx context.Context, storage uint64, limit int) ([]feature.Run, error) {
	if storage == 0 {
		return s.queryRuns(ctx, limited("SELECT number, record, files FROM $schema.runs ORDER BY number DESC", limit))
	}
	return s.queryRuns(ctx, limited("SELECT number, record, files FROM $schema.runs WHERE storage = $1 ORDER BY number DESC", limit),
		int64(storage)) //nolint:gosec // what is too large is found nowhere
}

func (s *Store) queryRuns(ctx context.Context, query string, args ...any) ([]feature.Run, error) {
	var runs []feature.Run
	err := s.query(ctx, "read runs", func(ctx context.Context, q querier) error {
		runs = nil
		return each(ctx, q, func(rows pgx.Rows) error {
			var number int64
			var record, files []byte
			if err := rows.Scan(&number, &record, &files); err != nil {
				return err
			}
			var run feature.Run
			err := json.Unmarshal(record, &run)
			if err == nil && files != nil {
				err = json.Unmarshal(files, &run.Files)
			}
			if err != nil {
				return fmt.Errorf("registry %s: the record of run %d can't be read: %w: %w", s.name, number, err, feature.ErrInvalid)
			}
			runs = append(runs, run)
			return nil
		}, s.sql(query), args...)
	})
	if err != nil {
		return nil, err
	}
	return runs, nil
}
