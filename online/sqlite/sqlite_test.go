package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/testenv"
	"github.com/quiver-features/quiver/online"
	"github.com/quiver-features/quiver/online/onlinetest"
	"github.com/quiver-features/quiver/online/sqlite"
)

// writerFile and writerNumber make the test binary a process that writes to a store.
const (
	writerFile   = "QUIVER_TEST_SQLITE_FILE"
	writerNumber = "QUIVER_TEST_SQLITE_WRITER"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(writerFile); path != "" {
		os.Exit(writer(path, os.Getenv(writerNumber)))
	}
	os.Exit(m.Run())
}

func TestConformance(t *testing.T) {
	onlinetest.Run(t, func(t *testing.T) onlinetest.Open {
		return opener(filepath.Join(t.TempDir(), "new folder", "online #1?%.db"))
	})
}

func opener(path string) onlinetest.Open {
	return func(ctx context.Context, registry string, clock func() feature.Time) (online.Store, error) {
		s, err := sqlite.Open(ctx, sqlite.Options{Path: path, Registry: registry, Clock: clock})
		if err != nil {
			return nil, err
		}
		return s, nil
	}
}

const (
	sharedRows    = 3000
	sharedWriters = 4
)

// writer puts row i with event time i*7919 mod (number+2) and its own number as the
// value, in calls that cross those of the others.
func writer(path, number string) int {
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	n, err := strconv.Atoi(number)
	if err != nil {
		return fail(err)
	}
	ctx := context.Background()
	s, err := opener(path)(ctx, onlinetest.Registry, nil)
	if err != nil {
		return fail(err)
	}
	k := onlinetest.NewKit(&testing.T{})
	if err := s.Advance(ctx, 1, feature.MinTime, 1, 0); err != nil {
		return fail(err)
	}
	for at := 0; at < sharedRows; at += 100 {
		var rows []online.Row
		for i := at; i < at+100; i++ {
			rows = append(rows, sharedRow(k, i, n))
		}
		if _, err := s.Put(ctx, k.Layout, rows); err != nil {
			return fail(err)
		}
		if err := s.Advance(ctx, 1, feature.Time(at+n), int64(n+1), 1); err != nil {
			return fail(err)
		}
	}
	if err := s.Close(); err != nil {
		return fail(err)
	}
	return 0
}

func sharedRow(k *onlinetest.Kit, i, writer int) online.Row {
	return k.Row(fmt.Sprint(i), onlinetest.Stamp{Event: sharedEvent(i, writer)}, float64(writer), nil)
}

// sharedEvent makes each writer the winner of some rows, and ties of others.
func sharedEvent(i, writer int) feature.Time { return feature.Time((i + writer*writer) % 5) }

func TestSeveralProcessesWriteAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "online.db")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, sharedWriters)
	for n := range sharedWriters {
		cmd := exec.CommandContext(t.Context(), self)
		cmd.Env = append(os.Environ(), writerFile+"="+path, writerNumber+"="+strconv.Itoa(n))
		go func() {
			out, err := cmd.CombinedOutput()
			if err != nil {
				err = fmt.Errorf("writer %d: %w: %s", n, err, out)
			}
			ended <- err
		}()
	}
	for range sharedWriters {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	k := onlinetest.NewKit(t)
	var want []online.Row
	for i := range sharedRows {
		best := 0
		for n := range sharedWriters {
			if sharedEvent(i, n) >= sharedEvent(i, best) { // a tie goes to the greater value, the writer's number
				best = n
			}
		}
		want = append(want, sharedRow(k, i, best))
	}
	s := onlinetest.MustOpen(t, opener(path))
	onlinetest.Expect(t, s, want...)
	onlinetest.ExpectMark(t, s, 1, feature.Watermark{Known: true, Time: sharedRows - 100 + sharedWriters - 1, Run: sharedWriters, Since: 1})
}

