package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

// Identity implements registry.Store.
func (s *Store) Identity(ctx context.Context) (registry.Identity, error) {
	var i registry.Identity
	err := s.query(ctx, "read its identity", func(ctx context.Context, q querier) error {
		return q.QueryRow(ctx, s.sql("SELECT id, project FROM $schema.registry")).Scan(&i.ID, &i.Project)
	})
	return i, err
}

// Head implements registry.Store.
func (s *Store) Head(ctx context.Context) (registry.Head, error) {
	var h registry.Head
	err := s.query(ctx, "read its head", func(ctx context.Context, q querier) error {
		return q.QueryRow(ctx, s.sql("SELECT revision, serial FROM $schema.registry")).Scan(&h.Revision, &h.Serial)
	})
	return h, err
}

// counters are what the registry's row gives out.
type counters struct{ revision, storage, run int64 }

// lock takes the lock that all writers but those of records of runs take, until
// the end of the transaction, and reads what the row says now.
func (s *Store) lock(ctx context.Context, tx pgx.Tx) (counters, error) {
	var c counters
	err := tx.QueryRow(ctx, s.sql("SELECT revision, last_storage, last_run FROM $schema.registry FOR UPDATE")).Scan(&c.revision, &c.storage, &c.run)
	return c, err
}

// Commit implements registry.Store.
func (s *Store) Commit(ctx context.Context, base int64, change registry.Change) (int64, error) {
	w := writer{s: s, next: base + 1, change: &change, token: registry.NewID()}
	err := s.write(ctx, "commit", func(ctx context.Context, tx pgx.Tx, unsure bool) error {
		at, err := s.lock(ctx, tx)
		if err != nil {
			return err
		}
		if unsure {
			if made, err := w.made(ctx, tx); made || err != nil {
				return err
			}
		}
		if at.revision != base {
			return fmt.Errorf("registry %s is at revision %d, not at %d: %w", s.name, at.revision, base, feature.ErrConflict)
		}
		return w.write(ctx, tx, at.storage)
	})
	if err != nil {
		return 0, err
	}
	return w.next, nil
}

// writer writes the parts of one revision.
type writer struct {
	s      *Store
	next   int64
	change *registry.Change
	token  string
}

// made tells whether an earlier try of this call has made the revision.
func (w *writer) made(ctx context.Context, tx pgx.Tx) (bool, error) {
	var made bool
	err := tx.QueryRow(ctx, w.s.sql("SELECT EXISTS (SELECT FROM $schema.revisions WHERE token = $1)"), w.token).Scan(&made)
	return made, err
}

func (w *writer) write(ctx context.Context, tx pgx.Tx, lastStorage int64) error {
	for _, step := range []func(context.Context, pgx.Tx) error{w.revision, w.objects, w.pointers, w.retire} {
		if err := step(ctx, tx); err != nil {
			return err
		}
	}
	if err := w.storages(ctx, tx, lastStorage); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, w.s.sql("UPDATE $schema.registry SET revision = $1, serial = serial + 1, last_storage = last_storage + $2"),
		w.next, len(w.change.Storages))
	return err
}

func (w *writer) revision(ctx context.Context, tx pgx.Tx) error {
	record, err := json.Marshal(registry.Revision{
		Number: w.next, Author: w.change.Author, Operation: w.change.Operation, Changes: w.change.Changes,
	})
	if err != nil {
		return fmt.Errorf("record the changes: %w", err)
	}
	_, err = tx.Exec(ctx, w.s.sql("INSERT INTO $schema.revisions (number, token, record) VALUES ($1, $2, $3::json)"), w.next, w.token, string(record))
	return err
}

func (w *writer) objects(ctx context.Context, tx pgx.Tx) error {
	n := len(w.change.Objects)
	if n == 0 {
		return nil
	}
	kinds, names, versions, specs := make([]string, n), make([]string, n), make([]int64, n), make([]*string, n)
	for i, o := range w.change.Objects {
		kinds[i], names[i], versions[i] = o.Kind, o.Name, int64(o.Version)
		if o.Spec != nil {
			text := string(o.Spec)
			specs[i] = &text
		}
	}
	_, err := tx.Exec(ctx, w.s.sql(`INSERT INTO $schema.objects (kind, name, version, revision, spec)
		SELECT kind, name, version, $1, spec::json
		FROM unnest($2::text[], $3::text[], $4::bigint[], $5::text[]) AS o (kind, name, version, spec)`), w.next, kinds, names, versions, specs)
	return err
}

