package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/testenv"
	"github.com/quiver-features/quiver/registry"
	"github.com/quiver-features/quiver/registry/sqlite"
)

// refused opens what can't be opened and compares the error.
func refused(t *testing.T, path string, options sqlite.Options, kind error, text string) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, options)
	if err == nil {
		_ = s.Close()
		t.Fatalf("%s was opened", path)
	}
	if !errors.Is(err, kind) || !strings.Contains(err.Error(), text) || !strings.Contains(err.Error(), filepath.Base(path)) {
		t.Errorf("got %v, want one that wraps %q, names the file and says %q", err, kind, text)
	}
}

// raw runs statements on a file past the store.
func raw(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, s := range statements {
		if _, err := db.ExecContext(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheFileIsItsOwnersOnly(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "a", "b")
	path := filepath.Join(folder, "registry.db")
	s := open(t, path, sqlite.Options{})
	if _, err := s.Commit(t.Context(), 0, registry.Change{}); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 || !strings.HasPrefix(e.Name(), "registry.db") {
			t.Errorf("%s has mode %o", e.Name(), info.Mode().Perm())
		}
	}
	if info, err := os.Stat(folder); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder is %v, %v", info.Mode(), err)
	}
}

func TestPathsWithAwkwardLetters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c#d%20e&f", "regístry.db")
	s := open(t, path, sqlite.Options{})
	if _, err := s.Commit(t.Context(), 0, registry.Change{}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	if h, err := open(t, path, sqlite.Options{MustExist: true}).Head(t.Context()); err != nil || h.Revision != 1 {
		t.Errorf("got %+v, %v", h, err)
	}
}

