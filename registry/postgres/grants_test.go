package postgres_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/testenv"
	"github.com/quiver-features/quiver/registry"
	"github.com/quiver-features/quiver/registry/postgres"
)

// documented gives the statements of docs/postgres.md that are marked so.
func documented(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testenv.Root(t), "docs", "postgres.md"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)<!-- run: " + name + " -->\n```sql\n(.*?)```").FindSubmatch(text)
	if m == nil {
		t.Fatalf("docs/postgres.md has no statements %q", name)
	}
	return strings.ReplaceAll(string(m[1]), "change me", "s3cret")
}

// Each user of docs/postgres.md can do its work with the rights that it is given
// there, and no more.
func TestTheDocumentedRightsSuffice(t *testing.T) {
	server := testenv.Postgres(t)
	as := func(user string) string { return server.URLAs(user, "s3cret", "features") }
	raw(t, server.URL(), "CREATE DATABASE features", "REVOKE ALL ON DATABASE features FROM public", documented(t, "owner"),
		"CREATE ROLE quiver_apply LOGIN PASSWORD 's3cret'", "CREATE ROLE quiver_read LOGIN PASSWORD 's3cret'",
		"GRANT CONNECT ON DATABASE features TO quiver_owner, quiver_apply, quiver_read")

	// Before there is anything, a reader sees that, and can't make it.
	refused(t, postgres.Options{URL: as("quiver_read"), MustExist: true}, feature.ErrNotFound, "quiver apply makes it")
	refused(t, postgres.Options{URL: as("quiver_read")}, feature.ErrInvalid, "the user quiver_read may not do that: grant it the rights that docs/postgres.md lists")

	commit(t, open(t, postgres.Options{URL: as("quiver_owner"), Project: "p"}), 0, "first")
	refused(t, postgres.Options{URL: as("quiver_read"), MustExist: true}, feature.ErrInvalid, "the user quiver_read may not do that")
	raw(t, as("quiver_owner"), documented(t, "grants"))

	applier := open(t, postgres.Options{URL: as("quiver_apply"), Project: "p"})
	works(t, applier)
	for _, forbidden := range []string{"DELETE FROM quiver.revisions", "UPDATE quiver.revisions SET token = ''", "TRUNCATE quiver.runs", "CREATE TABLE quiver.mine ()"} {
		if err := execute(t, as("quiver_apply"), forbidden); err == nil || !strings.Contains(err.Error(), "SQLSTATE 42501") {
			t.Errorf("%s: %v", forbidden, err)
		}
	}

	reader := open(t, postgres.Options{URL: as("quiver_read"), Project: "p", MustExist: true})
	snapshot, err := reader.Load(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	revisions, err := reader.History(t.Context(), 0)
	if err != nil || len(revisions) != 2 || snapshot.Revision() != 2 || len(snapshot.Views()) != 2 || len(snapshot.Storages()) != 3 {
		t.Errorf("a reader sees revisions %v, views %v, storages %v, %v", revisions, snapshot.Views(), snapshot.Storages(), err)
	}
	if runs, err := reader.Runs(t.Context(), 0, 0); err != nil || len(runs) != 1 {
		t.Errorf("a reader sees runs %v, %v", runs, err)
	}
	for what, err := range map[string]error{
		"Commit":          second(reader.Commit(t.Context(), 2, change("third"))),
		"StartRun":        second(reader.StartRun(t.Context(), feature.Run{Storage: 1})),
		"SaveRun":         reader.SaveRun(t.Context(), feature.Run{Number: 1, Storage: 1}),
		"NewStorage":      second(reader.NewStorage(t.Context(), "first", 1)),
		"ActivateStorage": reader.ActivateStorage(t.Context(), 1, feature.Served{Storage: 1}),
	} {
		if !errors.Is(err, feature.ErrInvalid) || !strings.Contains(err.Error(), "the user quiver_read may not do that") {
			t.Errorf("%s as a reader: %v", what, err)
		}
	}
}

// works does all that a store offers for writing. It begins at revision 1 with the
// view first, and ends at revision 2 with one run.
func works(t *testing.T, s registry.Store) {
	t.Helper()
	next := change("second")
	next.Retire = []registry.ViewRef{{View: "absent", Version: 1}}
	if _, err := s.Commit(t.Context(), 1, next); err != nil {
		t.Error(err)
	}
	run := feature.Run{View: "first", Version: 1, Storage: 1, State: feature.RunRunning}
	number, err := s.StartRun(t.Context(), run)
	if err != nil {
		t.Error(err)
	}
	run.Number, run.State = number, feature.RunDone
	if err := s.SaveRun(t.Context(), run); err != nil {
		t.Error(err)
	}
	made, err := s.NewStorage(t.Context(), "first", 1)
	if err != nil {
		t.Error(err)
	}
	if err := s.ActivateStorage(t.Context(), made.ID, feature.Served{Storage: 1, Runs: 1}); err != nil {
		t.Error(err)
	}
}

func second[T any](_ T, err error) error { return err }