func (w *writer) pointers(ctx context.Context, tx pgx.Tx) error {
	n := len(w.change.Pointers)
	if n == 0 {
		return nil
	}
	kinds, names, current, defined := make([]string, n), make([]string, n), make([]int64, n), make([]int64, n)
	for i, p := range w.change.Pointers {
		kinds[i], names[i], current[i], defined[i] = p.Kind, p.Name, int64(p.Current), int64(p.Defined)
	}
	_, err := tx.Exec(ctx, w.s.sql(`INSERT INTO $schema.pointers (kind, name, revision, current, defined)
		SELECT kind, name, $1, current, defined
		FROM unnest($2::text[], $3::text[], $4::bigint[], $5::bigint[]) AS p (kind, name, current, defined)`), w.next, kinds, names, current, defined)
	return err
}

func (w *writer) retire(ctx context.Context, tx pgx.Tx) error {
	n := len(w.change.Retire)
	if n == 0 {
		return nil
	}
	views, versions := make([]string, n), make([]int64, n)
	for i, r := range w.change.Retire {
		views[i], versions[i] = r.View, int64(r.Version)
	}
	_, err := tx.Exec(ctx, w.s.sql(`UPDATE $schema.storages AS s SET state = 'retired'
		FROM unnest($1::text[], $2::bigint[]) AS r (view, version)
		WHERE s.view = r.view AND s.version = r.version AND s.state <> 'retired'`), views, versions)
	return err
}

func (w *writer) storages(ctx context.Context, tx pgx.Tx, last int64) error {
	n := len(w.change.Storages)
	if n == 0 {
		return nil
	}
	views, versions, layouts := make([]string, n), make([]int64, n), make([]string, n)
	for i, layout := range w.change.Storages {
		layout.ID, layout.State = 0, ""
		text, err := json.Marshal(&layout)
		if err != nil {
			return fmt.Errorf("record the layout of %s@%d: %w", layout.View, layout.Version, err)
		}
		views[i], versions[i], layouts[i] = layout.View, int64(layout.Version), string(text)
	}
	if _, err := tx.Exec(ctx, w.s.sql(`UPDATE $schema.storages AS s SET state = 'retired'
		FROM unnest($1::text[], $2::bigint[]) AS n (view, version)
		WHERE s.view = n.view AND s.version = n.version AND s.state = 'filling'`), views, versions); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, w.s.sql(`INSERT INTO $schema.storages (id, view, version, revision, layout, state)
		SELECT $1 + place, view, version, $2, layout::json,
			CASE WHEN EXISTS (SELECT FROM $schema.storages AS s WHERE s.view = n.view AND s.version = n.version AND s.state = 'active')
			THEN 'filling' ELSE 'active' END
		FROM unnest($3::text[], $4::bigint[], $5::text[]) WITH ORDINALITY AS n (view, version, layout, place)`),
		last, w.next, views, versions, layouts)
	return err
}

// History implements registry.Store.
func (s *Store) History(ctx context.Context, limit int) ([]registry.Revision, error) {
	var revisions []registry.Revision
	err := s.query(ctx, "read its history", func(ctx context.Context, q querier) error {
		revisions = nil
		return each(ctx, q, func(rows pgx.Rows) error {
			var number int64
			var record []byte
			if err := rows.Scan(&number, &record); err != nil {
				return err
			}
			var r registry.Revision
			if err := json.Unmarshal(record, &r); err != nil {
				return fmt.Errorf("registry %s: the record of revision %d can't be read: %w: %w", s.name, number, err, feature.ErrInvalid)
			}
			revisions = append(revisions, r)
			return nil
		}, limited(s.sql("SELECT number, record FROM $schema.revisions ORDER BY number DESC"), limit))
	})
	if err != nil {
		return nil, err
	}
	return revisions, nil
}

func noRows(err error) bool { return errors.Is(err, pgx.ErrNoRows) }