func TestAFileOfSomethingElseIsRefusedAndLeftAlone(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	if err := os.WriteFile(text, []byte(strings.Repeat("this is no database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other.db")
	exec := func(path, statements string) {
		t.Helper()
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		if _, err := db.ExecContext(t.Context(), statements); err != nil {
			t.Fatal(err)
		}
	}
	exec(other, "CREATE TABLE theirs (x); PRAGMA user_version=7")
	later := filepath.Join(dir, "later.db")
	onlinetest.MustOpen(t, opener(later))
	exec(later, "PRAGMA user_version=2")
	blocked := filepath.Join(text, "folder", "online.db")
	for path, word := range map[string]string{text: "not a SQLite file", other: "something else", later: "schema version 2", blocked: "folder", dir: dir, "": "path"} {
		_, err := opener(path)(t.Context(), onlinetest.Registry, nil)
		if !errors.Is(err, feature.ErrInvalid) || !strings.Contains(fmt.Sprint(err), word) || !strings.Contains(fmt.Sprint(err), path) {
			t.Errorf("%s: got error %v, want invalid with %q", path, err, word)
		}
	}
	if got, err := os.ReadFile(text); err != nil || !strings.HasPrefix(string(got), "this is no database") {
		t.Errorf("the text file was changed: %v", err)
	}
}

func TestTheFileIsItsOwnersOnly(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "a", "b")
	path := filepath.Join(folder, "online.db")
	k := onlinetest.NewKit(t)
	s := onlinetest.MustOpen(t, opener(path))
	onlinetest.Put(t, s, k.Layout, k.Row("SFO", onlinetest.Stamp{Event: 1}, 1.0, nil))
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", e.Name(), info.Mode().Perm())
		}
		names = append(names, e.Name())
	}
	if want := []string{"online.db", "online.db-shm", "online.db-wal"}; !slices.Equal(names, want) {
		t.Errorf("the folder holds %q, want %q", names, want)
	}
	for _, f := range []string{folder, filepath.Dir(folder)} {
		if info, err := os.Stat(f); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("folder %s: %v, %v", f, info.Mode(), err)
		}
	}
}

func TestExpiredRowsAreForgottenOnceAnHour(t *testing.T) {
	k := onlinetest.NewKit(t)
	now := onlinetest.Now
	open := opener(filepath.Join(t.TempDir(), "online.db"))
	s, err := open(t.Context(), onlinetest.Registry, func() feature.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	row := func(name string, in feature.Duration) online.Row {
		r := k.Row(name, onlinetest.Stamp{Event: 1}, 1.0, nil)
		r.Expires = onlinetest.Now.Add(in)
		return r
	}
	never := k.Row("never", onlinetest.Stamp{}, nil, nil)
	onlinetest.Advance(t, s, 1, 1, 1)
	edge, after := row("edge", feature.Hour), row("after", feature.Hour+1)
	onlinetest.Put(t, s, k.Layout, edge, after, never)
	now = now.Add(feature.Hour - 1)
	onlinetest.Advance(t, s, 1, 2, 2)
	onlinetest.Expect(t, s, edge, after, never)
	now++
	onlinetest.Advance(t, s, 1, 3, 3)
	onlinetest.Expect(t, s, online.Row{Key: edge.Key}, after, never)
}

func TestAFullDiskLosesNothingThatWasWritten(t *testing.T) {
	testenv.SmallDisk(t, 2<<20, func(t *testing.T, dir string) {
		k := onlinetest.NewKit(t)
		path := filepath.Join(dir, "online.db")
		s := onlinetest.MustOpen(t, opener(path))
		var written []online.Row
		var err error
		for i := 0; err == nil && i < 1000; i++ {
			row := k.Row(fmt.Sprint(i), onlinetest.Stamp{Event: 1}, nil, strings.Repeat("x", 10_000))
			if _, err = s.Put(t.Context(), k.Layout, []online.Row{row}); err == nil {
				written = append(written, row)
			}
		}
		if !errors.Is(err, feature.ErrUnavailable) || !strings.Contains(err.Error(), path) {
			t.Fatalf("got error %v, want unavailable with the path", err)
		}
		if len(written) == 0 {
			t.Fatal("nothing fitted on the disk")
		}
		onlinetest.Expect(t, s, written...)
	})
}