func TestWhatCannotBeOpenedIsTold(t *testing.T) {
	folder := t.TempDir()
	path := func(name string) string { return filepath.Join(folder, name) }
	write := func(name, text string) string {
		if err := os.WriteFile(path(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path(name)
	}
	refused(t, path("missing.db"), sqlite.Options{MustExist: true}, feature.ErrNotFound, "quiver apply makes it")
	if _, err := os.Stat(path("missing.db")); !os.IsNotExist(err) {
		t.Errorf("MustExist made the file: %v", err)
	}
	refused(t, write("empty.db", ""), sqlite.Options{MustExist: true}, feature.ErrNotFound, "quiver apply makes it")
	if info, err := os.Stat(path("empty.db")); err != nil || info.Size() != 0 {
		t.Errorf("MustExist made a registry of an empty file: %v, %v", info, err)
	}
	refused(t, folder, sqlite.Options{}, feature.ErrInvalid, "is a folder")
	refused(t, write("text.db", strings.Repeat("not a database ", 1000)), sqlite.Options{}, feature.ErrInvalid, "damaged, or no SQLite file")
	write("file", "x")
	refused(t, path("file/registry.db"), sqlite.Options{}, feature.ErrInvalid, "can't be created or read: not a directory")

	raw(t, path("foreign.db"), "CREATE TABLE customers (id INTEGER)")
	refused(t, path("foreign.db"), sqlite.Options{}, feature.ErrInvalid, "no registry of Quiver")

	newer := open(t, path("newer.db"), sqlite.Options{Project: "flights"})
	if err := newer.Close(); err != nil {
		t.Fatal(err)
	}
	raw(t, path("newer.db"), "PRAGMA user_version = 99")
	refused(t, path("newer.db"), sqlite.Options{}, feature.ErrInvalid, "schema version 99, and this version of Quiver knows up to 3: use a newer Quiver")

	open(t, path("flights.db"), sqlite.Options{Project: "flights"})
	refused(t, path("flights.db"), sqlite.Options{Project: "shop"}, feature.ErrConflict, "belongs to project flights, not to shop")
}

func TestAFileOfTheFirstSchemaIsBroughtUpToDate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registry.db")
	script, err := os.ReadFile(filepath.Join("migrations", "0001_registry.sql"))
	if err != nil {
		t.Fatal(err)
	}
	raw(t, path, string(script), "PRAGMA application_id = 0x51565247", "PRAGMA user_version = 1",
		"INSERT INTO registry (only_row, id, project, revision, serial) VALUES (1, '51b0ce4c-4aa4-4d9d-8e4b-a8bdd3b7a9c5', 'flights', 1, 3)",
		`INSERT INTO revisions (number, at, who, git_commit, message, operation, changes) VALUES (1, 5, 'ann', '', 'first', 'apply', '[]')`,
		`INSERT INTO storages (view, version, revision, state, layout) VALUES ('last', 1, 1, 'active', '{}')`,
		`INSERT INTO runs (storage, state, record) VALUES (1, 'done', '{"number":1,"storage":1,"state":"done","files":[{"path":"a.parquet"}]}')`)
	for range 2 {
		s := open(t, path, sqlite.Options{Project: "flights", MustExist: true})
		if identity, err := s.Identity(t.Context()); err != nil || identity.ID != "51b0ce4c-4aa4-4d9d-8e4b-a8bdd3b7a9c5" {
			t.Errorf("identity %v, %v", identity, err)
		}
		if h, err := s.Head(t.Context()); err != nil || h != (registry.Head{Revision: 1, Serial: 3}) {
			t.Errorf("head %v, %v", h, err)
		}
		if forgotten := s.ForgetStorage(t.Context(), 1); !errors.Is(forgotten, feature.ErrConflict) {
			t.Errorf("forget an active storage: %v", forgotten)
		}
		if run, err := s.Run(t.Context(), 1); err != nil || len(run.Files) != 1 || run.Files[0].Path != "a.parquet" {
			t.Errorf("run %v, %v", run, err)
		}
		if revisions, err := s.History(t.Context(), 0); err != nil || len(revisions) != 1 || revisions[0].Message != "first" {
			t.Errorf("history %v, %v", revisions, err)
		}
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	var version, indexes int
	if err := db.QueryRowContext(t.Context(), "PRAGMA user_version").Scan(&version); err != nil {
		t.Fatal(err)
	}
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM sqlite_schema WHERE name = 'runs_with_files'").Scan(&indexes); err != nil {
		t.Fatal(err)
	}
	if version != 3 || indexes != 1 {
		t.Errorf("schema version %d with %d indexes of files", version, indexes)
	}
}

func TestADamagedFileIsTold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registry.db")
	s := open(t, path, sqlite.Options{})
	for i := range int64(20) {
		if _, err := s.Commit(t.Context(), i, registry.Change{Author: registry.Author{Message: strings.Repeat("x", 5000)}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil { // the last one moves everything into the file
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	for at := int64(4096); at < info.Size(); at += 4096 {
		if _, err := f.WriteAt([]byte(strings.Repeat("\xff", 200)), at); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	s, err = sqlite.Open(t.Context(), path, sqlite.Options{})
	if err == nil {
		defer func() { _ = s.Close() }()
		_, err = s.History(t.Context(), 0)
	}
	if !errors.Is(err, feature.ErrInvalid) || !strings.Contains(err.Error(), path+" is damaged") || !strings.Contains(err.Error(), "backup") {
		t.Errorf("got %v", err)
	}
}

func TestALockedFileIsUnavailable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "registry.db")
	s := open(t, path, sqlite.Options{BusyTimeout: 50 * time.Millisecond})
	db, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Commit(t.Context(), 0, registry.Change{})
	if !errors.Is(err, feature.ErrUnavailable) || !strings.Contains(err.Error(), "another process keeps it locked") {
		t.Errorf("got %v", err)
	}
	if _, err := s.Load(t.Context(), 0); err != nil {
		t.Errorf("a reader has to wait for a writer: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	patient := open(t, path, sqlite.Options{BusyTimeout: time.Hour})
	if _, err := patient.Commit(ctx, 0, registry.Change{}); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, feature.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Commit(t.Context(), 0, registry.Change{}); err != nil {
		t.Errorf("after the other process let go: %v", err)
	}
}

// TestProcessesShareAFile starts this test binary several times: each process makes
// the file if it is the first, and commits until it has won a few revisions.
func TestProcessesShareAFile(t *testing.T) {
	const processes, wins = 4, 5
	if path := os.Getenv("REGISTRY_SHARED"); path != "" {
		shareAFile(t, path, wins)
		return
	}
	path := filepath.Join(t.TempDir(), "folder", "registry.db")
	var commands []*exec.Cmd
	var outputs []*strings.Builder
	for range processes {
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProcessesShareAFile$", "-test.count=1")
		c.Env = append(os.Environ(), "REGISTRY_SHARED="+path)
		out := &strings.Builder{}
		c.Stdout, c.Stderr = out, out
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		commands, outputs = append(commands, c), append(outputs, out)
	}
	for i, c := range commands {
		if err := c.Wait(); err != nil {
			t.Errorf("process %d: %v\n%s", i, err, outputs[i])
		}
	}
	revisions, err := open(t, path, sqlite.Options{}).History(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	won := map[string]int{}
	for _, r := range revisions {
		won[r.Who]++
	}
	if len(revisions) != processes*wins || len(won) != processes {
		t.Errorf("%d revisions were won by %v, want %d by each of %d", len(revisions), won, wins, processes)
	}
}

func shareAFile(t *testing.T, path string, wins int) {
	s := open(t, path, sqlite.Options{Project: "flights", BusyTimeout: time.Minute})
	for won := 0; won < wins; {
		head, err := s.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Commit(t.Context(), head.Revision, registry.Change{Author: registry.Author{Who: fmt.Sprint(os.Getpid())}})
		switch {
		case err == nil:
			won++
		case !errors.Is(err, feature.ErrConflict):
			t.Fatal(err)
		}
	}
}

// Waiting helps against a lock and not against a disk.
func TestAFullDiskIsToldAtOnce(t *testing.T) {
	testenv.SmallDisk(t, 16<<10, func(t *testing.T, dir string) {
		for pages := 4; pages >= 0; pages-- {
			if err := os.WriteFile(filepath.Join(dir, "filler"), make([]byte, (4-pages)*4096), 0o600); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			_, err := sqlite.Open(ctx, filepath.Join(dir, "registry.db"), sqlite.Options{Project: "p", BusyTimeout: time.Hour})
			if !errors.Is(err, feature.ErrUnavailable) || ctx.Err() != nil || !strings.Contains(err.Error(), "the disk is full") {
				t.Errorf("%d pages free: error %v", pages, err)
			}
			cancel()
			for _, name := range []string{"registry.db", "registry.db-wal", "registry.db-shm"} {
				_ = os.Remove(filepath.Join(dir, name))
			}
		}
	})
}
