package parquet_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/parquet"
)

// readAll reads a file as a table and as a spine: every column by Scan and by
// Gather. It gives the first error, and checks that nothing is read beyond the
// rows that the footer tells.
func readAll(t *testing.T, dir, name string) error {
	t.Helper()
	ctx := t.Context()
	files := parquet.New(dir)
	fields, err := files.Columns(ctx, []string{name})
	if err != nil {
		return err
	}
	tab := &feature.Table{Source: "s", Parquet: []string{name}}
	for _, f := range fields {
		if !f.Type.IsZero() {
			tab.Columns = append(tab.Columns, feature.TableColumn{Name: f.Name, Column: f.Name, Type: f.Type})
		}
	}
	list, err := files.List(ctx, tab)
	if err != nil {
		return err
	}
	f, err := files.Open(ctx, tab, list[0])
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	var first error
	for g, rows := range f.Groups() {
		for _, c := range tab.Columns {
			seen := 0
			_, _, _ = f.Times(g, c.Name)
			err := f.Scan(ctx, g, []string{c.Name}, func(_ int, chunk []*feature.Column) error { seen += chunk[0].Len(); return nil })
			if err == nil && seen != rows {
				t.Errorf("column %s: %d rows of %d without an error", c.Name, seen, rows)
			}
			if first == nil {
				first = err
			}
			if rows == 0 {
				continue
			}
			dst := feature.NewColumn(c.Type, 0)
			err = f.Gather(ctx, g, c.Name, []int32{0, int32(rows) - 1}[:min(2, rows)], dst)
			if err == nil && dst.Len() != min(2, rows) {
				t.Errorf("column %s: %d values gathered", c.Name, dst.Len())
			}
			if first == nil {
				first = err
			}
		}
	}
	if err := readSpine(ctx, filepath.Join(dir, name)); first == nil {
		first = err
	}
	return first
}

func readSpine(ctx context.Context, path string) error {
	s, err := parquet.OpenSpine(path)
	if err != nil {
		if strings.Contains(err.Error(), "can't be carried along") {
			return nil
		}
		return err
	}
	defer func() { _ = s.Close() }()
	columns := make([]int, s.Schema().NumFields())
	for i := range columns {
		columns[i] = i
	}
	rows := int64(0)
	err = s.Scan(ctx, columns, func(r arrow.Record) error { rows += r.NumRows(); return nil })
	if err == nil && rows != s.Source().Rows {
		return fmt.Errorf("%s: %d rows of %d without an error", path, rows, s.Source().Rows)
	}
	return err
}

func checkKind(t *testing.T, err error, name string) {
	t.Helper()
	if err == nil {
		return
	}
	if !errors.Is(err, feature.ErrInvalid) && !errors.Is(err, feature.ErrTooLarge) {
		t.Errorf("an error of another kind: %v", err)
	}
	if !strings.Contains(err.Error(), name) {
		t.Errorf("the error does not name the file: %v", err)
	}
}

func TestDamagedFilesAreErrorsThatNameThem(t *testing.T) {
	for _, name := range []string{"types_v1.parquet", "int96.parquet", "small.parquet", "runs_v2.parquet"} {
		good, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		path := filepath.Join(dir, name)
		write := func(b []byte) {
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		step := max(1, len(good)/80)
		for n := 0; n < len(good); n += step {
			write(good[:n])
			err := readAll(t, dir, name)
			if err == nil {
				t.Errorf("%s cut to %d of %d bytes is read without an error", name, n, len(good))
			}
			checkKind(t, err, name)
		}
		flips := max(1, len(good)/130)
		for i := 0; i < len(good); i += flips {
			for _, flip := range []byte{0x01, 0x80, 0xff} {
				bad := append([]byte{}, good...)
				bad[i] ^= flip
				write(bad)
				checkKind(t, readAll(t, dir, name), name)
			}
		}
	}
}

// sounds gives small files of every kind of page, encoding and compression.
func sounds(t testing.TB) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for _, name := range []string{
		"small", "int96", "types_v1", "types_v2", "spine", "runs_v1", "runs_v2", "spark_micros", "spark_lz4", "duckdb_v2", "empty", "pages_delta",
	} {
		b, err := os.ReadFile(filepath.Join("testdata", name+".parquet"))
		if err != nil {
			t.Fatal(err)
		}
		all[name] = b
	}
	return all
}

