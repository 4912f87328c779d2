package postgres

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

// Load implements registry.Store.
func (s *Store) Load(ctx context.Context, revision int64) (*registry.Snapshot, error) {
	var state registry.State
	err := s.read(ctx, "load", func(ctx context.Context, tx pgx.Tx) error {
		state = registry.State{}
		row := tx.QueryRow(ctx, s.sql("SELECT id, project, revision, serial FROM $schema.registry"))
		if err := row.Scan(&state.Identity.ID, &state.Identity.Project, &state.Head.Revision, &state.Head.Serial); err != nil {
			return err
		}
		if revision < 0 || revision > state.Head.Revision {
			return fmt.Errorf("registry %s has no revision %d; its newest is %d: %w", s.name, revision, state.Head.Revision, feature.ErrNotFound)
		}
		if revision != 0 {
			state.Head.Revision = revision
		}
		if err := s.loadObjects(ctx, tx, &state); err != nil {
			return err
		}
		if err := s.loadPointers(ctx, tx, &state); err != nil {
			return err
		}
		return s.loadStorages(ctx, tx, &state)
	})
	if err != nil {
		return nil, err
	}
	snapshot, err := registry.NewSnapshot(state)
	if err != nil {
		return nil, fmt.Errorf("registry %s, revision %d: %w", s.name, state.Head.Revision, err)
	}
	return snapshot, nil
}

func (s *Store) loadObjects(ctx context.Context, tx pgx.Tx, state *registry.State) error {
	return each(ctx, tx, func(rows pgx.Rows) error {
		var o registry.Object
		if err := rows.Scan(&o.Kind, &o.Name, &o.Version, (*[]byte)(&o.Spec)); err != nil {
			return err
		}
		state.Objects = append(state.Objects, o)
		return nil
	}, s.sql(`SELECT o.kind, o.name, o.version, o.spec
		FROM (SELECT kind, name, version, max(revision) AS revision FROM $schema.objects WHERE revision <= $1 GROUP BY kind, name, version) AS newest
		JOIN $schema.objects AS o ON o.kind = newest.kind AND o.name = newest.name AND o.version = newest.version AND o.revision = newest.revision
		WHERE o.spec IS NOT NULL`), state.Head.Revision)
}

func (s *Store) loadPointers(ctx context.Context, tx pgx.Tx, state *registry.State) error {
	return each(ctx, tx, func(rows pgx.Rows) error {
		var p registry.Pointer
		if err := rows.Scan(&p.Kind, &p.Name, &p.Current, &p.Defined); err != nil {
			return err
		}
		state.Pointers = append(state.Pointers, p)
		return nil
	}, s.sql(`SELECT DISTINCT ON (kind, name) kind, name, current, defined
		FROM $schema.pointers WHERE revision <= $1 ORDER BY kind, name, revision DESC`), state.Head.Revision)
}

func (s *Store) loadStorages(ctx context.Context, tx pgx.Tx, state *registry.State) error {
	return each(ctx, tx, func(rows pgx.Rows) error {
		var id uint64
		var stateText string
		var layout []byte
		if err := rows.Scan(&id, &stateText, &layout); err != nil {
			return err
		}
		var st feature.Storage
		if err := json.Unmarshal(layout, &st); err != nil {
			return fmt.Errorf("registry %s: the record of storage %d can't be read: %w: %w", s.name, id, err, feature.ErrInvalid)
		}
		st.ID, st.State = id, feature.StorageState(stateText)
		state.Storages = append(state.Storages, st)
		return nil
	}, s.sql("SELECT id, state, layout FROM $schema.storages WHERE revision <= $1 AND NOT forgotten ORDER BY id"), state.Head.Revision)
}
