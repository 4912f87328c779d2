// Package sqlite keeps a registry in one SQLite file: the embedded default.
// Several processes of one machine may use the file at once; network file systems
// are not for it.
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
	"strconv"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

// Options say how a file is opened. The zero value creates it where it is missing.
type Options struct {
	// Project is recorded when the registry is created; a registry of another
	// project is then refused. Empty: no check.
	Project string
	// MustExist refuses to create a missing registry. A file of no bytes holds none.
	MustExist bool
	// BusyTimeout is how long a call waits for other processes; 0 means 10 s.
	BusyTimeout time.Duration
}

// Store is a registry in a file. It implements registry.Store.
type Store struct {
	db     *sql.DB
	path   string
	closed atomic.Bool // Close was called
}

var _ registry.Store = (*Store)(nil)

// Open opens a registry, and creates its folder (for its owner only) and file
// where they are missing. A file of a newer Quiver, a damaged one and one that
// holds something else wrap ErrInvalid; a missing one with MustExist ErrNotFound;
// a registry of another project ErrConflict.
func Open(ctx context.Context, path string, options Options) (*Store, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("registry %s: %w: %w", path, err, feature.ErrInvalid)
	}
	if err := prepare(abs, options.MustExist); err != nil {
		return nil, err
	}
	if options.BusyTimeout == 0 {
		options.BusyTimeout = 10 * time.Second
	}
	db, err := sql.Open("sqlite", dsn(abs, options.BusyTimeout))
	if err != nil {
		return nil, fmt.Errorf("registry %s: %w: %w", abs, err, feature.ErrInvalid)
	}
	db.SetMaxOpenConns(4)
	s := &Store{db: db, path: abs}
	if err := s.start(ctx, options); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

func (s *Store) start(ctx context.Context, options Options) error {
	if err := s.migrate(ctx, options); err != nil {
		return err
	}
	identity, err := s.Identity(ctx)
	if err != nil {
		return err
	}
	if options.Project != "" && identity.Project != options.Project {
		return fmt.Errorf("registry %s belongs to project %s, not to %s: give this project a registry of its own, or mend the project's name: %w",
			s.path, identity.Project, options.Project, feature.ErrConflict)
	}
	return nil
}

// dsn makes every writing transaction take its lock when it begins, so that it
// never fails halfway because another process was faster.
func dsn(path string, busy time.Duration) string {
	q := url.Values{}
	q.Set("_txlock", "immediate")
	q.Set("_busy_timeout", strconv.FormatInt(busy.Milliseconds(), 10))
	q.Set("_foreign_keys", "1")
	q.Set("_synchronous", "FULL")
	q.Set("_dqs", "0")
	q.Set("_error_rc", "1")
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(path), RawQuery: q.Encode()}
	return u.String()
}

// prepare sees to a file that can be opened: SQLite itself would create it
// readable for everybody.
func prepare(path string, mustExist bool) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return fmt.Errorf("registry %s is a folder: name a file in it: %w", path, feature.ErrInvalid)
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return fileError(path, err)
	case mustExist:
		return missing(path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fileError(path, err)
	}
	return create(path)
}

func missing(path string) error {
	return fmt.Errorf("there is no registry %s yet: quiver apply makes it: %w", path, feature.ErrNotFound)
}

// create makes an empty file under its name at once. It is not opened under that
// name: closing any descriptor of the file would drop the locks that SQLite holds
// on it elsewhere in this process.
func create(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".registry-*") // 0600
	if err != nil {
		return fileError(path, err)
	}
	defer func() { _ = os.Remove(f.Name()) }()
	if err := f.Close(); err != nil {
		return fileError(path, err)
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return fileError(path, err)
	}
	return nil
}

func fileError(path string, err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	return fmt.Errorf("registry %s can't be created or read: %w: %w", path, err, feature.ErrInvalid)
}

// Close waits for running calls and closes the file. It may be called twice.
func (s *Store) Close() error {
	s.closed.Store(true)
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close registry %s: %w: %w", s.path, err, feature.ErrUnavailable)
	}
	return nil
}
