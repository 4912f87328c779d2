package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"github.com/quiver-features/quiver/feature"
)

// wrap gives an error of the driver one of the kinds, names the file, and says
// what to do. Errors that have a kind already stay what they are.
func (s *Store) wrap(operation string, err error) error {
	if err == nil || feature.ErrorKind(err) != nil {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("registry %s: %s: %w: %w", s.path, operation, err, feature.ErrUnavailable)
	}
	if s.closed.Load() || errors.Is(err, sql.ErrConnDone) {
		return fmt.Errorf("registry %s: %s: it is closed: %w", s.path, operation, feature.ErrUnavailable)
	}
	var sqliteErr *driver.Error
	if !errors.As(err, &sqliteErr) { // a value of a type that Quiver does not write
		return fmt.Errorf("registry %s: %s: %w: %w", s.path, operation, err, feature.ErrInvalid)
	}
	switch sqliteErr.Code() & 0xff {
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED:
		return fmt.Errorf("registry %s: %s: another process keeps it locked: try again: %w", s.path, operation, feature.ErrUnavailable)
	case codes.SQLITE_CORRUPT, codes.SQLITE_NOTADB:
		return fmt.Errorf("registry %s is damaged, or no SQLite file: restore it from a backup, or move it away and apply the definitions to a new one (%w): %w",
			s.path, err, feature.ErrInvalid)
	case codes.SQLITE_READONLY, codes.SQLITE_PERM, codes.SQLITE_CANTOPEN, codes.SQLITE_AUTH:
		return fmt.Errorf("registry %s: %s: the file or its folder can't be written, which SQLite needs to read, too: check their permissions (%w): %w", s.path, operation, err, feature.ErrInvalid)
	case codes.SQLITE_CONSTRAINT, codes.SQLITE_TOOBIG:
		return fmt.Errorf("registry %s: %s: what was to be written contradicts itself or what is there, and nothing was written (%w): %w",
			s.path, operation, err, feature.ErrInvalid)
	case codes.SQLITE_FULL:
		return fmt.Errorf("registry %s: %s: the disk is full, and nothing was written: %w", s.path, operation, feature.ErrUnavailable)
	case codes.SQLITE_IOERR: // where the file that coordinates processes can't grow, this is how a full disk shows
		return fmt.Errorf("registry %s: %s: the disk is full or fails, and nothing was written (%w): %w", s.path, operation, err, feature.ErrUnavailable)
	default:
		return fmt.Errorf("registry %s: %s: %w: %w", s.path, operation, err, feature.ErrUnavailable)
	}
}

// locked tells whether an error of the driver says that another process holds a
// lock, so that trying again helps.
func locked(err error) bool {
	var sqliteErr *driver.Error
	if !errors.As(err, &sqliteErr) {
		return false
	}
	code := sqliteErr.Code() & 0xff
	return code == codes.SQLITE_BUSY || code == codes.SQLITE_LOCKED
}

// write runs fn in a transaction that holds the write lock from its beginning.
func (s *Store) write(ctx context.Context, operation string, fn func(*sql.Tx) error) error {
	return s.transact(ctx, operation, nil, fn)
}

// read runs fn on one consistent state of the file.
func (s *Store) read(ctx context.Context, operation string, fn func(*sql.Tx) error) error {
	return s.transact(ctx, operation, &sql.TxOptions{ReadOnly: true}, fn)
}

func (s *Store) transact(ctx context.Context, operation string, options *sql.TxOptions, fn func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, options)
	if err != nil {
		return s.wrap(operation, err)
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	if err := fn(tx); err != nil {
		return s.wrap(operation, err)
	}
	return s.wrap(operation, tx.Commit())
}
