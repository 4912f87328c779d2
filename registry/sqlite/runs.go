package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/quiver-features/quiver/feature"
)

// StartRun implements registry.Store.
func (s *Store) StartRun(ctx context.Context, run feature.Run) (int64, error) {
	if run.State == "" {
		run.State = feature.RunRunning
	}
	var number int64
	err := s.write(ctx, "start a run", func(tx *sql.Tx) error {
		if _, err := s.storageState(ctx, tx, run.Storage); err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx, "INSERT INTO runs (storage, state, record) VALUES (?, ?, '')", int64(run.Storage), string(run.State))
		if err != nil {
			return err
		}
		if number, err = result.LastInsertId(); err != nil {
			return err
		}
		run.Number = number
		record, err := json.Marshal(&run)
		if err != nil {
			return fmt.Errorf("record run %d: %w", number, err)
		}
		_, err = tx.ExecContext(ctx, "UPDATE runs SET record = ? WHERE number = ?", string(record), number)
		return err
	})
	if err != nil {
		return 0, err
	}
	return number, nil
}

// SaveRun implements registry.Store.
func (s *Store) SaveRun(ctx context.Context, run feature.Run) error {
	record, err := json.Marshal(&run)
	if err != nil {
		return fmt.Errorf("record run %d: %w", run.Number, err)
	}
	return s.write(ctx, "save a run", func(tx *sql.Tx) error {
		var storage int64
		var state feature.RunState
		err := tx.QueryRowContext(ctx, "SELECT storage, state FROM runs WHERE number = ?", run.Number).Scan(&storage, &state)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return s.noRun(run.Number)
		case err != nil:
			return err
		case uint64(storage) != run.Storage:
			return fmt.Errorf("run %d fills storage %d, not %d: %w", run.Number, storage, run.Storage, feature.ErrInvalid)
		case state != feature.RunRunning:
			return fmt.Errorf("run %d is %s already: another process completed it: %w", run.Number, state, feature.ErrConflict)
		}
		_, err = tx.ExecContext(ctx, "UPDATE runs SET state = ?, record = ? WHERE number = ?", string(run.State), string(record), run.Number)
		if err != nil || run.State != feature.RunDone {
			return err
		}
		return dropFiles(ctx, tx, storage)
	})
}

// dropFiles takes the lists of files out of the records of a storage's runs before
// the last two that are done. The condition on the record is that of the index
// runs_with_files, which holds only the few records that still have a list. In a
// string of JSON the quotes are escaped, so it matches the member and nothing
// else.
func dropFiles(ctx context.Context, tx *sql.Tx, storage int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE runs SET record = json_remove(record, '$.files')
		WHERE storage = ?1 AND instr(record, '"files":[') > 0
		AND number < (SELECT number FROM runs WHERE storage = ?1 AND state = 'done' ORDER BY number DESC LIMIT 1 OFFSET 1)
		AND json_valid(record)`, storage)
	return err
}

func (s *Store) noRun(number int64) error {
	return fmt.Errorf("registry %s has no run %d: %w", s.path, number, feature.ErrNotFound)
}

// Run implements registry.Store.
func (s *Store) Run(ctx context.Context, number int64) (feature.Run, error) {
	runs, err := s.queryRuns(ctx, "SELECT number, record FROM runs WHERE number = ?", number)
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
		return s.queryRuns(ctx, "SELECT number, record FROM runs ORDER BY number DESC LIMIT ?", orAll(limit))
	}
	return s.queryRuns(ctx, "SELECT number, record FROM runs WHERE storage = ? ORDER BY number DESC LIMIT ?", int64(storage), orAll(limit))
}

func (s *Store) queryRuns(ctx context.Context, query string, args ...any) ([]feature.Run, error) {
	var runs []feature.Run
	err := s.each(ctx, s.db, func(rows *sql.Rows) error {
		var number int64
		var record []byte
		if err := rows.Scan(&number, &record); err != nil {
			return err
		}
		var run feature.Run
		if err := json.Unmarshal(record, &run); err != nil {
			return fmt.Errorf("registry %s: the record of run %d can't be read: %w: %w", s.path, number, err, feature.ErrInvalid)
		}
		runs = append(runs, run)
		return nil
	}, query, args...)
	return runs, s.wrap("read runs", err)
}
