// Package sqlite keeps online values in a local SQLite file: the embedded default,
// for one machine and several processes on it.
//
// The file is in WAL mode, so that reads go on while one process writes. A row is
// compared and replaced inside a write transaction, of which SQLite allows one at a
// time. Batches are committed without waiting for the disk; the log keeps their
// order, so that after a power failure a watermark is never there without the
// rows before it. Advance waits for the disk.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online"
)

// Options say how a store is opened. Only Path and Registry are needed.
type Options struct {
	// Path of the file. It is made where it is missing, with its folder, for its owner
	// alone.
	Path string
	// Registry is the id of the registry whose values the store keeps.
	Registry string
	// Clock is the project's clock, by which rows expire. Default: the wall clock.
	Clock func() feature.Time
}

const (
	// application marks the file as an online store: "QVon".
	application   = 0x51566f6e
	schemaVersion = 1

	busyTimeout  = 10 * time.Second // of a write, for another process
	openPatience = 10 * time.Second
	openPoll     = 10 * time.Millisecond
)

// A plain table with a unique key beats WITHOUT ROWID for values of this size: the
// index holds keys only and the values are appended. expires is in microseconds, null
// for never.
const schema = `
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE row (key BLOB NOT NULL UNIQUE, value BLOB NOT NULL, expires INTEGER);
CREATE TABLE watermark (storage INTEGER PRIMARY KEY, "to" INTEGER NOT NULL, run INTEGER NOT NULL, since INTEGER NOT NULL);
`

// Store is an online.Store in a SQLite file. It is safe for concurrent use, and the
// file by several processes.
type Store struct {
	path   string
	clock  func() feature.Time
	reads  *sql.DB
	writes *sql.DB // one connection: SQLite has one writer at a time
	gets   []*sql.Stmt
	peeks  []*sql.Stmt // like gets, on the writing connection
	puts   []*sql.Stmt
	close  func() error
}

var _ online.Store = (*Store)(nil)

// Open opens the file, or makes it, and binds it to the registry. A file of another
// registry is an error that wraps feature.ErrConflict; one that is not an online
// store, or of a later release, one that wraps feature.ErrInvalid.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Path == "" || o.Registry == "" {
		return nil, fmt.Errorf("online/sqlite: a path and a registry id are needed: %w", feature.ErrInvalid)
	}
	if err := create(o.Path); err != nil {
		return nil, err
	}
	if o.Clock == nil {
		o.Clock = func() feature.Time { return feature.TimeOf(time.Now()) }
	}
	s := &Store{path: o.Path, clock: o.Clock}
	var err error
	if s.writes, err = sql.Open("sqlite", dsn(o.Path, "_txlock=immediate")); err != nil {
		return nil, s.failed(ctx, "open", err)
	}
	s.writes.SetMaxOpenConns(1)
	if s.reads, err = sql.Open("sqlite", dsn(o.Path, "_pragma=query_only(1)")); err != nil {
		return nil, errors.Join(s.failed(ctx, "open", err), s.writes.Close())
	}
	s.reads.SetMaxOpenConns(max(4, 2*runtime.GOMAXPROCS(0)))
	s.reads.SetMaxIdleConns(max(4, 2*runtime.GOMAXPROCS(0)))
	s.close = sync.OnceValue(s.closeAll)
	err = s.init(ctx, o.Registry)
	if err == nil {
		err = s.prepare(ctx)
	}
	if err != nil {
		_ = s.close()
		return nil, err
	}
	return s, nil
}

// create makes an empty file of its owner's, with its folder, where there is none: SQLite
// itself would make one that everybody can read. Its log gets the mode of the file. It is
// not opened under its name, since closing it would drop the locks that SQLite holds on
// it elsewhere in this process.
func create(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil // what else is wrong with it, opening tells
	}
	folder := filepath.Dir(path)
	fail := func(err error) error {
		return fmt.Errorf("online/sqlite: make %s (check that its folder can be written): %w: %w", path, feature.ErrInvalid, err)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fail(err)
	}
	f, err := os.CreateTemp(folder, ".online-*") // 0600
	if err != nil {
		return fail(err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	if err := f.Close(); err != nil {
		return fail(err)
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return fail(err)
	}
	return nil
}

func dsn(path, more string) string {
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath()}
	u.RawQuery = fmt.Sprintf("_pragma=busy_timeout(%d)&_pragma=synchronous(FULL)&_pragma=cache_size(-32000)&%s", busyTimeout.Milliseconds(), more)
	return u.String()
}

