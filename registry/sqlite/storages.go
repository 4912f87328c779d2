package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
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

// Served implements registry.Store.
func (s *Store) Served(ctx context.Context, view string, version int) (feature.Served, error) {
	var served feature.Served
	err := s.read(ctx, "read the active storage", func(tx *sql.Tx) (err error) {
		served, err = s.served(ctx, tx, view, version)
		return err
	})
	return served, err
}

func (s *Store) served(ctx context.Context, tx *sql.Tx, view string, version int) (served feature.Served, err error) {
	var id int64
	err = tx.QueryRowContext(ctx, `SELECT id, (SELECT count(*) FROM runs WHERE storage = id AND runs.state = 'done')
		FROM storages WHERE view = ? AND version = ? AND state = 'active'`, view, version).Scan(&id, &served.Runs)
	if errors.Is(err, sql.ErrNoRows) {
		return served, fmt.Errorf("view %s@%d is not kept online: %w", view, version, feature.ErrNotFound)
	}
	served.Storage = uint64(id) //nolint:gosec // ids are positive
	return served, err
}

// ActivateStorage implements registry.Store.
func (s *Store) ActivateStorage(ctx context.Context, storage uint64, served feature.Served) error {
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
		var view string
		var version int
		if err := tx.QueryRowContext(ctx, "SELECT view, version FROM storages WHERE id = ?", int64(storage)).Scan(&view, &version); err != nil {
			return err
		}
		now, err := s.served(ctx, tx, view, version)
		if err != nil {
			return err
		}
		if now != served {
			return registry.NotServed(now, served)
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
