package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/quiver-features/quiver/feature"
)

// NewStorage implements registry.Store.
func (s *Store) NewStorage(ctx context.Context, view string, version int) (feature.Storage, error) {
	var made feature.Storage
	err := s.write(ctx, "make a storage", func(tx *sql.Tx) error {
		var layout string
		err := tx.QueryRowContext(ctx, `SELECT layout FROM storages WHERE view = ? AND version = ? AND state <> 'retired'
			ORDER BY id DESC LIMIT 1`, view, version).Scan(&layout)
		if errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("view %s@%d is not kept online: %w", view, version, feature.ErrNotFound)
		}
		if err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(layout), &made); err != nil {
			return fmt.Errorf("the layout of %s@%d can't be read: %w: %w", view, version, err, feature.ErrInvalid)
		}
		if _, err := tx.ExecContext(ctx, "UPDATE storages SET state = 'retired' WHERE view = ? AND version = ? AND state = 'filling'",
			view, version); err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx, `INSERT INTO storages (view, version, revision, layout, state)
			VALUES (?, ?, (SELECT max(number) FROM revisions), ?, 'filling')`, view, version, layout)
		if err != nil {
			return err
		}
		id, err := result.LastInsertId()
		made.ID, made.State = uint64(id), feature.StorageFilling //nolint:gosec // ids are positive
		return err
	})
	return made, err
}

// ActivateStorage implements registry.Store.
func (s *Store) ActivateStorage(ctx context.Context, storage uint64) error {
	return s.write(ctx, "switch a storage", func(tx *sql.Tx) error {
		state, err := s.storageState(ctx, tx, storage)
		if err != nil {
			return err
		}
		switch state {
		case feature.StorageActive:
			return nil
		case feature.StorageFilling:
		case feature.StorageRetired:
			return fmt.Errorf("storage %d was replaced by a later change: materialize the view again: %w", storage, feature.ErrConflict)
		}
		for _, step := range []string{
			`UPDATE storages SET state = 'retired' WHERE state = 'active'
				AND (view, version) = (SELECT view, version FROM storages WHERE id = ?1)`,
			"UPDATE storages SET state = 'active' WHERE id = ?1",
		} {
			if _, err := tx.ExecContext(ctx, step, int64(storage)); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, "UPDATE registry SET serial = serial + 1")
		return err
	})
}

// ForgetStorage implements registry.Store.
func (s *Store) ForgetStorage(ctx context.Context, storage uint64) error {
	return s.write(ctx, "forget a storage", func(tx *sql.Tx) error {
		state, err := s.storageState(ctx, tx, storage)
		if err != nil {
			return err
		}
		if state != feature.StorageRetired {
			return fmt.Errorf("storage %d is %s, and can't be forgotten: %w", storage, state, feature.ErrConflict)
		}
		_, err = tx.ExecContext(ctx, "UPDATE storages SET forgotten = 1 WHERE id = ?", int64(storage)) //nolint:gosec // it was found
		return err
	})
}

func (s *Store) storageState(ctx context.Context, tx *sql.Tx, storage uint64) (feature.StorageState, error) {
	var state feature.StorageState
	err := tx.QueryRowContext(ctx, "SELECT state FROM storages WHERE id = ?", int64(storage)).Scan(&state)
	if errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("registry %s has no storage %d: %w", s.path, storage, feature.ErrNotFound)
	}
	return state, err
}
