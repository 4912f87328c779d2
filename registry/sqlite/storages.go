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
