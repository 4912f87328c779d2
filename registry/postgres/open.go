// Package postgres keeps a registry in a schema of a PostgreSQL database: for
// teams, whose processes run on many machines. Several registries may share a
// database, each in a schema of its own.
//
// A restart of the server, and another one taking over, are survived: see
// retry.go for what is tried again, and why that is safe.
package postgres

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

// Options say which registry is opened, and how. All but URL have useful zero
// values.
type Options struct {
	// URL is postgres://USER:PASSWORD@HOST:PORT/DATABASE?PARAMETERS: what pgx reads
	// (sslmode and its like, several hosts, target_session_attrs, pool_max_conns and
	// its like), and beside it:
	//
	//	schema             where the registry's tables are; quiver where it is left out
	//	statement_timeout  the most that one statement may take, such as 90s or 90000 (ms);
	//	                   30s where it is left out, 0 for no limit
	URL string
	// Project is recorded when the registry is created; a registry of another
	// project is then refused. Empty: no check.
	Project string
	// MustExist refuses to create a missing registry.
	MustExist bool
	// Patience is how long a call is tried again while the server is away; 0 means
	// 15 s. Open itself gives up after a third of it.
	Patience time.Duration
}

// Store is a registry in a database. It implements registry.Store.
type Store struct {
	pool     *pgxpool.Pool
	schema   string
	name     string // for messages: the URL without user, password and parameters
	user     string
	timeout  time.Duration // of a statement; 0: no limit
	patience time.Duration
	closed   atomic.Bool // Close was called
	wrote    atomic.Bool // a transaction that writes was committed
}

var _ registry.Store = (*Store)(nil)

// Open opens a registry, and creates its schema and tables where they are missing.
// A URL that can't be read, a user that the server refuses, rights that are
// missing, a registry of a newer Quiver and a schema that holds something else
// wrap ErrInvalid; a missing registry with MustExist ErrNotFound; a registry of
// another project ErrConflict; a server that does not answer ErrUnavailable.
func Open(ctx context.Context, options Options) (*Store, error) {
	config, err := parse(options.URL)
	if err != nil {
		return nil, err
	}
	if options.Patience == 0 {
		options.Patience = 15 * time.Second
	}
	s := &Store{
		schema: config.schema, name: config.name, user: config.pool.ConnConfig.User,
		timeout: config.timeout, patience: options.Patience / 3,
	}
	if s.pool, err = pgxpool.NewWithConfig(ctx, config.pool); err != nil {
		return nil, s.wrap("open", err, false)
	}
	if err := s.start(ctx, options); err != nil {
		s.pool.Close()
		return nil, err
	}
	s.patience = options.Patience
	return s, nil
}

func (s *Store) start(ctx context.Context, options Options) error {
	if err := s.migrate(ctx, migrationFiles(), options); err != nil {
		return err
	}
	identity, err := s.Identity(ctx)
	if err != nil {
		return err
	}
	if options.Project != "" && identity.Project != options.Project {
		return fmt.Errorf("registry %s belongs to project %s, not to %s: give this project a schema of its own (?schema=NAME), or mend the project's name: %w",
			s.name, identity.Project, options.Project, feature.ErrConflict)
	}
	return nil
}

// sql puts the schema into a statement. No statement depends on the search path,
// which a pooler between here and the server may have set for somebody else.
func (s *Store) sql(text string) string { return strings.ReplaceAll(text, "$schema", quote(s.schema)) }

// Close waits for running calls and closes all connections. It may be called
// twice.
func (s *Store) Close() error {
	s.closed.Store(true)
	s.pool.Close()
	return nil
}
