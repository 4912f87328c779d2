package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

// NewStorage implements registry.Store. Where it is not known whether a try took
// place, the next one makes another storage and retires that of the first.
func (s *Store) NewStorage(ctx context.Context, view string, version int) (feature.Storage, error) {
	var made feature.Storage
	err := s.write(ctx, "make a storage", func(ctx context.Context, tx pgx.Tx, _ bool) error {
		at, err := s.lock(ctx, tx)
		if err != nil {
			return err
		}
		made = feature.Storage{}
		var layout []byte
		err = tx.QueryRow(ctx, s.sql(`SELECT layout FROM $schema.storages WHERE view = $1 AND version = $2 AND state <> 'retired'
			ORDER BY id DESC LIMIT 1`), view, version).Scan(&layout)
		if noRows(err) {
			return fmt.Errorf("view %s@%d is not kept online: %w", view, version, feature.ErrNotFound)
		}
		if err != nil {
			return err
		}
		if err := json.Unmarshal(layout, &made); err != nil {
			return fmt.Errorf("the layout of %s@%d can't be read: %w: %w", view, version, err, feature.ErrInvalid)
		}
		id := at.storage + 1
		if _, err := tx.Exec(ctx, s.sql("UPDATE $schema.storages SET state = 'retired' WHERE view = $1 AND version = $2 AND state = 'filling'"),
			view, version); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, s.sql(`INSERT INTO $schema.storages (id, view, version, revision, layout, state)
			VALUES ($1, $2, $3, $4, $5::json, 'filling')`), id, view, version, at.revision, string(layout)); err != nil {
			return err
		}
		made.ID, made.State = uint64(id), feature.StorageFilling //nolint:gosec // ids are positive
		_, err = tx.Exec(ctx, s.sql("UPDATE $schema.registry SET last_storage = $1"), id)
		return err
	})
	if err != nil {
		return feature.Storage{}, err
	}
	return made, nil
}

// Served implements registry.Store.
func (s *Store) Served(ctx context.Context, view string, version int) (feature.Served, error) {
	var served feature.Served
	err := s.query(ctx, "read the active storage", func(ctx context.Context, q querier) (err error) {
		served, err = s.served(ctx, q, view, version)
		return err
	})
	return served, err
}

func (s *Store) served(ctx context.Context, q querier, view string, version int) (served feature.Served, err error) {
	var id int64
	err = q.QueryRow(ctx, s.sql(`SELECT s.id, (SELECT count(*) FROM $schema.runs r WHERE r.storage = s.id AND r.state = 'done')
		FROM $schema.storages s WHERE s.view = $1 AND s.version = $2 AND s.state = 'active'`), view, version).Scan(&id, &served.Runs)
	if noRows(err) {
		return served, fmt.Errorf("view %s@%d is not kept online: %w", view, version, feature.ErrNotFound)
	}
	served.Storage = uint64(id) //nolint:gosec // ids are positive
	return served, err
}

// ActivateStorage implements registry.Store.
func (s *Store) ActivateStorage(ctx context.Context, storage uint64, served feature.Served) error {
	return s.write(ctx, "switch a storage", func(ctx context.Context, tx pgx.Tx, _ bool) error {
		if _, err := s.lock(ctx, tx); err != nil {
			return err
		}
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
		id := int64(storage) //nolint:gosec // it was found
		var view string
		var version int
		if err := tx.QueryRow(ctx, s.sql("SELECT view, version FROM $schema.storages WHERE id = $1"), id).Scan(&view, &version); err != nil {
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
			`UPDATE $schema.storages SET state = 'retired' WHERE state = 'active'
				AND (view, version) = (SELECT view, version FROM $schema.storages WHERE id = $1)`,
			"UPDATE $schema.storages SET state = 'active' WHERE id = $1",
		} {
			if _, err := tx.Exec(ctx, s.sql(step), id); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, s.sql("UPDATE $schema.registry SET serial = serial + 1"))
		return err
	})
}

// ForgetStorage implements registry.Store.
func (s *Store) ForgetStorage(ctx context.Context, storage uint64) error {
	return s.write(ctx, "forget a storage", func(ctx context.Context, tx pgx.Tx, _ bool) error {
		if _, err := s.lock(ctx, tx); err != nil {
			return err
		}
		state, err := s.storageState(ctx, tx, storage)
		if err != nil {
			return err
		}
		if state != feature.StorageRetired {
			return fmt.Errorf("storage %d is %s, and can't be forgotten: %w", storage, state, feature.ErrConflict)
		}
		_, err = tx.Exec(ctx, s.sql("UPDATE $schema.storages SET forgotten = true WHERE id = $1"), int64(storage)) //nolint:gosec // it was found
		return err
	})
}

func (s *Store) storageState(ctx context.Context, tx pgx.Tx, storage uint64) (feature.StorageState, error) {
	var state feature.StorageState
	err := tx.QueryRow(ctx, s.sql("SELECT state FROM $schema.storages WHERE id = $1"), int64(storage)).Scan(&state) //nolint:gosec // what is too large is found nowhere
	if noRows(err) {
		return "", fmt.Errorf("registry %s has no storage %d: %w", s.name, storage, feature.ErrNotFound)
	}
	return state, err
}
