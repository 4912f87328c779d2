package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

// Identity implements registry.Store.
func (s *Store) Identity(ctx context.Context) (registry.Identity, error) {
	var i registry.Identity
	err := s.db.QueryRowContext(ctx, "SELECT id, project FROM registry").Scan(&i.ID, &i.Project)
	return i, s.wrap("read its identity", err)
}

// Head implements registry.Store.
func (s *Store) Head(ctx context.Context) (registry.Head, error) {
	h, err := head(ctx, s.db)
	return h, s.wrap("read its head", err)
}

func head(ctx context.Context, q querier) (registry.Head, error) {
	var h registry.Head
	err := q.QueryRowContext(ctx, "SELECT revision, serial FROM registry").Scan(&h.Revision, &h.Serial)
	return h, err
}

// Commit implements registry.Store.
func (s *Store) Commit(ctx context.Context, base int64, change registry.Change) (int64, error) {
	next := base + 1
	err := s.write(ctx, "commit", func(tx *sql.Tx) error {
		at, err := head(ctx, tx)
		if err != nil {
			return err
		}
		if at.Revision != base {
			return fmt.Errorf("registry %s is at revision %d, not at %d: %w", s.path, at.Revision, base, feature.ErrConflict)
		}
		w := writer{tx, next}
		if err := w.revision(ctx, &change); err != nil {
			return err
		}
		if err := w.objects(ctx, change.Objects); err != nil {
			return err
		}
		if err := w.pointers(ctx, change.Pointers); err != nil {
			return err
		}
		if err := w.storages(ctx, &change); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE registry SET revision = ?, serial = serial + 1", next)
		return err
	})
	if err != nil {
		return 0, err
	}
	return next, nil
}

// writer writes the parts of one revision. It lives for one transaction.
type writer struct {
	tx   *sql.Tx
	next int64
}

func (w *writer) revision(ctx context.Context, c *registry.Change) error {
	changes, err := json.Marshal(c.Changes)
	if err != nil {
		return fmt.Errorf("record the changes: %w", err)
	}
	_, err = w.tx.ExecContext(ctx,
		"INSERT INTO revisions (number, at, who, git_commit, message, operation, changes) VALUES (?, ?, ?, ?, ?, ?, ?)",
		w.next, int64(c.At), c.Who, c.GitCommit, c.Message, string(c.Operation), string(changes))
	return err
}

func (w *writer) objects(ctx context.Context, objects []registry.Object) error {
	insert, err := w.tx.PrepareContext(ctx, "INSERT INTO objects (kind, name, version, revision, spec) VALUES (?, ?, ?, ?, ?)")
	if err != nil {
		return err
	}
	defer func() { _ = insert.Close() }()
	for i := range objects {
		o := &objects[i]
		spec := sql.NullString{String: string(o.Spec), Valid: o.Spec != nil}
		if _, err := insert.ExecContext(ctx, o.Kind, o.Name, o.Version, w.next, spec); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) pointers(ctx context.Context, pointers []registry.Pointer) error {
	for _, p := range pointers {
		if _, err := w.tx.ExecContext(ctx, "INSERT INTO pointers (kind, name, revision, current, defined) VALUES (?, ?, ?, ?, ?)",
			p.Kind, p.Name, w.next, p.Current, p.Defined); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) storages(ctx context.Context, c *registry.Change) error {
	for _, ref := range c.Retire {
		if _, err := w.tx.ExecContext(ctx, "UPDATE storages SET state = 'retired' WHERE view = ? AND version = ? AND state <> 'retired'",
			ref.View, ref.Version); err != nil {
			return err
		}
	}
	for i := range c.Storages {
		layout := c.Storages[i]
		layout.ID, layout.State = 0, ""
		text, err := json.Marshal(&layout)
		if err != nil {
			return fmt.Errorf("record the layout of %s@%d: %w", layout.View, layout.Version, err)
		}
		if _, err := w.tx.ExecContext(ctx, "UPDATE storages SET state = 'retired' WHERE view = ? AND version = ? AND state = 'filling'",
			layout.View, layout.Version); err != nil {
			return err
		}
		if _, err := w.tx.ExecContext(ctx, `
			INSERT INTO storages (view, version, revision, layout, state) VALUES (?1, ?2, ?3, ?4,
				CASE WHEN EXISTS (SELECT 1 FROM storages WHERE view = ?1 AND version = ?2 AND state = 'active') THEN 'filling' ELSE 'active' END)`,
			layout.View, layout.Version, w.next, string(text)); err != nil {
			return err
		}
	}
	return nil
}

// History implements registry.Store.
func (s *Store) History(ctx context.Context, limit int) ([]registry.Revision, error) {
	var revisions []registry.Revision
	err := s.each(ctx, s.db, func(rows *sql.Rows) error {
		var r registry.Revision
		var changes []byte
		if err := rows.Scan(&r.Number, &r.At, &r.Who, &r.GitCommit, &r.Message, &r.Operation, &changes); err != nil {
			return err
		}
		if err := json.Unmarshal(changes, &r.Changes); err != nil {
			return fmt.Errorf("registry %s: the record of revision %d can't be read: %w: %w", s.path, r.Number, err, feature.ErrInvalid)
		}
		revisions = append(revisions, r)
		return nil
	}, "SELECT number, at, who, git_commit, message, operation, changes FROM revisions ORDER BY number DESC LIMIT ?", orAll(limit))
	return revisions, s.wrap("read its history", err)
}

// orAll turns a limit of 0 into what SQLite takes for none.
func orAll(limit int) int {
	if limit <= 0 {
		return -1
	}
	return limit
}

type rowQuerier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// each calls fn for every row of a query.
func (s *Store) each(ctx context.Context, q rowQuerier, fn func(*sql.Rows) error, query string, args ...any) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
