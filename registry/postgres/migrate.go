package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

// The migrations, in the order of their names: the n-th leads to schema version n.
// A migration that was released is never changed. $schema stands for the schema.
//
//go:embed migrations/*.sql
var migrations embed.FS

func migrationFiles() fs.FS {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the name is a constant
	}
	return files
}

// migrate brings the schema to the newest version. Any number of processes may do
// it at once: one does the work in a transaction, the others wait for it and find
// it done.
func (s *Store) migrate(ctx context.Context, files fs.FS, options Options) error {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return fmt.Errorf("registry: embedded migrations: %w", err)
	}
	var version int
	err = s.query(ctx, "open", func(ctx context.Context, q querier) error {
		version, err = s.schemaVersion(ctx, q, len(entries))
		return err
	})
	switch {
	case err != nil || version == len(entries):
		return err
	case version == 0 && options.MustExist:
		return fmt.Errorf("there is no registry %s yet: quiver apply makes it: %w", s.name, feature.ErrNotFound)
	}
	return s.write(ctx, fmt.Sprintf("bring its schema from version %d to %d", version, len(entries)), func(ctx context.Context, tx pgx.Tx, _ bool) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", "quiver registry "+s.schema); err != nil {
			return err
		}
		version, err := s.schemaVersion(ctx, tx, len(entries))
		if err != nil {
			return err
		}
		for n, entry := range entries[version:] {
			script, err := fs.ReadFile(files, entry.Name())
			if err != nil {
				return fmt.Errorf("registry: embedded migrations: %w", err)
			}
			if version+n == 0 {
				if err := s.initialize(ctx, tx, string(script), options.Project); err != nil {
					return err
				}
			} else if _, err := tx.Exec(ctx, s.sql(string(script))); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, s.sql("INSERT INTO $schema.quiver_migrations (version) VALUES ($1)"), version+n+1); err != nil {
				return err
			}
		}
		return nil
	})
}

// initialize makes the schema where there is none, and the registry in it.
func (s *Store) initialize(ctx context.Context, tx pgx.Tx, script, project string) error {
	var exists bool
	if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", s.schema).Scan(&exists); err != nil {
		return err
	}
	if !exists { // IF NOT EXISTS would want the right to create schemas even where it exists
		if _, err := tx.Exec(ctx, s.sql("CREATE SCHEMA $schema")); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, s.sql("CREATE TABLE $schema.quiver_migrations (version integer PRIMARY KEY, at timestamptz NOT NULL DEFAULT now());")+s.sql(script)); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, s.sql("INSERT INTO $schema.registry (id, project) VALUES ($1, $2)"), registry.NewID(), project)
	return err
}

// schemaVersion gives the version of the registry's tables, 0 where there is no
// schema or nothing in it.
func (s *Store) schemaVersion(ctx context.Context, q querier, newest int) (int, error) {
	var tables int
	var ours bool
	// The catalog can be read without any right to the schema.
	if err := q.QueryRow(ctx, `SELECT count(*), coalesce(bool_or(c.relname = 'quiver_migrations' AND c.relkind = 'r'), false)
		FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = $1`, s.schema).Scan(&tables, &ours); err != nil {
		return 0, err
	}
	switch {
	case tables == 0:
		return 0, nil
	case !ours:
		return 0, fmt.Errorf("registry %s: the schema %s of that database holds something else: name another one (?schema=NAME in the URL): %w",
			s.name, s.schema, feature.ErrInvalid)
	}
	var version int
	if err := q.QueryRow(ctx, s.sql("SELECT coalesce(max(version), 0) FROM $schema.quiver_migrations")).Scan(&version); err != nil {
		return 0, err
	}
	if version > newest {
		return 0, fmt.Errorf("registry %s has schema version %d, and this version of Quiver knows up to %d: use a newer Quiver: %w",
			s.name, version, newest, feature.ErrInvalid)
	}
	return version, nil
}
