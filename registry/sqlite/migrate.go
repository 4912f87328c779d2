package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"time"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

// The migrations, in the order of their names: the n-th leads to schema version n.
// A migration that was released is never changed.
//
//go:embed migrations/*.sql
var migrations embed.FS

// applicationID marks the file as a registry of Quiver: "QVRG".
const applicationID = 0x51565247

// migrate brings the file to the newest schema. Several processes may do it at
// once: one does the work, the others find it done.
func (s *Store) migrate(ctx context.Context, options Options) error {
	entries, err := migrations.ReadDir("migrations")
	if err != nil {
		return fmt.Errorf("registry: embedded migrations: %w", err)
	}
	version, err := s.schemaVersion(ctx, s.db, len(entries))
	switch {
	case err != nil || version == len(entries):
		return err
	case version == 0 && options.MustExist: // an empty file
		return missing(s.path)
	}
	if err := s.useWAL(ctx, options.BusyTimeout); err != nil {
		return err
	}
	return s.write(ctx, "set up", func(tx *sql.Tx) error {
		version, err := s.schemaVersion(ctx, tx, len(entries))
		if err != nil {
			return err
		}
		for _, entry := range entries[version:] {
			script, err := migrations.ReadFile("migrations/" + entry.Name())
			if err != nil {
				return fmt.Errorf("registry: embedded migrations: %w", err)
			}
			if _, err := tx.ExecContext(ctx, string(script)); err != nil {
				return fmt.Errorf("migration %s: %w", entry.Name(), err)
			}
		}
		if version == 0 {
			if err := initialize(ctx, tx, options.Project); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", len(entries)))
		return err
	})
}

func initialize(ctx context.Context, tx *sql.Tx, project string) error {
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID)); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO registry (only_row, id, project, revision, serial) VALUES (1, ?, ?, 0, 0)", registry.NewID(), project)
	return err
}

type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// schemaVersion gives the version of the file's schema, 0 for an empty file.
func (s *Store) schemaVersion(ctx context.Context, q querier, newest int) (int, error) {
	var version, application, tables int
	// One statement sees one state of the file: another process may make it a registry just now.
	err := q.QueryRowContext(ctx, `SELECT user_version, application_id, (SELECT count(*) FROM sqlite_schema)
		FROM pragma_user_version, pragma_application_id`).Scan(&version, &application, &tables)
	if err != nil {
		return 0, s.wrap("open", err)
	}
	switch {
	case application != applicationID && (application != 0 || version != 0 || tables != 0):
		return 0, fmt.Errorf("%s is a SQLite file, but no registry of Quiver: name another file: %w", s.path, feature.ErrInvalid)
	case version > newest:
		return 0, fmt.Errorf("registry %s has schema version %d, and this version of Quiver knows up to %d: use a newer Quiver: %w",
			s.path, version, newest, feature.ErrInvalid)
	}
	return version, nil
}

// useWAL lets readers and a writer work at once; the file remembers it. SQLite
// does not wait for the lock that the switch needs, so this does.
func (s *Store) useWAL(ctx context.Context, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var mode string
		err := s.db.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode)
		if err == nil {
			return nil
		}
		if !locked(err) { // a disk that is full won't be emptied by waiting
			return s.wrap("open", err)
		}
		select {
		case <-ctx.Done():
			return s.wrap("open", err)
		case <-tick.C:
		}
	}
}