// init brings the file to WAL mode, makes the tables where they are missing, and
// checks whose they are.
func (s *Store) init(ctx context.Context, registry string) error {
	// Two processes that turn a new file to WAL at once can fail without waiting.
	patience, cancel := context.WithTimeout(ctx, openPatience)
	defer cancel()
	for {
		var mode string
		err := s.writes.QueryRowContext(ctx, "PRAGMA journal_mode=WAL").Scan(&mode)
		if err == nil && mode != "wal" {
			return fmt.Errorf("online/sqlite: %s can't be used in WAL mode (it is %s): is it on a network file system? %w", s.path, mode, feature.ErrInvalid)
		}
		if err == nil {
			break
		}
		if !isBusy(err) {
			return s.failed(ctx, "open", err)
		}
		select {
		case <-patience.Done():
			return s.failed(ctx, "open", err)
		case <-time.After(openPoll):
		}
	}
	err := s.write(ctx, func(tx *sql.Tx) error { return bind(ctx, tx, s.path, registry) })
	return s.failed(ctx, "open", err)
}

func bind(ctx context.Context, tx *sql.Tx, path, registry string) error {
	var app, version, tables int
	err := tx.QueryRowContext(ctx, "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version), (SELECT count(*) FROM sqlite_schema)").
		Scan(&app, &version, &tables)
	if err != nil {
		return err
	}
	switch {
	case app == 0 && tables == 0:
		_, err := tx.ExecContext(ctx, fmt.Sprintf("%s PRAGMA application_id=%d; PRAGMA user_version=%d;", schema, application, schemaVersion))
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO meta VALUES ('registry', ?)", registry)
		return err
	case app != application:
		return fmt.Errorf("online/sqlite: %s is a SQLite file of something else than an online store: choose another path: %w", path, feature.ErrInvalid)
	case version != schemaVersion:
		return fmt.Errorf("online/sqlite: %s is of schema version %d, this release knows %d: use the release that wrote it, or remove the file and materialize again: %w",
			path, version, schemaVersion, feature.ErrInvalid)
	}
	var owner string
	if err := tx.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = 'registry'").Scan(&owner); err != nil {
		return err
	}
	if owner != registry {
		return fmt.Errorf("online/sqlite: the values in %s belong to the registry %s, and this is the registry %s: "+
			"use the file of this registry or another path; or remove the file, where its registry is gone, and materialize again: %w",
			path, owner, registry, feature.ErrConflict)
	}
	return nil
}

// write runs f in a write transaction.
func (s *Store) write(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := s.writes.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after Commit it does nothing
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// Close closes the file. It may be called twice.
func (s *Store) Close() error { return s.close() }

func (s *Store) closeAll() error {
	for _, list := range [][]*sql.Stmt{s.gets, s.peeks, s.puts} {
		for _, stmt := range list {
			_ = stmt.Close()
		}
	}
	// The reader first: the last connection to close folds the log into the file.
	if err := errors.Join(s.reads.Close(), s.writes.Close()); err != nil {
		return fmt.Errorf("online/sqlite: close %s: %w", s.path, err)
	}
	return nil
}

func primary(err error) int {
	var e *driver.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return lib.SQLITE_OK
}

func isBusy(err error) bool {
	code := primary(err)
	return code == lib.SQLITE_BUSY || code == lib.SQLITE_LOCKED
}

// failed wraps an error of the driver with what was done, the file, and its kind.
// Errors that have a kind already stay as they are.
func (s *Store) failed(ctx context.Context, what string, err error) error {
	if err == nil || errors.Is(err, feature.ErrInvalid) || errors.Is(err, feature.ErrConflict) {
		return err
	}
	kind, hint := feature.ErrUnavailable, ""
	switch primary(err) {
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		hint = " (another process is writing to it for long)"
	case lib.SQLITE_FULL:
		hint = " (the disk is full)"
	case lib.SQLITE_IOERR: // where the file that coordinates processes can't grow, this is how a full disk shows
		hint = " (the disk is full or fails)"
	case lib.SQLITE_NOTADB, lib.SQLITE_CORRUPT:
		kind, hint = feature.ErrInvalid, " (it is not a SQLite file, or damaged: remove it and materialize again)"
	case lib.SQLITE_CANTOPEN, lib.SQLITE_READONLY, lib.SQLITE_PERM:
		kind, hint = feature.ErrInvalid, " (check that the file and its folder can be written)"
	}
	if ended := ctx.Err(); ended != nil && !errors.Is(err, ended) {
		err = errors.Join(err, ended)
	}
	return fmt.Errorf("online/sqlite: %s %s%s: %w: %w", what, s.path, hint, kind, err)
}
