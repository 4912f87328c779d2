package postgres

import (
	"context"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"

	"github.com/quiver-features/quiver/internal/testenv"
	"github.com/quiver-features/quiver/registry"
)

// later are the migrations of a later release: one more, which works on what is
// there.
func later(t *testing.T, script string) fs.FS {
	t.Helper()
	files := fstest.MapFS{"9999_later.sql": {Data: []byte(script)}}
	entries, err := fs.ReadDir(migrationFiles(), ".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := fs.ReadFile(migrationFiles(), e.Name())
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = &fstest.MapFile{Data: text}
	}
	return files
}

func TestTenBringARegistryUpToDateAtOnce(t *testing.T) {
	server := testenv.Postgres(t)
	s, err := Open(t.Context(), Options{URL: server.URL(), Project: "flights"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if _, err := s.Commit(t.Context(), 0, registry.Change{Author: registry.Author{Who: "ann"}}); err != nil {
		t.Fatal(err)
	}
	before, err := s.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}

	if err := s.migrate(t.Context(), later(t, "CREATE TABLE $schema.more (x integer); SELECT 1/0"), Options{}); err == nil {
		t.Fatal("a migration that fails was taken for done")
	}
	files := later(t, "ALTER TABLE $schema.revisions ADD COLUMN who text; UPDATE $schema.revisions SET who = record->'author'->>'who'; CREATE TABLE $schema.more (x integer)")
	var wait sync.WaitGroup
	for range 10 {
		wait.Go(func() {
			if err := s.migrate(t.Context(), files, Options{MustExist: true}); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	var who string
	var version int
	err = s.query(t.Context(), "look", func(ctx context.Context, q querier) error {
		if err := q.QueryRow(ctx, "SELECT who FROM quiver.revisions").Scan(&who); err != nil {
			return err
		}
		version, err = s.schemaVersion(ctx, q, 99)
		return err
	})
	if err != nil || who != "ann" || version != 3 {
		t.Errorf("schema version %d, revision by %q, %v", version, who, err)
	}
	if after, err := s.Identity(t.Context()); err != nil || after != before {
		t.Errorf("identity %+v became %+v, %v", before, after, err)
	}
	if _, err := Open(t.Context(), Options{URL: server.URL()}); err == nil || !strings.Contains(err.Error(), "use a newer Quiver") {
		t.Errorf("the earlier release opens it: %v", err)
	}
}

// Who may only read is told that somebody else has to bring the schema up to date.
func TestAReaderCannotBringARegistryUpToDate(t *testing.T) {
	server := testenv.Postgres(t)
	owner, err := Open(t.Context(), Options{URL: server.URL()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = owner.Close() }()
	if err := owner.write(t.Context(), "make a user", func(ctx context.Context, tx pgx.Tx, _ bool) error {
		_, err := tx.Exec(ctx, `CREATE ROLE reader LOGIN PASSWORD 's3cret'; GRANT USAGE ON SCHEMA quiver TO reader;
			GRANT SELECT ON ALL TABLES IN SCHEMA quiver TO reader`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	reader, err := Open(t.Context(), Options{URL: server.URLAs("reader", "s3cret", "postgres")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	err = reader.migrate(t.Context(), later(t, "CREATE TABLE $schema.more (x integer)"), Options{})
	if err == nil || !strings.Contains(err.Error(), "bring its schema from version 2 to 3: the user reader may not do that") {
		t.Errorf("got %v", err)
	}
}