// tried reads a file's bytes as a table and as a spine, and panics where that
// takes long: a fuzzer tells the input of a panic.
func tried(t *testing.T, b []byte) {
	t.Helper()
	const name = "f.parquet"
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := parquet.New(dir).List(t.Context(), &feature.Table{Source: "s", Parquet: []string{name}})
	if err == nil && list[0].Rows > 1<<20 {
		return // so many nulls are a few bytes, and take their time
	}
	watch := time.AfterFunc(10*time.Second, func() { panic("reading hangs") })
	defer watch.Stop()
	checkKind(t, readAll(t, dir, name), name)
	checkKind(t, readSpine(t.Context(), filepath.Join(dir, name)), name)
}

func FuzzTableFile(f *testing.F) {
	for _, b := range sounds(f) {
		f.Add(b)
	}
	f.Fuzz(tried)
}

// FuzzDamage changes bytes of sound files, three bytes of edits for each: two for
// the place and one for what to change there. Most of a file stays as it was, so
// that the damage is found deep inside.
func FuzzDamage(f *testing.F) {
	files := sounds(f)
	for name := range files {
		f.Add(name, []byte{0, 100, 0x80})
		f.Add(name, []byte{4, 0, 0xff, 1, 2, 0x01})
	}
	f.Fuzz(func(t *testing.T, name string, edits []byte) {
		sound := files[name]
		if len(sound) == 0 || len(edits) > 30 {
			return
		}
		b := bytes.Clone(sound)
		for ; len(edits) >= 3; edits = edits[3:] {
			place := int(edits[0])<<8 | int(edits[1])
			b[place%len(b)] ^= edits[2]
		}
		tried(t, b)
	})
}

func FuzzSpine(f *testing.F) {
	for _, b := range sounds(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "f.parquet")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := parquet.OpenSpine(path)
		if err != nil {
			checkKind(t, err, "f.parquet")
			return
		}
		rows := s.Source().Rows
		if err := s.Close(); err != nil || rows > 1<<20 {
			return // so many nulls are a few bytes, and take their time
		}
		watch := time.AfterFunc(10*time.Second, func() { panic("reading hangs") })
		defer watch.Stop()
		checkKind(t, readSpine(t.Context(), path), "f.parquet")
	})
}

func TestWhatIsNoParquetFileIsSaidSo(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("empty.parquet", "")
	write("short.parquet", "PAR1PAR1")
	write("text.parquet", "id,name\n1,one\n2,two\n")
	write("cut.parquet", "PAR1"+strings.Repeat("x", 100))
	write("footer.parquet", "PAR1"+strings.Repeat("x", 100)+"\xff\xff\xff\x7fPAR1")
	write("secret.parquet", "PARE"+strings.Repeat("x", 100)+"\x08\x00\x00\x00PARE")
	for name, want := range map[string]string{
		"empty.parquet": "empty", "short.parquet": "no Parquet file", "text.parquet": "no Parquet file", "cut.parquet": "cut short",
		"footer.parquet": "claimed", "secret.parquet": "encrypted",
	} {
		tab := &feature.Table{Source: "s", Parquet: []string{name}}
		_, err := parquet.New(dir).List(t.Context(), tab)
		if !errors.Is(err, feature.ErrInvalid) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v, want an error with %q", name, err, want)
		}
	}
	if _, err := parquet.OpenSpine(dir); !errors.Is(err, feature.ErrInvalid) || !strings.Contains(err.Error(), "folder") {
		t.Errorf("a folder as spine: %v", err)
	}
	if _, err := parquet.OpenSpine(filepath.Join(dir, "none.parquet")); !errors.Is(err, feature.ErrNotFound) {
		t.Errorf("a missing spine: %v", err)
	}
}
